"""Pretrained networks for sound: wav2vec 2.0, HuBERT, WavLM, Whisper's encoder and others of transformers.

A clip is cut into chunks (windows of 4 s, or parts of at most 30 s), the chunks of all clips are run in batches of
like length, and each clip's chunks are pooled. What company a chunk has does not matter to its result:

- it is normalised by itself, as the network's own feature extractor does it;
- where the first convolutions normalise over time ("group": wav2vec2-base, hubert-base, wavlm-base), which would take
  padding in, they run chunk by chunk, and only the blocks above run as a batch, with a mask;
- networks whose blocks are not known to leave masked frames out run on one chunk at a time;
- Whisper looks at 30 s whatever the length, as it was trained; only frames that hold sound are pooled.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer import files
from mer.features.extractor import Extractor, Resources, Unavailable, VectorFunction
from mer.features.pretrained import activations, batches, loading, locations, pooling
from mer.features.pretrained.loading import WeightMismatch
from mer.media.audio import RATE_HZ
from mer.params.schema import AudioFeatures

VERSION = 1
WINDOW, STEP = 4 * RATE_HZ, 2 * RATE_HZ
"""samples; a shorter window is repeated to this length, as the paper does"""
LONGEST = 30 * RATE_HZ
"""samples: longer clips are cut into equal parts, so that memory stays flat; frames do not see over a cut"""
BUDGET = 64 * RATE_HZ
"""samples of a batch, padding included: attention takes memory with the square of a chunk's length"""
MASKED = {"wav2vec2", "hubert", "wavlm"}
"""networks whose frames do not depend on masked ones"""


def describe(section: AudioFeatures) -> dict:
    """Return what determines a vector besides its sound.

    With `layer: all`, `layers` is among it: the vector is that many vectors of equal width one after the other, from
    before the first block to after the last: networks learn their weights, linear models take them side by side.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
    """
    folder, weights = _place(section)
    made = loading.empty_network(folder, weights, activations.by_name(section.layer), f"{section.location}.model")
    layers, width = activations.shape(made, section.layer, f"{section.location}.layer")
    return {
        "model": locations.digest(folder, weights),
        "layer": section.layer,
        "pooling": section.pooling,
        "width": layers * width * (1 if section.pooling == "mean" else 2),
        **({"layers": layers} if section.layer == activations.ALL else {}),
    }


def open_extractor(section: AudioFeatures, resources: Resources) -> VectorFunction:
    """Return the function from clips to vectors. Clips are asked for one by one, twice each: a lazy sequence will do.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
    """
    folder, weights = _place(section)
    network = _network(folder, weights, section, resources.device)

    def compute(clips: Sequence[np.ndarray]) -> list[np.ndarray | Unavailable]:
        chunks = [chunk for n in range(len(clips)) for chunk in _cut(n, len(clips[n]), section.pooling)]
        found: dict[int, list[tuple[int, pooling.Summary]]] = {}
        budget = BUDGET if network.batched else 1
        for batch in batches.by_length([network.length(p) for p in chunks], budget):
            chosen = [chunks[i] for i in batch]
            summaries = network.run([_samples(clips[p.clip], p) for p in chosen], section.pooling)
            for chunk, summary in zip(chosen, summaries, strict=True):
                found.setdefault(chunk.clip, []).append((chunk.start, summary))
        return [_vector(found[n], section.pooling) for n in range(len(clips))]

    return compute


@dataclass(frozen=True)
class _Chunk:
    """Samples [start, stop) of a clip; `fill` is the length that they are repeated to."""

    clip: int
    start: int
    stop: int
    fill: int = 0


@dataclass(frozen=True)
class _Network:
    """A network with its input, from samples to summaries.

    Attributes:
        prepare: transformers' feature extractor.
        shortest: samples that the convolutions need to give one frame.
        batched: whether chunks may share a batch.
        parameter: the parameter that messages name, such as `features.audio.layer`.
        stack: the convolutions, where they are run chunk by chunk.
    """

    tap: activations.ActivationReader
    prepare: Any
    config: Any
    device: str
    shortest: int
    batched: bool
    parameter: str
    stack: Any = None

    @property
    def spectral(self) -> bool:
        return self.prepare.model_input_names[0] == "input_features"

    def length(self, chunk: _Chunk) -> int:
        """Return how many samples the network takes for a chunk."""
        return LONGEST if self.spectral else max(chunk.stop - chunk.start, chunk.fill, self.shortest)

    def run(self, waveforms: list[np.ndarray], pooled: str) -> list[pooling.Summary]:
        """Return the summary of each sound; shape (n,) float32 each."""
        inputs, frames = self._spectra(waveforms) if self.spectral else self._waves(waveforms)
        with activations.full_precision(), warnings.catch_warnings():
            # WavLM gives torch one mask of numbers and one of truths, which torch would rather have alike.
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask and attn_mask")
            states = self.tap({name: tensor.to(self.device) for name, tensor in inputs.items()})
            return [_summary([s[row] for s in states], n, pooled, self.parameter) for row, n in enumerate(frames)]

    def _waves(self, waveforms: list[np.ndarray]) -> tuple[dict, list[int | None]]:
        import torch

        ready = [self._prepared(np.pad(s, (0, max(0, self.shortest - len(s))))) for s in waveforms]
        lengths = [len(r) for r in ready]
        values = torch.nn.utils.rnn.pad_sequence([torch.as_tensor(r) for r in ready], batch_first=True)
        if self.stack is not None:
            self.stack.lengths = lengths
        if len(waveforms) == 1:
            return {"input_values": values}, [None]
        mask = torch.arange(values.shape[1]) < torch.tensor(lengths)[:, None]
        masks = {} if min(lengths) == max(lengths) else {"attention_mask": mask.long()}
        return {"input_values": values, **masks}, [_frames(n, self.config) for n in lengths]

    def _spectra(self, waveforms: list[np.ndarray]) -> tuple[dict, list[int | None]]:
        import torch

        values = torch.stack([torch.as_tensor(self._prepared(s)) for s in waveforms])  # (batch, mels, 3000)
        hop = 2 * self.prepare.hop_length  # the second convolution halves
        return {"input_features": values}, [math.ceil(len(s) / hop) for s in waveforms]

    def _prepared(self, sound: np.ndarray) -> np.ndarray:
        return self.prepare(sound, sampling_rate=RATE_HZ, return_tensors="np")[self.prepare.model_input_names[0]][0]


def _place(section: AudioFeatures) -> tuple[Path, Path | None]:
    folder = locations.find(section.model, section.revision, f"{section.location}.model")
    return folder, locations.checkpoint(section.weights, f"{section.location}.weights")


def _network(folder: Path, weights: Path | None, section: AudioFeatures, device: str) -> _Network:
    made = loading.network(folder, weights, activations.by_name(section.layer), f"{section.location}.model")
    activations.shape(
        made, section.layer, f"{section.location}.layer"
    )  # a layer that is not there is told before anything runs
    tap, inner = activations.read_activations(made, section.layer, f"{section.location}.layer"), activations.body(made)
    prepare, config, stack = _feature_extractor(folder, f"{section.location}.model"), inner.config, None
    if getattr(config, "feat_extract_norm", None) == "group":
        stack = inner.feature_extractor = _chunk_by_chunk(inner.feature_extractor)
    made.to(device)
    whole = not getattr(config, "add_adapter", False) and not getattr(config, "conv_pos_batch_norm", False)
    batched = config.model_type == "whisper" or (config.model_type in MASKED and whole)
    return _Network(tap, prepare, config, device, _shortest(config), batched, f"{section.location}.layer", stack)


def _feature_extractor(folder: Path, parameter: str) -> Any:
    from transformers import AutoFeatureExtractor

    with loading.load_errors(f"{parameter}: {files.to_root(folder)}/preprocessor_config.json"):
        prepare = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    takes, rate = prepare.model_input_names[0], getattr(prepare, "sampling_rate", None)
    if rate != RATE_HZ or takes not in ("input_values", "input_features"):
        raise WeightMismatch(f"{parameter}: {files.to_root(folder)} takes {takes} at {rate} Hz, and sound here "
                             f"is at {RATE_HZ} Hz")  # fmt: skip
    if takes == "input_features" and type(prepare).__name__ != "WhisperFeatureExtractor":
        raise WeightMismatch(f"{parameter}: {files.to_root(folder)} takes spectra, which only Whisper may here")
    return prepare


def _chunk_by_chunk(stack: Any) -> Any:
    """Wrap convolutions so that each row of a batch is run without the padding, over which they would normalise."""
    import torch

    class Unpadded(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stack, self.lengths = stack, []

        def forward(self, values: torch.Tensor) -> torch.Tensor:  # (batch, samples) -> (batch, channels, frames)
            rows = [self.stack(row[None, :n])[0].T for row, n in zip(values, self.lengths, strict=True)]
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).transpose(1, 2)

    return Unpadded()


def _shortest(config: Any) -> int:
    """Samples that the convolutions see for one frame."""
    seen = 1
    for kernel, stride in _convolutions(config)[::-1]:
        seen = (seen - 1) * stride + kernel
    return seen


def _frames(samples: int, config: Any) -> int:
    for kernel, stride in _convolutions(config):
        samples = (samples - kernel) // stride + 1
    return samples


def _convolutions(config: Any) -> list[tuple[int, int]]:
    return list(zip(getattr(config, "conv_kernel", ()), getattr(config, "conv_stride", ()), strict=True))


def _cut(clip: int, length: int, pooled: str) -> Iterator[_Chunk]:
    if pooled == "windows":
        return (_Chunk(clip, start, stop, WINDOW) for start, stop in pooling.windows(length, WINDOW, STEP))
    return (_Chunk(clip, start, stop) for start, stop in pooling.chunks(length, LONGEST))


def _samples(clip: np.ndarray, chunk: _Chunk) -> np.ndarray:
    sound = np.asarray(clip[chunk.start : chunk.stop], dtype=np.float32)
    return np.resize(sound, chunk.fill) if chunk.fill else sound


def _summary(states: list[Any], frames: int | None, pooled: str, parameter: str) -> pooling.Summary:
    """Summarise one chunk's activations: a tensor per layer, (frames, width), or (width,) after the network's pooling.

    Args:
        frames: the number of activations of audio, not padding; None for all.
        parameter: the parameter that messages name.
    """
    import torch

    if states[0].ndim == 1:
        if pooled == "mean_std":
            raise WeightMismatch(f"{parameter}: the module gives one vector per clip, so there is no deviation "
                             "over frames: use `pooling: mean` or `windows`")  # fmt: skip
        mean = torch.stack(states).cpu().numpy()
        return pooling.Summary(1, mean, np.zeros_like(mean))
    if frames is not None and states[0].shape[0] < frames:
        raise WeightMismatch(f"{parameter}: the module gives {states[0].shape[0]} vectors where the network has "
                             f"{frames} frames: name one above its convolutions")  # fmt: skip
    variance, mean = torch.var_mean(torch.stack([s[:frames] for s in states]), dim=1, correction=0)  # (layers, width)
    return pooling.Summary(states[0][:frames].shape[0], mean.cpu().numpy(), variance.cpu().numpy())


def _vector(found: list[tuple[int, pooling.Summary]], pooled: str) -> np.ndarray | Unavailable:
    in_order = [summary for _, summary in sorted(found, key=lambda pair: pair[0])]
    return pooling.finite(pooling.pool(in_order, pooled))


EXTRACTOR = Extractor(version=VERSION, describe=describe, open=open_extractor, scaling="each", trained=True)
