"""Running a pretrained network on recordings: what each family of networks reads, and which recordings share a batch.

A recording's activations do not depend on the other recordings of its batch, apart from the rounding of sums:

- networks that read samples and that leave masked frames out (`MASKED`) run on batches of similar length with a mask;
- Whisper's encoder runs on recordings one after the other, without padding (whisper_encoder.py);
- all other networks run on recordings of equal length together, without padding.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mer import files
from mer.features.pretrained import activations, loading
from mer.features.pretrained.audio import fast_linear
from mer.features.pretrained.loading import WeightMismatch
from mer.media.audio import RATE_HZ
from mer.params.features import AudioFeatures

LONGEST = 30 * RATE_HZ
"""The longest recording that a network reads at once, in samples, unless the network states a shorter one."""
MASKED = {"wav2vec2", "hubert", "wavlm"}
"""Types of networks whose frames do not depend on masked frames."""


class AudioNetwork(Protocol):
    """A network that reads recordings at 16 kHz.

    Attributes:
        longest: the longest recording that it reads at once, in samples.
        padding: the largest share of a batch that may be padding, as in `batches.by_length`.
    """

    longest: int
    padding: float | None

    def length(self, samples: int) -> int:
        """Return how many samples the network computes for a recording of `samples`."""

    def run(self, waveforms: Sequence[np.ndarray]) -> list[list[Any]]:
        """Return the activations of each recording: per layer, shape (frames, width), without frames of padding.

        A module after the network's own pooling gives shape (width,).

        Args:
            waveforms: float32 of shape (n,) each, at least one sample and at most `longest`.
        """


def feature_extractor(folder: Path, parameter: str) -> Any:
    """Return the feature extractor of transformers that belongs to a network.

    Raises:
        WeightMismatch: there is none, or it takes another sampling rate.
    """
    from transformers import AutoFeatureExtractor

    with loading.load_errors(f"{parameter}: {files.to_root(folder)}/preprocessor_config.json"):
        prepare = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    rate = getattr(prepare, "sampling_rate", None)
    if rate != RATE_HZ or prepare.model_input_names[0] not in ("input_values", "input_features"):
        raise WeightMismatch(f"{parameter}: {files.to_root(folder)} takes {prepare.model_input_names[0]} at {rate} Hz, "
                             f"and audio here is at {RATE_HZ} Hz")  # fmt: skip
    return prepare


def prepared(prepare: Any, samples: np.ndarray) -> dict[str, Any]:
    """Return the tensors that a feature extractor makes of one recording; shape (1, ...) each."""
    return dict(prepare(samples, sampling_rate=RATE_HZ, return_tensors="pt"))


def zero_padded(samples: np.ndarray, shortest: int) -> np.ndarray:
    """Return samples with zeros appended up to a length."""
    return np.pad(samples, (0, max(0, shortest - len(samples))))


def without_padding(state: Any, frames: int, parameter: str) -> Any:
    """Return the frames of a recording, of shape (all frames, width), without those of padding.

    Raises:
        WeightMismatch: there are too few, because the module is among the convolutions.
    """
    if state.shape[0] < frames:
        raise WeightMismatch(f"{parameter}: the module gives {state.shape[0]} vectors where the network has {frames} "
                             "frames: name one above its convolutions")  # fmt: skip
    return state[:frames]


def on_device(inputs: dict[str, Any], weight: Any) -> dict[str, Any]:
    """Return tensors on the device of a network's weight, numbers with a fraction in its precision."""
    return {n: x.to(weight.device, weight.dtype if x.is_floating_point() else None) for n, x in inputs.items()}


def rows(states: Sequence[Any], frames: Sequence[int | None], parameter: str) -> list[list[Any]]:
    """Return the activations of each recording of a batch.

    Args:
        states: per layer, shape (batch, frames, width), or (batch, width) after the network's own pooling.
        frames: the number of frames that are no padding; None for all.
        parameter: the parameter that messages name.
    """
    return [
        [state[row] if count is None or state.ndim == 2 else without_padding(state[row], count, parameter)
         for state in states]
        for row, count in enumerate(frames)
    ]  # fmt: skip


def number_type(precision: str, device: str, parameter: str) -> Any:
    """Return the type of numbers that a network computes in.

    Args:
        precision: as in `params.features.AudioFeatures`.
        device: cpu, cuda or mps.
        parameter: the parameter that messages name.

    Raises:
        ValueError: the device does not compute in this type.
    """
    import torch

    if precision == "full":
        return torch.float32
    if device == "cpu":
        able = precision == "bf16" and torch.cpu._is_avx512_bf16_supported()
    elif device == "cuda":
        able = precision == "fp16" or torch.cuda.get_device_capability()[0] >= 8
    else:
        able = precision == "fp16"
    if not able:
        raise ValueError(f"{parameter}: the device ({device}) does not compute in {precision}; use `full`, or another "
                         "compute.device")  # fmt: skip
    return {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def open_network(model: Any, prepare: Any, section: AudioFeatures, device: str) -> AudioNetwork:
    """Return a network ready to run.

    Args:
        model: a network of transformers in evaluation mode.
        prepare: its feature extractor.
        section: the parameters of the input.
        device: cpu, cuda or mps.

    Raises:
        ValueError: the device does not compute in the precision.
        WeightMismatch: the network has no such layer, or does not read its own full length.
    """
    from mer.features.pretrained.audio import spectra, waves, whisper_input

    layer, context, location = section.layer, section.context, section.location
    model.to(device, number_type(section.precision, device, f"{location}.precision"))
    fast_linear.accelerate(model)
    if whisper_input.applies(model, prepare):
        return whisper_input.WhisperNetwork(model, prepare, layer, context, location)
    if hasattr(activations.body(model).config, "time_stride"):
        return spectra.PatchNetwork(model, prepare, layer, context, location)
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)  # silence has no deviation to divide by
    reads_samples = prepared(prepare, noise)[prepare.model_input_names[0]].ndim == 2
    network = waves.WaveNetwork if reads_samples else spectra.SpectrumNetwork
    return network(model, prepare, layer, context, location)
