"""Whisper's encoder as an audio network: on a recording's own length, or on its own 30 s."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mer.features.pretrained import activations
from mer.features.pretrained.audio import whisper_encoder
from mer.features.pretrained.audio.audio_networks import rows
from mer.features.pretrained.audio.log_mel import log_mel
from mer.features.pretrained.loading import WeightMismatch


def applies(model: Any, prepare: Any) -> bool:
    """Return whether a network is Whisper, with its log-mel spectra."""
    return whisper_encoder.is_whisper(activations.body(model)) and type(prepare).__name__ == "WhisperFeatureExtractor"


class WhisperNetwork:
    """Whisper's encoder; an `AudioNetwork`.

    With `context: clip` the encoder reads the frames of the recording and no more: the spectrum and the positions are
    cut. With `full` it reads 30 s, as it was trained, and the frames that hold audio are returned. The frames of the
    spectrum have the same values in both cases (log_mel.py). Activations differ, because attention and the
    convolutions of `full` also read the silence that follows.

    Attributes:
        augment: function that training applies to the spectrum of each recording, shape (frames, bands); None for none.

    Raises:
        WeightMismatch: the network has no such layer, or a module outside the encoder is named with `context: clip`.
    """

    padding = 1.0  # recordings of any length share a batch, because they are packed without padding

    def __init__(self, model: Any, prepare: Any, layer: int | str, context: str, location: str) -> None:
        self._encoder, self._prepare, self._parameter = activations.body(model), prepare, f"{location}.layer"
        self._shift = whisper_encoder.FRAME_SHIFTS * prepare.hop_length  # samples per frame of the encoder
        self._positions = self._encoder.config.max_source_positions
        self.longest, self._full = min(prepare.n_samples, self._positions * self._shift), context == "full"
        self._numbers, self._module, self._read, self.augment = [], None, None, None
        if not activations.by_name(layer):
            self._numbers = activations.layer_numbers(model, layer, self._parameter)
            return
        self._module = activations.module(model, layer, self._parameter)
        if not any(m is self._module for m in self._encoder.layers.modules()):
            if not self._full:
                raise WeightMismatch(f"{self._parameter}: {layer!r} is in no block of Whisper's encoder and needs "
                                     "the whole network: use `context: full`, or name a module in one")  # fmt: skip
            self._read = activations.read_activations(model, layer, self._parameter)

    def length(self, samples: int) -> int:
        return self.longest if self._full else self._frames(samples) * self._shift

    def run(self, waveforms: Sequence[np.ndarray]) -> list[list[Any]]:
        import torch

        weight = self._encoder.conv1.weight
        held = [self._frames(len(w)) for w in waveforms]
        lengths = [self._positions] * len(held) if self._full else held
        spectra = log_mel(waveforms, self._prepare, [whisper_encoder.FRAME_SHIFTS * n for n in lengths])
        spectra = [s.to(weight.device, weight.dtype) for s in spectra]
        if self.augment is not None:
            spectra = [self.augment(spectrum) for spectrum in spectra]
        if self._read is not None:
            states = self._read({"input_features": torch.stack(spectra).transpose(1, 2)})
            return rows(states, held, self._parameter)
        parts = [state.split(lengths) for state in self._states(spectra)]
        return [[part[n][:count] for part in parts] for n, count in enumerate(held)]

    def lower_frames(self, waveforms: Sequence[np.ndarray], layer: int) -> list[Any]:
        """Return the activations of one layer; shape (frames, width) for each recording."""
        numbers, self._numbers = self._numbers, [layer]
        try:
            return [states[0] for states in self.run(waveforms)]
        finally:
            self._numbers = numbers

    def run_upper(self, frames: Sequence[Any], layer: int) -> list[list[Any]]:
        """Return what `run` returns, from the activations of one layer."""
        import torch

        lengths, states = [len(one) for one in frames], []
        read = lambda number, state: states.append(state) if number in self._numbers else None  # noqa: E731
        layers = layer, self._numbers[-1]
        whisper_encoder.run_blocks(self._encoder, torch.cat(list(frames)), lengths, read, layers)
        parts = [state.split(lengths) for state in states]
        return [[part[n] for part in parts] for n in range(len(lengths))]

    def _states(self, spectra: list[Any]) -> list[Any]:
        """Return the packed activations of each layer that is read."""
        if self._module is not None:
            blocks = len(self._encoder.layers)
            run = lambda: whisper_encoder.run(self._encoder, spectra, lambda *_: None, blocks)  # noqa: E731
            return [activations.output_of(self._module, run)]
        states: list[Any] = []
        read = lambda number, state: states.append(state) if number in self._numbers else None  # noqa: E731
        whisper_encoder.run(self._encoder, spectra, read, self._numbers[-1])
        return states

    def _frames(self, samples: int) -> int:
        """Return the number of the encoder's frames that hold audio."""
        return math.ceil(samples / self._shift)
