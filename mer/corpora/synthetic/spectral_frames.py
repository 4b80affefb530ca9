"""Short-time spectra of a signal, and the signal of short-time spectra."""

import numpy as np
from scipy import fft

from mer.corpora.synthetic.clip import RATE

FRAME, HOP = 512, 128
"""The length and the distance of spectral frames, in samples."""
FREQUENCIES = np.fft.rfftfreq(FRAME, 1 / RATE).astype(np.float32)
"""The frequencies of a spectrum, in Hz."""
WINDOW = np.sqrt(np.hanning(FRAME + 1)[:-1] / 2).astype(np.float32)
"""The window of a frame, before and after the change of its spectrum."""


def frame_count(n: int) -> int:
    """Return the number of frames of a signal of n samples."""
    return -(-n // HOP) + FRAME // HOP - 1


def spectra(signal: np.ndarray) -> np.ndarray:
    """Return the spectrum of each frame, complex of shape (frames, frequencies)."""
    count = frame_count(len(signal))
    padded = np.zeros((count - 1) * HOP + FRAME, np.float32)
    padded[FRAME - HOP : FRAME - HOP + len(signal)] = signal
    return fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * WINDOW)


def overlap_add(spectrum: np.ndarray, n: int) -> np.ndarray:
    """Return the n samples of the signal with these spectra."""
    frames = (fft.irfft(spectrum, FRAME) * WINDOW).reshape(len(spectrum), FRAME // HOP, HOP)
    out = np.zeros((len(spectrum) + FRAME // HOP - 1, HOP), np.float32)
    for shift in range(FRAME // HOP):
        out[shift : shift + len(spectrum)] += frames[:, shift]
    return out.ravel()[FRAME - HOP : FRAME - HOP + n]
