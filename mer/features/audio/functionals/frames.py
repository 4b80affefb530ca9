"""Samples as frames, and which of them are speech."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

RATE_HZ = 16_000
HOP = 160
WINDOW = 640
"""40 ms: almost three periods of the lowest voice, as pitch needs, and still short against a syllable"""
N_FFT = 768
"""at the longest lag of interest, 266 samples, 1 % of the autocorrelation is what comes round from the other side"""
BIN_HZ = RATE_HZ / N_FFT
HUM_HZ = 46.0
"""below it there is no voice, but hum and rumble"""
FRAMES_PER_SECOND = RATE_HZ / HOP
BLOCK = 64
"""frames at once: what is worked on stays in the cache, and memory is not given back and asked for again"""
QUIETEST_DB = -120.0
FLOOR_DB = -60.0
"""below the loudest part of a clip; what is quieter is the microphone's"""
ACTIVE_DB = -30.0
ABOVE_NOISE_DB = 6.0
LOUDEST = 10
"""frames that are at least as loud as the reference: one click does not set it"""


def scaled(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """Return samples without offset at a peak of 1, and that peak in dB relative to full scale.

    A clip that does not move (silence, a constant) is all zeros at -120 dB: what is left of a constant after its
    mean is taken off is rounding, and scaling would make a signal of it.

    Raises:
        ValueError: no samples, or some that are not numbers.

    >>> scaled(np.array([0.0, 0.2], np.float32))[0]
    array([-1.,  1.], dtype=float32)
    """
    samples = np.asarray(samples)
    low, high = (samples.min(), samples.max()) if samples.ndim == 1 and len(samples) else (np.nan, np.nan)
    if not (np.isfinite(low) and np.isfinite(high)):  # NaN is both the least and the greatest
        raise ValueError(f"samples of shape {samples.shape}: needs one channel, one sample or more, all of them finite")
    mean = samples.mean(dtype=np.float64)
    peak = max(float(high) - mean, mean - float(low))
    if peak <= 1e-6 * max(abs(float(low)), abs(float(high))):
        return np.zeros(len(samples), np.float32), QUIETEST_DB
    return ((samples - mean) / peak).astype(np.float32), float(20 * np.log10(peak))


def blocks(samples: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of a frame, and it and those after it, windowed: float32 of shape (at most BLOCK, N_FFT).

    Frames are centred on every HOP-th sample, n samples make 1 + n // HOP of them, and silence is beyond the edges.
    Zeros follow the WINDOW samples of a frame. The array is used again for the next block.
    """
    padded = np.zeros(len(samples) + WINDOW, np.float32)
    padded[WINDOW // 2 : -(WINDOW // 2)] = samples
    framed = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    buffer = np.zeros((min(BLOCK, len(framed)), N_FFT), np.float32)
    for first in range(0, len(framed), BLOCK):
        part = framed[first : first + BLOCK]
        np.multiply(part, window(), out=buffer[: len(part), :WINDOW])
        yield first, buffer[: len(part)]


def decibels(power: np.ndarray) -> np.ndarray:
    """Return 10 lg of powers above 0. NumPy's natural logarithm is several times as fast as its lg."""
    return np.log(power) * power.dtype.type(10 / np.log(10))


@lru_cache
def window() -> np.ndarray:
    """Return the periodic Hann window of unit energy, so that a frame's energy is a weighted mean of squares."""
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    return (shape / np.sqrt((shape**2).sum())).astype(np.float32)


def relative_level(energy: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each frame's level in dB relative to the clip's loudest 100 ms, and that reference itself.

    L(t) = max(10 lg E(t) - R, -60), R the level that the ten loudest frames reach (all, in a shorter clip).
    """
    absolute = decibels(np.maximum(energy.astype(np.float64), 1e-12))
    rank = max(0, len(absolute) - LOUDEST)
    reference = float(np.partition(absolute, rank)[rank])
    return np.maximum(absolute - reference, FLOOR_DB), reference


def active(level: np.ndarray) -> np.ndarray:
    """Return which frames are speech; bool, at least one.

    L(t) >= min(-3, max(-30, N + 6)) dB, N the clip's 10th percentile: 30 dB below the loudest, or, in a noisy
    recording, 6 dB above its background; a clip of even level is active throughout.
    """
    ordered, place = np.sort(level), 0.1 * (len(level) - 1)  # NumPy's percentile takes several times as long
    below, above = ordered[int(place)], ordered[min(int(place) + 1, len(level) - 1)]
    background = below + (place - int(place)) * (above - below)
    return level >= min(-3.0, max(ACTIVE_DB, float(background) + ABOVE_NOISE_DB))
