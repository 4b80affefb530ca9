"""Whisper's log-mel spectrum of many recordings at once, each over its own length."""

from collections.abc import Sequence
from typing import Any

import numpy as np

DECADES = 8.0
"""The dynamic range of a spectrum, in powers of ten: lower values are raised to this far below the maximum."""
MIN_POWER = 1e-10
"""The smallest power of a band before the logarithm."""


def log_mel(waveforms: Sequence[np.ndarray], prepare: Any, frames: Sequence[int]) -> list[Any]:
    """Return the log-mel spectrum of each recording.

    The formula is that of `WhisperFeatureExtractor`. It pads a recording with zeros to 30 s. Here a recording is padded
    only as far as its frames reach, so that its frames have the same values:

    - the maximum that limits the range is taken over all frames that touch the recording. Later frames of the padded
      recording are silent, and do not change it;
    - frames after the last that touches the recording have the value of silence.

    Args:
        waveforms: samples at 16 kHz, float32 of shape (n,) each, with n at least 1.
        prepare: a `WhisperFeatureExtractor`.
        frames: the number of frames to return for each recording.

    Returns:
        float32 tensors of shape (frames, bands).
    """
    import torch

    size, hop = prepare.n_fft, prepare.hop_length
    touched = [min((len(w) + size // 2 - 1) // hop + 1, prepare.nb_max_frames) for w in waveforms]
    rows = torch.cat([_windows(w, count, prepare) for w, count in zip(waveforms, touched, strict=True)])
    rows = rows * torch.hann_window(size)
    power = torch.view_as_real(torch.fft.rfft(rows)).square().sum(-1)  # (frames, bins)
    filters = torch.as_tensor(prepare.mel_filters, dtype=torch.float32)
    spectra = (power @ filters).clamp_(min=MIN_POWER).log10_()  # (frames, bands)
    return [_in_range(s, wanted) for s, wanted in zip(spectra.split(touched), frames, strict=True)]


def _windows(samples: np.ndarray, count: int, prepare: Any) -> Any:
    """Return the windows of a recording, the first centred on its first sample; shape (count, n_fft).

    Zeros follow the recording. The start and the end of 30 s are mirrored, as in a centred STFT.
    """
    import torch

    half, end = prepare.n_fft // 2, prepare.n_samples
    following = torch.zeros(max(half + 1, (count - 1) * prepare.hop_length + half))
    following[: len(samples)] = torch.as_tensor(samples[: len(following)])
    if len(following) > end:
        following[end:] = following[2 * end - len(following) - 1 : end - 1].flip(0)
    padded = torch.cat([following[1 : half + 1].flip(0), following])
    return padded.as_strided((count, prepare.n_fft), (prepare.hop_length, 1))


def _in_range(spectrum: Any, frames: int) -> Any:
    """Limit a spectrum's range, scale it as Whisper does, and cut it or continue it by silence."""
    import torch

    lowest = (spectrum.max() - DECADES).clamp(min=float(np.log10(MIN_POWER)))
    spectrum = torch.maximum(spectrum[:frames], lowest)
    if len(spectrum) < frames:
        silence = lowest.expand(frames - len(spectrum), spectrum.shape[1])
        spectrum = torch.cat([spectrum, silence])
    return (spectrum + 4.0) / 4.0
