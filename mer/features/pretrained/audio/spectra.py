"""Networks that read spectra as their own feature extractor makes them: w2v-BERT, AST and others."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mer.features.pretrained import activations
from mer.features.pretrained.audio.audio_networks import LONGEST, on_device, prepared, zero_padded
from mer.features.pretrained.loading import WeightMismatch

SHORTEST = 1600
"""The number of samples up to which zeros are appended: ten frames of a spectrum, which normalisation needs."""
WINDOW, HOP = 400, 160
"""The window and the hop of AST's spectrum, in samples."""
ADDED_TOKENS = 2
"""The number of AST's tokens before those of the patches: one of class, one of distillation."""


class SpectrumNetwork:
    """A network that reads spectra; an `AudioNetwork`.

    Recordings of equal length share a batch. Frames that the feature extractor masks, or that its padding to a fixed
    length adds, are left out.

    Raises:
        WeightMismatch: the network has no such layer, or reads its own length or the recording's whatever `context` is.
    """

    padding = 0.0

    def __init__(self, model: Any, prepare: Any, layer: int | str, context: str, location: str) -> None:
        inner = activations.body(model)
        self._own = getattr(prepare, "n_samples", None)
        if (self._own is None) != (context == "clip"):
            length = "only its own length; use `full`" if self._own else "the length of a recording; use `clip`"
            raise WeightMismatch(f"{location}.context: {type(inner).__name__} reads {length}")
        self._prepare, self.longest = prepare, self._own or LONGEST
        self._read = activations.read_activations(model, layer, f"{location}.layer")
        self._weight = next(inner.parameters())

    def length(self, samples: int) -> int:
        return max(samples, SHORTEST)

    def run(self, waveforms: Sequence[np.ndarray]) -> list[list[Any]]:
        ready = on_device(_batch(self._prepare, waveforms), self._weight)
        mask = ready.get("attention_mask")
        states, share = self._read(ready), len(waveforms[0]) / self._own if self._own else 1.0
        return [
            [_held(state[row], None if mask is None else mask[row], share) for state in states]
            for row in range(len(waveforms))
        ]


class PatchNetwork:
    """AST, which reads patches of a spectrum; an `AudioNetwork`.

    The patches of one time are averaged over frequency to one frame; the two tokens before them are left out. With
    `context: clip` the network reads the frames of the recording and no more: its positions are cut in time. With
    `full` it reads its own length, padded by its feature extractor, and the frames that hold audio are returned.

    Raises:
        WeightMismatch: the network has no such layer.
    """

    padding = 0.0

    def __init__(self, model: Any, prepare: Any, layer: int | str, context: str, location: str) -> None:
        inner = activations.body(model)
        self._prepare, self._config, self._cut = prepare, inner.config, context == "clip"
        self._embeddings, self._weight = inner.embeddings, next(inner.parameters())
        self._read = activations.read_activations(model, layer, f"{location}.layer")
        self._bands = self._patches(self._config.num_mel_bins, self._config.frequency_stride)
        self._times = self._patches(self._config.max_length, self._config.time_stride)
        self.longest = (self._config.max_length - 1) * HOP + WINDOW

    def length(self, samples: int) -> int:
        return max(samples, SHORTEST)

    def run(self, waveforms: Sequence[np.ndarray]) -> list[list[Any]]:
        ready = on_device(_batch(self._prepare, waveforms), self._weight)
        times = self._held(max(len(waveforms[0]), SHORTEST))
        states = self._read_cut(ready, times) if self._cut else self._read(ready)
        read = times if self._cut else self._times
        return [[self._frames(state[row], read)[:times] for state in states] for row in range(len(waveforms))]

    def _read_cut(self, inputs: dict[str, Any], times: int) -> list[Any]:
        """Run the network on the first frames of a spectrum, with the positions of these frames."""
        import torch

        name, every = self._prepare.model_input_names[0], self._embeddings.position_embeddings
        frames = (times - 1) * self._config.time_stride + self._config.patch_size
        grid = every[:, ADDED_TOKENS:].unflatten(1, (self._bands, self._times))[:, :, :times].flatten(1, 2)
        self._embeddings.position_embeddings = torch.nn.Parameter(torch.cat([every[:, :ADDED_TOKENS], grid], dim=1))
        try:
            return self._read(inputs | {name: inputs[name][:, :frames]})
        finally:
            self._embeddings.position_embeddings = every

    def _frames(self, state: Any, times: int) -> Any:
        if state.ndim == 1 or len(state) != ADDED_TOKENS + self._bands * times:
            return state  # after the network's own pooling
        return state[ADDED_TOKENS:].unflatten(0, (self._bands, times)).mean(dim=0)

    def _held(self, samples: int) -> int:
        """Return the number of times whose patches hold audio."""
        beyond = 1 + (samples - WINDOW) // HOP - self._config.patch_size
        return min(self._times, 1 + max(0, math.ceil(beyond / self._config.time_stride)))

    def _patches(self, size: int, stride: int) -> int:
        return (size - self._config.patch_size) // stride + 1


def _batch(prepare: Any, waveforms: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return the inputs of a network for recordings of equal length."""
    import torch

    ready = [prepared(prepare, zero_padded(w, SHORTEST)) for w in waveforms]
    return {name: torch.cat([r[name] for r in ready]) for name in ready[0]}


def _held(state: Any, mask: Any | None, share: float) -> Any:
    """Return the frames of a recording without padding, or the vector after the network's own pooling.

    Args:
        state: shape (frames, width) or (width,).
        mask: whether a frame is no padding, shape (frames,); of another shape it is not of these frames.
        share: the share of the network's own length that the recording takes.
    """
    if state.ndim == 1:
        return state
    if mask is not None and len(mask) == len(state):
        return state[mask.bool()]
    return state[: max(1, math.ceil(len(state) * share))]
