"""The normalised autocorrelation of Boersma 1993 ("Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound"), computed from power spectra:

    r(l) = [a(l) / a(0)] / [w(l) / w(0)],    a(l) = Σ g(k) P(k) cos(4π k l / 768)

g passes 46 Hz to 1 kHz and falls to zero at 3 kHz as a raised cosine; w is the autocorrelation of the window. A signal
of period l has r(l) = 1, whatever its harmonics; noise has r near 0. One matrix product is faster than an inverse FFT,
because few bins and lags are needed.
"""

from functools import lru_cache

import numpy as np

from mer.features.audio.functionals import frames

LAG_RATE_HZ = 8_000
"""The rate of lags, in Hz: half the sampling rate, because frequencies above 3 kHz are removed."""
BINS = 144
"""The number of bins from 0 to 3 kHz."""
LOWEST_LAG = 16
LAGS = 135
"""The number of lags. Lags 16 to 133 are periods of 500 to 60 Hz; the parabola also needs their neighbours."""


def autocorrelation(power: np.ndarray) -> np.ndarray:
    """Return r at lags 0..LAGS-1 of power spectra with 385 bins; float32 of shape (frames, LAGS)."""
    raw = power[:, :BINS] @ _cosines()
    return raw / np.maximum(raw[:, :1], np.float32(1e-12))


@lru_cache
def _cosines() -> np.ndarray:
    """Return g(k) cos(4π k l / 768) w(0) / w(l); float32 of shape (BINS, LAGS)."""
    bins, lags = np.arange(BINS), np.arange(LAGS)
    passed = 0.5 + 0.5 * np.cos(np.pi * np.clip((bins * frames.BIN_HZ - 1000) / 2000, 0, 1))
    passed[bins * frames.BIN_HZ < frames.HUM_HZ] = 0
    window = np.abs(np.fft.rfft(frames.window().astype(np.float64), 2048)) ** 2
    of_window = np.fft.irfft(window)[: 2 * LAGS : 2]
    cosines = np.cos(4 * np.pi * np.outer(bins, lags) / frames.N_FFT)
    return (passed[:, None] * cosines * of_window[0] / of_window).astype(np.float32)
