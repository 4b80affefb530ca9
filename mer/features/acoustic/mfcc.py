"""Mel-frequency cepstra, summarised over the utterance, in NumPy."""

from functools import lru_cache

import numpy as np
import scipy.fft

VERSION = 1
N_FFT = 400
HOP = 160
MIN_MELS = 80
TOP_DB = 80.0


def mfcc_statistics(samples: np.ndarray, n_mfcc: int = 80, rate_hz: int = 16_000) -> np.ndarray:
    """Return mean and standard deviation over frames of the MFCC.

    Frames of 25 ms every 10 ms (periodic Hann window, centred, reflected edges), power spectrum, HTK mel
    bands, decibels floored at 80 below the loudest, orthonormal DCT-II: the definition of
    `torchaudio.transforms.MFCC`. Population deviation, so one frame gives 0 and not NaN.

    Args:
        samples: shape (n,), float, n >= 1.

    Returns:
        shape (2 * n_mfcc,), float32, finite.

    >>> mfcc_statistics(np.zeros(1, dtype=np.float32)).shape
    (160,)
    """
    bands = max(MIN_MELS, n_mfcc)
    power = _power_spectrum(np.asarray(samples, dtype=np.float32))  # (frames, bins)
    decibels = 10.0 * np.log10(np.maximum(power @ _mel_filters(bands, rate_hz), 1e-10))
    decibels = np.maximum(decibels, decibels.max() - TOP_DB)
    cepstra = decibels @ _dct(bands, n_mfcc)  # (frames, n_mfcc)
    return np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0)]).astype(np.float32)


def _power_spectrum(samples: np.ndarray) -> np.ndarray:
    half = N_FFT // 2
    # Reflection needs more samples than it mirrors; a shorter clip is padded with silence first.
    samples = np.pad(samples, (0, max(0, half + 1 - len(samples))))
    framed = np.lib.stride_tricks.sliding_window_view(np.pad(samples, half, mode="reflect"), N_FFT)[::HOP]
    spectrum = scipy.fft.rfft(framed * _window(), axis=1)
    return spectrum.real**2 + spectrum.imag**2


@lru_cache
def _window() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@lru_cache
def _mel_filters(bands: int, rate_hz: int) -> np.ndarray:
    """Triangles of height 1, equally spaced on the HTK mel scale; shape (bins, bands)."""
    hertz = np.linspace(0, rate_hz / 2, N_FFT // 2 + 1)
    top = 2595.0 * np.log10(1.0 + rate_hz / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0, top, bands + 2) / 2595.0) - 1.0)
    rising = (hertz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hertz[:, None]) / np.diff(edges)[1:]
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


@lru_cache
def _dct(bands: int, n_mfcc: int) -> np.ndarray:
    return scipy.fft.dct(np.eye(bands), norm="ortho", axis=1)[:, :n_mfcc].astype(np.float32)
