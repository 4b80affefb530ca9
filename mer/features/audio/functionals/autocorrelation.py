"""The normalised autocorrelation of Boersma 1993 ("Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound"), from power spectra that are there already:

    r(l) = [a(l) / a(0)] / [w(l) / w(0)],    a(l) = Σ g(k) P(k) cos(4π k l / 768)

g passes 46 Hz to 1 kHz and falls to nothing at 3 kHz as a raised cosine, w is the window's own autocorrelation. A sound
of period l has r(l) = 1, whatever its harmonics; noise has r near 0. So few bins and lags are of use that one matrix
product is faster than an inverse FFT.
"""

from functools import lru_cache

import numpy as np

from mer.features.audio.functionals import frames

LAG_RATE_HZ = 8_000
"""half the samples' rate: above 3 kHz nothing is left"""
BINS = 144
"""0 to 3 kHz"""
LOWEST_LAG = 16
LAGS = 135
"""lags 16..133, 500 to 60 Hz, and their neighbours for the parabola"""


def autocorrelation(power: np.ndarray) -> np.ndarray:
    """Return r at lags 0..LAGS-1 of power spectra with 385 bins; float32 of shape (frames, LAGS)."""
    raw = power[:, :BINS] @ _cosines()
    return raw / np.maximum(raw[:, :1], np.float32(1e-12))


@lru_cache
def _cosines() -> np.ndarray:
    """g(k) cos(4π k l / 768) w(0) / w(l); float32 of shape (BINS, LAGS)."""
    bins, lags = np.arange(BINS), np.arange(LAGS)
    passed = 0.5 + 0.5 * np.cos(np.pi * np.clip((bins * frames.BIN_HZ - 1000) / 2000, 0, 1))
    passed[bins * frames.BIN_HZ < frames.HUM_HZ] = 0
    window = np.abs(np.fft.rfft(frames.window().astype(np.float64), 2048)) ** 2
    own = np.fft.irfft(window)[: 2 * LAGS : 2]
    return (passed[:, None] * np.cos(4 * np.pi * np.outer(bins, lags) / frames.N_FFT) * own[0] / own).astype(np.float32)
