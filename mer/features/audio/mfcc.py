"""Mean and standard deviation of mel-frequency cepstral coefficients (MFCC) over an utterance, in NumPy."""

import math
import threading
from functools import lru_cache, partial

import numpy as np
import scipy.fft
import scipy.fftpack

from mer.features.extractor import Extractor, one_by_one
from mer.params.features import AudioFeatures

VERSION = 2
N_FFT = 400
"""The length of a frame and of its transform, in samples: 25 ms."""
HALF = N_FFT // 2
HOP = 160
"""The number of samples between two frames: 10 ms."""
MIN_BANDS = 64
"""The smallest number of mel bands, as in the fork. With more coefficients there are as many bands as coefficients."""
TOP_DB = 80.0
"""The range below the loudest band of a recording, in dB; lower levels are raised to its end."""
DB = 10.0 / np.log(10.0)
"""The number of decibels per unit of the natural logarithm, which is faster to compute than the common one."""
BLOCK = 128
"""The number of frames that are computed at once. Their arrays fit into the processor's cache."""
MAX_SCRATCH = 2**20
"""The largest scratch array that a thread keeps, in numbers: 65 s of audio. Longer recordings allocate their own."""


def mfcc_statistics(samples: np.ndarray, n_mfcc: int = 80, rate_hz: int = 16_000) -> np.ndarray:
    """Return mean and standard deviation over frames of the MFCC.

    The definition is that of `torchaudio.transforms.MFCC`: frames of 25 ms every 10 ms (periodic Hann window, centred,
    reflected edges), power spectrum, HTK mel bands, decibels with a floor 80 dB below the loudest, orthonormal DCT-II.
    There are max(64, `n_mfcc`) bands, as in the fork (Vally16768/MER @ c83d916, `extract_at_features.py`). The
    deviation is that of the population, so it is 0 for a single frame; the fork's is that of a sample.

    Args:
        samples: shape (n,), float, n >= 1.
        n_mfcc: number of coefficients.
        rate_hz: sampling rate, in Hz.

    Returns:
        shape (2 * n_mfcc,), float32, finite.

    >>> mfcc_statistics(np.zeros(1, dtype=np.float32)).shape
    (160,)
    """
    bands = max(MIN_BANDS, n_mfcc)
    levels = _levels(np.asarray(samples, dtype=np.float32), bands, rate_hz)  # (frames, bands)
    np.maximum(levels, levels.max() - np.float32(TOP_DB / DB), out=levels)
    mean = levels.mean(axis=0, dtype=np.float64)
    levels -= mean.astype(np.float32)
    squares, transform, cepstra = np.zeros(n_mfcc), _dct(bands, n_mfcc), _scratch.array("cepstra", BLOCK, n_mfcc)
    for first in range(0, len(levels), BLOCK):
        block = levels[first : first + BLOCK]
        of_block = np.matmul(block, transform, out=cepstra[: len(block)])
        squares += np.square(of_block, out=of_block).sum(axis=0)
    return np.concatenate([mean @ transform, np.sqrt(squares / len(levels))]).astype(np.float32)


def _levels(samples: np.ndarray, bands: int, rate_hz: int) -> np.ndarray:
    """Return the natural logarithm of each frame's mel bands, shape (1 + n // HOP, bands), in a scratch array."""
    framed, filters = _framed(samples), _mel_filters(bands, rate_hz)
    levels = _scratch.array("levels", len(framed), bands)
    spectrum = _scratch.array("spectrum", BLOCK, N_FFT)
    power = _scratch.array("power", BLOCK, HALF + 1)
    for first in range(0, len(framed), BLOCK):
        out = levels[first : first + BLOCK]
        rows = slice(len(out))
        windowed = np.multiply(framed[first : first + BLOCK], _window(), out=spectrum[rows])
        # In place: the real part of bin 0, alternately the real and imaginary parts of bins 1 to 199, the real part of
        # bin 200. `scipy.fft` allocates a new array each time, and NumPy transforms one frame after the other.
        coefficients = scipy.fftpack.rfft(windowed, axis=1, overwrite_x=True)
        squares = np.square(coefficients, out=coefficients)
        power[rows, 0], power[rows, HALF] = squares[:, 0], squares[:, -1]
        np.add(squares[:, 1:-1:2], squares[:, 2:-1:2], out=power[rows, 1:HALF])
        np.matmul(power[rows], filters, out=out)
        np.log(np.maximum(out, 1e-10, out=out), out=out)
    return levels


def _framed(samples: np.ndarray) -> np.ndarray:
    """Return a view of shape (1 + n // HOP, N_FFT): frames centred on every HOP-th sample, with mirrored edges."""
    # A reflection needs more samples than it mirrors; a shorter recording is padded with zeros first.
    if len(samples) <= HALF:
        samples = np.pad(samples, (0, HALF + 1 - len(samples)))
    padded = _scratch.array("padded", len(samples) + N_FFT)
    padded[HALF:-HALF] = samples
    padded[:HALF] = samples[HALF:0:-1]
    padded[-HALF:] = samples[-2 : -HALF - 2 : -1]
    count, step = 1 + len(samples) // HOP, padded.itemsize
    return np.ndarray((count, N_FFT), padded.dtype, padded, strides=(HOP * step, step))


class _Scratch(threading.local):
    """Arrays that a thread reuses, because allocating new memory takes longer than the arithmetic in it."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}

    def array(self, name: str, *shape: int) -> np.ndarray:
        """Return a float32 array of a shape; its values are arbitrary."""
        size = math.prod(shape)
        if size > MAX_SCRATCH:
            return np.empty(shape, np.float32)
        if name not in self._arrays or len(self._arrays[name]) < size:
            self._arrays[name] = np.empty(size, np.float32)
        return self._arrays[name][:size].reshape(shape)


_scratch = _Scratch()


@lru_cache
def _window() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@lru_cache
def _mel_filters(bands: int, rate_hz: int) -> np.ndarray:
    """Return triangles of height 1, equally spaced on the HTK mel scale; shape (bins, bands)."""
    hertz = np.linspace(0, rate_hz / 2, N_FFT // 2 + 1)
    top = 2595.0 * np.log10(1.0 + rate_hz / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0, top, bands + 2) / 2595.0) - 1.0)
    rising = (hertz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hertz[:, None]) / np.diff(edges)[1:]
    return np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)


@lru_cache
def _dct(bands: int, n_mfcc: int) -> np.ndarray:
    """Return the matrix from natural logarithms of bands to cepstra of decibels; shape (bands, n_mfcc)."""
    return np.ascontiguousarray(DB * scipy.fft.dct(np.eye(bands), norm="ortho", axis=1)[:, :n_mfcc], dtype=np.float32)


def _names(section: AudioFeatures) -> list[str]:
    return [f"cepstrum {n} {statistic}" for statistic in ("mean", "deviation") for n in range(section.n_mfcc)]


def _description(section: AudioFeatures) -> dict:
    """Return what determines a vector. Earlier versions had at least 80 bands, so fewer are part of the address."""
    few = {"bands": max(MIN_BANDS, section.n_mfcc)} if section.n_mfcc < 80 else {}
    return {"n_mfcc": section.n_mfcc, "width": 2 * section.n_mfcc, **few}


EXTRACTOR = Extractor(
    version=VERSION,
    describe=_description,
    open=one_by_one(lambda section: partial(mfcc_statistics, n_mfcc=section.n_mfcc)),
    scaling="each",
    trained=False,
    names=_names,
)
