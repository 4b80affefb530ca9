"""Pretrained networks for audio: Whisper's encoder, wav2vec 2.0, HuBERT, WavLM, data2vec, w2v-BERT, AST and others.

A recording is cut into chunks (windows of 4 s, or equal parts that a network can read at once), the chunks of all
recordings are run in batches of similar length, and each recording's chunks are pooled. A chunk's result does not
depend on its batch, apart from the rounding of sums (`mer.features.pretrained.audio.audio_networks`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer import pools
from mer.features.extractor import Extractor, Resources, Unavailable, VectorFunction
from mer.features.pretrained import activations, batches, loading, locations, pooling
from mer.features.pretrained.audio import audio_networks
from mer.features.pretrained.audio.audio_networks import AudioNetwork
from mer.features.pretrained.loading import WeightMismatch
from mer.media.audio import RATE_HZ
from mer.params.schema import AudioFeatures

VERSION = 2
WINDOW, STEP = 4 * RATE_HZ, 2 * RATE_HZ
"""The length and the step of windows, in samples. A shorter window is repeated to this length, as the paper does."""
BUDGET = 64 * RATE_HZ
"""The number of samples of a batch, padding included. It bounds the memory that a batch takes."""


def describe(section: AudioFeatures) -> dict:
    """Return everything that determines a vector besides its recording.

    With `layer: all` it includes `layers`: the vector is that many vectors of equal width one after the other, from
    before the first block to after the last. Networks learn their weights; classical models take them side by side.
    With a single layer it includes `stored_layers`, because all layers are stored in one pass.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
    """
    folder, weights = _place(section)
    empty = loading.empty_network(folder, weights, activations.by_name(section.layer), f"{section.location}.model")
    layers, width = activations.shape(empty, section.layer, f"{section.location}.layer")
    return {
        "model": locations.digest(folder, weights),
        "layer": section.layer,
        "context": section.context,
        "pooling": section.pooling,
        **({} if section.precision == "full" else {"precision": section.precision}),
        **({} if section.crop_seconds is None else {"crop_seconds": section.crop_seconds}),
        **_size(section, layers, width, activations.body(empty).config.num_hidden_layers),
    }


def _size(section: AudioFeatures, layers: int, width: int, blocks: int) -> dict[str, int]:
    """Return the width of a vector, and how many layers and frames it holds or is stored with."""
    every = {"layers": layers} if section.layer == activations.ALL else {}
    if section.keep == "frames":
        return {"width": section.max_frames * layers * width + 1, "frames": section.max_frames, **every}
    stored = {} if every or activations.by_name(section.layer) else {"stored_layers": blocks + 1}
    return {"width": layers * width * (1 if section.pooling == "mean" else 2), **every, **stored}


def open_extractor(section: AudioFeatures, resources: Resources) -> VectorFunction:
    """Return the function from recordings to vectors. It reads each recording twice, so a lazy sequence will do.

    Raises:
        NetworkNotFound, WeightMismatch: of `mer.features.pretrained`.
        ValueError: the device does not compute in the precision.
    """
    return vector_function(_network(section, resources.device), section)


def longest_chunk(network: AudioNetwork, section: AudioFeatures) -> int:
    """Return the length of the longest segment that is read at once, in samples."""
    limit = network.longest if section.crop_seconds is None else round(section.crop_seconds * RATE_HZ)
    return min(network.longest, limit)


def vector_function(network: AudioNetwork, section: AudioFeatures) -> VectorFunction:
    """Return the function from recordings to vectors of a network in evaluation mode, as from `open_extractor`."""
    longest = longest_chunk(network, section)

    def compute(clips: Sequence[np.ndarray]) -> list[np.ndarray | Unavailable]:
        chunks = [c for n in range(len(clips)) for c in _cut(n, len(clips[n]), section.pooling, longest)]
        summaries_of: dict[int, list[tuple[int, pooling.Summary | np.ndarray]]] = {}
        lengths = [network.length(max(c.stop - c.start, c.fill)) for c in chunks]
        for batch in batches.by_length(lengths, pools.batch_size(BUDGET), network.padding):
            chosen = [chunks[i] for i in batch]
            with activations.full_precision():
                states = network.run([_samples(clips[c.clip], c) for c in chosen])
                summaries = [_summary(s, section) for s in states]
            for chunk, summary in zip(chosen, summaries, strict=True):
                summaries_of.setdefault(chunk.clip, []).append((chunk.start, summary))
        return [_vector(summaries_of.pop(n), section) for n in range(len(clips))]

    return compute


@dataclass(frozen=True)
class _Chunk:
    """Samples [start, stop) of a recording; `fill` is the length that they are repeated to."""

    clip: int
    start: int
    stop: int
    fill: int = 0


def _place(section: AudioFeatures) -> tuple[Path, Path | None]:
    folder = locations.find(section.model, section.revision, f"{section.location}.model")
    return folder, locations.checkpoint(section.weights, f"{section.location}.weights")


def _network(section: AudioFeatures, device: str) -> AudioNetwork:
    folder, weights = _place(section)
    parameter = f"{section.location}.model"
    model = loading.network(folder, weights, activations.by_name(section.layer), parameter)
    activations.shape(model, section.layer, f"{section.location}.layer")  # a wrong layer is reported at once
    prepare = audio_networks.feature_extractor(folder, parameter)
    return audio_networks.open_network(model, prepare, section, device)


def _cut(clip: int, length: int, pooled: str, longest: int) -> Iterator[_Chunk]:
    if pooled == "windows":
        return (_Chunk(clip, start, stop, WINDOW) for start, stop in pooling.windows(length, WINDOW, STEP))
    return (_Chunk(clip, start, stop) for start, stop in pooling.chunks(length, longest))


def _samples(clip: np.ndarray, chunk: _Chunk) -> np.ndarray:
    samples = np.asarray(clip[chunk.start : chunk.stop], dtype=np.float32)
    return np.resize(samples, chunk.fill) if chunk.fill else samples


def _summary(states: list[Any], section: AudioFeatures) -> pooling.Summary | np.ndarray:
    """Summarise one chunk's activations: a tensor per layer, (frames, width), or (width,) after the network's pooling.

    Returns:
        the frames, float16 of shape (frames, layers, width), if the input keeps them.
    """
    import torch

    if states[0].ndim == 1:
        if section.pooling == "mean_std" or section.keep == "frames":
            raise WeightMismatch(f"{section.location}.layer: the module gives one vector per clip, so there is no "
                             "deviation over frames: use `pooling: mean` or `windows`, and `keep: vector`")  # fmt: skip
        mean = torch.stack(states).float().cpu().numpy()
        return pooling.Summary(1, mean, np.zeros_like(mean))
    if section.keep == "frames":
        return torch.stack([state.half() for state in states], dim=1).cpu().numpy()
    moments = [torch.var_mean(state.float(), dim=0, correction=0) for state in states]
    variance, mean = (torch.stack(part).cpu().numpy() for part in zip(*moments, strict=True))  # (layers, width)
    return pooling.Summary(len(states[0]), mean, variance)


def _vector(summaries: list[tuple[int, Any]], section: AudioFeatures) -> np.ndarray | Unavailable:
    in_order = [summary for _, summary in sorted(summaries, key=lambda pair: pair[0])]
    if section.keep == "frames":
        return pooling.finite(pooling.frame_vector(in_order, section.max_frames))
    return pooling.finite(pooling.pool(in_order, section.pooling))


EXTRACTOR = Extractor(version=VERSION, describe=describe, open=open_extractor, scaling="each", trained=True,
                      stored=activations.with_all_layers)  # fmt: skip
