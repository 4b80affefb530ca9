"""Mel-frequency cepstra, summarised over the utterance, in NumPy."""

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
HALF = N_FFT // 2
HOP = 160
MIN_MELS = 80
TOP_DB = 80.0
DB = 10.0 / np.log(10.0)
"""decibels in a unit of the natural logarithm, which is several times as fast as the common one"""
BLOCK = 128
"""frames at once: what is worked on stays in the cache"""
KEPT = 2**20
"""numbers that a thread keeps for its next clip: 65 s of sound. A longer clip asks for its own memory"""


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
    levels = _levels(np.asarray(samples, dtype=np.float32), bands, rate_hz)  # (frames, bands)
    np.maximum(levels, levels.max() - np.float32(TOP_DB / DB), out=levels)
    middle = levels.mean(axis=0, dtype=np.float64)
    levels -= middle.astype(np.float32)
    squares, transform, cepstra = np.zeros(n_mfcc), _dct(bands, n_mfcc), _memory.array("cepstra", BLOCK, n_mfcc)
    for first in range(0, len(levels), BLOCK):
        part = levels[first : first + BLOCK]
        block = np.matmul(part, transform, out=cepstra[: len(part)])
        squares += np.square(block, out=block).sum(axis=0)
    return np.concatenate([middle @ transform, np.sqrt(squares / len(levels))]).astype(np.float32)


def _levels(samples: np.ndarray, bands: int, rate_hz: int) -> np.ndarray:
    """Return the natural logarithm of each frame's mel bands; shape (1 + n // HOP, bands), in memory that is reused."""
    framed, filters = _framed(samples), _mel_filters(bands, rate_hz)
    levels = _memory.array("levels", len(framed), bands)
    spectrum = _memory.array("spectrum", BLOCK, N_FFT)
    power = _memory.array("power", BLOCK, HALF + 1)
    for first in range(0, len(framed), BLOCK):
        out = levels[first : first + BLOCK]
        now = slice(len(out))
        windowed = np.multiply(framed[first : first + BLOCK], _window(), out=spectrum[now])
        # The real part of bin 0, the real and imaginary parts of bins 1 to 199 in turn, the real part of bin 200: in
        # place. `scipy.fft` asks for new memory each time, and NumPy's transform takes one frame after the other.
        parts = scipy.fftpack.rfft(windowed, axis=1, overwrite_x=True)
        squares = np.square(parts, out=parts)
        power[now, 0], power[now, HALF] = squares[:, 0], squares[:, -1]
        np.add(squares[:, 1:-1:2], squares[:, 2:-1:2], out=power[now, 1:HALF])
        np.matmul(power[now], filters, out=out)
        np.log(np.maximum(out, 1e-10, out=out), out=out)
    return levels


def _framed(samples: np.ndarray) -> np.ndarray:
    """Return a view of shape (1 + n // HOP, N_FFT): frames centred on every HOP-th sample, the edges mirrored."""
    # Reflection needs more samples than it mirrors; a shorter clip is padded with silence first.
    if len(samples) <= HALF:
        samples = np.pad(samples, (0, HALF + 1 - len(samples)))
    padded = _memory.array("padded", len(samples) + N_FFT)
    padded[HALF:-HALF] = samples
    padded[:HALF] = samples[HALF:0:-1]
    padded[-HALF:] = samples[-2 : -HALF - 2 : -1]
    count, step = 1 + len(samples) // HOP, padded.itemsize
    return np.ndarray((count, N_FFT), padded.dtype, padded, strides=(HOP * step, step))


class _Memory(threading.local):
    """Arrays that a thread uses again: to ask the system for new memory takes longer than the arithmetic in it."""

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}

    def array(self, name: str, *shape: int) -> np.ndarray:
        """Return float32 of a shape, with whatever was in it."""
        size = math.prod(shape)
        if size > KEPT:
            return np.empty(shape, np.float32)
        if name not in self._kept or len(self._kept[name]) < size:
            self._kept[name] = np.empty(size, np.float32)
        return self._kept[name][:size].reshape(shape)


_memory = _Memory()


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
    """From natural logarithms to cepstra of decibels; shape (bands, n_mfcc)."""
    return np.ascontiguousarray(DB * scipy.fft.dct(np.eye(bands), norm="ortho", axis=1)[:, :n_mfcc], dtype=np.float32)


def _names(section: AudioFeatures) -> list[str]:
    return [f"cepstrum {n} {statistic}" for statistic in ("mean", "deviation") for n in range(section.n_mfcc)]


EXTRACTOR = Extractor(
    version=VERSION,
    describe=lambda section: {"n_mfcc": section.n_mfcc, "width": 2 * section.n_mfcc},
    open=one_by_one(lambda section: partial(mfcc_statistics, n_mfcc=section.n_mfcc)),
    scaling="each",
    trained=False,
    names=_names,
)
