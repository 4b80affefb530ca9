"""The prominence of a voice's period in the log spectrum. It is lower if a voice is breathy, hoarse or whispers.

A form of the cepstral peak prominence of Hillenbrand et al. 1994 ("Acoustic correlates of breathy vocal quality"):

    c(l) = 2 Σ w(k) [L(k) - mean] cos(4π k l / 768) / Σ w(k),    prominence = max c(l) - mean |c(l)|

L is the log spectrum from 62 Hz to 4 kHz with a floor 60 dB below the frame's strongest bin. w is a Hann window over
these bins, which suppresses the spectral envelope, and mean is that of L weighted by w. A ripple of ±1 dB in the
spectrum has c = 1 at its period. Lags are those of the pitch, 2 to 16.6 ms. Unlike here, the original takes the
logarithm of c and subtracts a line.
"""

from functools import lru_cache

import numpy as np

from mer.features.audio.functionals import autocorrelation, frames

FIRST_BIN, BINS = 3, 193
"""The first bin that is used, and the number of the first bin that is not: 62 Hz to 4 kHz."""


def prominence(levels: np.ndarray) -> np.ndarray:
    """Return the prominence in dB, float32 of shape (frames,), of the first `BINS` bins of spectra in dB."""
    used = levels[:, FIRST_BIN:]
    floored = np.maximum(used, used.max(axis=1, keepdims=True) + np.float32(frames.FLOOR_DB))
    cepstrum = floored @ _cosines()
    return cepstrum.max(axis=1) - np.abs(cepstrum, out=cepstrum).mean(axis=1)


@lru_cache
def _cosines() -> np.ndarray:
    """Return 2 w(k) [cos(4π k l / 768) - its mean] / Σ w(k); float32 of shape (bins, lags)."""
    bins = np.arange(FIRST_BIN, BINS)
    lags = np.arange(autocorrelation.LOWEST_LAG, autocorrelation.LAGS - 1)
    weight = np.hanning(len(bins) + 2)[1:-1, None] / np.hanning(len(bins) + 2).sum()
    cosines = np.cos(4 * np.pi * np.outer(bins, lags) / frames.N_FFT)
    return (2 * weight * (cosines - (weight * cosines).sum(axis=0))).astype(np.float32)
