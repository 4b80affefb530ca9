"""How far a voice's period stands out of the log spectrum: a form of the cepstral peak prominence of Hillenbrand et al.
1994 ("Acoustic correlates of breathy vocal quality"), which falls where a voice is breathy, hoarse or whispers.

    c(l) = 2 Σ w(k) [L(k) - mean] cos(4π k l / 768) / Σ w(k),    prominence = max c(l) - mean |c(l)|

L is the log spectrum from 62 Hz to 4 kHz, floored 60 dB below the frame's strongest bin, w a Hann window over these
bins, which keeps the envelope out, and mean that of L weighted by w. A ripple of ±1 dB in the spectrum has c = 1 at its
period. Lags are those of the pitch, 2 to 16.6 ms. The original takes the logarithm of c and subtracts a line: noise has
no peak worth a logarithm.
"""

from functools import lru_cache

import numpy as np

from mer.features.audio.functionals import autocorrelation, frames

FIRST_BIN, BINS = 3, 193


def prominence(levels: np.ndarray) -> np.ndarray:
    """Return the prominence in dB of spectra in dB, the first `BINS` bins of them; float32 of shape (frames,)."""
    used = levels[:, FIRST_BIN:]
    floored = np.maximum(used, used.max(axis=1, keepdims=True) + np.float32(frames.FLOOR_DB))
    cepstrum = floored @ _cosines()
    return cepstrum.max(axis=1) - np.abs(cepstrum, out=cepstrum).mean(axis=1)


@lru_cache
def _cosines() -> np.ndarray:
    """2 w(k) [cos(4π k l / 768) - its mean] / Σ w(k); float32 of shape (bins, lags)."""
    bins = np.arange(FIRST_BIN, BINS)
    lags = np.arange(autocorrelation.LOWEST_LAG, autocorrelation.LAGS - 1)
    weight = np.hanning(len(bins) + 2)[1:-1, None] / np.hanning(len(bins) + 2).sum()
    cosines = np.cos(4 * np.pi * np.outer(bins, lags) / frames.N_FFT)
    return (2 * weight * (cosines - (weight * cosines).sum(axis=0))).astype(np.float32)
