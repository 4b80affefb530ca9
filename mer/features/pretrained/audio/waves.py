"""Networks that read samples: wav2vec 2.0, HuBERT, WavLM, data2vec and their like."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mer.features.pretrained import activations
from mer.features.pretrained.audio.audio_networks import LONGEST, MASKED, on_device, prepared, rows, zero_padded
from mer.features.pretrained.loading import WeightMismatch

WRAPPED = "unpadded_stack."
"""The part of the name of a tensor that the wrapper of convolutions adds (`_recording_by_recording`)."""


class WaveNetwork:
    """A network that reads samples; an `AudioNetwork`. Each recording is normalised by itself.

    Raises:
        WeightMismatch: the network has no such layer, or `context` is `full`.
    """

    longest = LONGEST

    def __init__(self, model: Any, prepare: Any, layer: int | str, context: str, location: str) -> None:
        inner = activations.body(model)
        if context == "full":
            raise WeightMismatch(f"{location}.context: {type(inner).__name__} has no length of its own; use `clip`")
        self._parameter, self._prepare, self._config = f"{location}.layer", prepare, inner.config
        self._read = activations.read_activations(model, layer, self._parameter)
        self._weight, self._stack, self._inner = next(inner.parameters()), None, inner
        self.shortest = _shortest(self._config)
        if getattr(self._config, "feat_extract_norm", None) == "group":
            self._stack = inner.feature_extractor = _recording_by_recording(inner.feature_extractor)
        whole = not getattr(self._config, "add_adapter", False) and not getattr(
            self._config, "conv_pos_batch_norm", False
        )
        self.padding = None if self._config.model_type in MASKED and whole else 0.0

    def length(self, samples: int) -> int:
        return max(samples, self.shortest)

    def run(self, waveforms: Sequence[np.ndarray]) -> list[list[Any]]:
        import torch

        ready = self._ready(waveforms)
        lengths = [len(r) for r in ready]
        values = torch.nn.utils.rnn.pad_sequence(ready, batch_first=True)
        if self._stack is not None:
            self._stack.lengths = lengths
        return self._states_of(values, lengths)

    def lower_frames(self, waveforms: Sequence[np.ndarray], layer: int) -> list[Any]:
        """Return the output of the convolutions; shape (frames, channels) for each recording.

        Args:
            layer: is 0, because blocks are not among it.
        """
        found = []
        for values in self._ready(waveforms):
            if self._stack is not None:
                self._stack.lengths = [len(values)]
            found.append(self._inner.feature_extractor(values[None].to(self._weight.device))[0].T)
        return found

    def run_upper(self, frames: Sequence[Any], layer: int) -> list[list[Any]]:
        """Return what `run` returns, from the output of the convolutions."""
        import torch

        padded = torch.nn.utils.rnn.pad_sequence(list(frames), batch_first=True).transpose(1, 2)
        lengths = [_samples(len(one), self._config) for one in frames]
        convolutions, self._inner.feature_extractor = self._inner.feature_extractor, _constant(padded)
        try:
            return self._states_of(padded.new_zeros(len(frames), max(lengths)), lengths)
        finally:
            self._inner.feature_extractor = convolutions

    def _ready(self, waveforms: Sequence[np.ndarray]) -> list[Any]:
        name = self._prepare.model_input_names[0]
        return [prepared(self._prepare, zero_padded(w, self.shortest))[name][0] for w in waveforms]

    def _states_of(self, values: Any, lengths: list[int]) -> list[list[Any]]:
        """Return the activations of padded samples, shape (batch, samples)."""
        import torch

        inputs, frames = {self._prepare.model_input_names[0]: values}, [None] * len(lengths)
        if min(lengths) < max(lengths):
            mask = torch.arange(values.shape[1]) < torch.tensor(lengths)[:, None]
            inputs["attention_mask"], frames = mask.long(), [_frames(n, self._config) for n in lengths]
        with warnings.catch_warnings():
            # WavLM passes a mask of numbers and one of booleans to torch, which warns about different types.
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask and attn_mask")
            states = self._read(on_device(inputs, self._weight))
        return rows(states, frames, self._parameter)


def _recording_by_recording(stack: Any) -> Any:
    """Wrap convolutions that normalise over time, so that each row of a batch is run without its padding."""
    import torch

    class Unpadded(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unpadded_stack, self.lengths = stack, []

        def forward(self, values: torch.Tensor) -> torch.Tensor:  # (batch, samples) -> (batch, channels, frames)
            done = [self.unpadded_stack(row[None, :n])[0].T for row, n in zip(values, self.lengths, strict=True)]
            return torch.nn.utils.rnn.pad_sequence(done, batch_first=True).transpose(1, 2)

    return Unpadded()


def _constant(output: Any) -> Any:
    """Return a module that has been computed before."""
    import torch

    class Constant(torch.nn.Module):
        def forward(self, _: torch.Tensor) -> torch.Tensor:
            return output

    return Constant()


def _shortest(config: Any) -> int:
    """Return the number of samples that the convolutions need for one frame."""
    return _samples(1, config)


def _samples(frames: int, config: Any) -> int:
    """Return the number of samples that the convolutions need for some frames."""
    samples = frames
    for kernel, stride in _convolutions(config)[::-1]:
        samples = (samples - 1) * stride + kernel
    return samples


def _frames(samples: int, config: Any) -> int:
    for kernel, stride in _convolutions(config):
        samples = (samples - kernel) // stride + 1
    return samples


def _convolutions(config: Any) -> list[tuple[int, int]]:
    return list(zip(getattr(config, "conv_kernel", ()), getattr(config, "conv_stride", ()), strict=True))
