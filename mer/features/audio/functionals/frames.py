"""Samples in frames, and the frames that contain speech."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

RATE_HZ = 16_000
HOP = 160
WINDOW = 640
"""The length of a frame, in samples: 40 ms, almost three periods of the lowest voice and shorter than a syllable."""
N_FFT = 768
"""The length of the transform, in samples. At the longest lag, 266 samples, 1 % of the autocorrelation is wrapped."""
BIN_HZ = RATE_HZ / N_FFT
HUM_HZ = 46.0
"""The frequency below which there is hum and no voice, in Hz."""
FRAMES_PER_SECOND = RATE_HZ / HOP
BLOCK = 64
"""The number of frames that are computed at once. Their arrays fit into the processor's cache and are reused."""
QUIETEST_DB = -120.0
"""The lowest level, in dB relative to full scale."""
FLOOR_DB = -60.0
"""The lowest level relative to the loudest part of a recording, in dB. Anything lower is noise of the microphone."""
ACTIVE_DB = -30.0
"""The level of active frames relative to the reference, in dB, in a quiet recording."""
ABOVE_NOISE_DB = 6.0
"""The level of active frames above the background, in dB, in a noisy recording."""
LOUDEST = 10
"""The rank, by level, of the frame that is the reference, so that a single click is not the reference."""


def scaled(samples: np.ndarray) -> tuple[np.ndarray, float]:
    """Return samples without offset, scaled to a peak of 1, and the original peak in dB relative to full scale.

    A constant recording gives zeros and -120 dB. Only rounding errors remain after its mean is subtracted, and scaling
    would turn them into a signal.

    Raises:
        ValueError: there are no samples, or some are not finite.

    >>> scaled(np.array([0.0, 0.2], np.float32))[0]
    array([-1.,  1.], dtype=float32)
    """
    samples = np.asarray(samples)
    low, high = (samples.min(), samples.max()) if samples.ndim == 1 and len(samples) else (np.nan, np.nan)
    if not (np.isfinite(low) and np.isfinite(high)):  # NaN is both minimum and maximum
        raise ValueError(f"samples of shape {samples.shape}: expected shape (n,) with n >= 1 and finite values")
    mean = samples.mean(dtype=np.float64)
    peak = max(float(high) - mean, mean - float(low))
    if peak <= 1e-6 * max(abs(float(low)), abs(float(high))):
        return np.zeros(len(samples), np.float32), QUIETEST_DB
    return ((samples - mean) / peak).astype(np.float32), float(20 * np.log10(peak))


def blocks(samples: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of a block's first frame, and its windowed frames: float32 of shape (at most BLOCK, N_FFT).

    Frames are centred on every HOP-th sample, so n samples have 1 + n // HOP frames; zeros are beyond the edges. The
    WINDOW samples of a frame are followed by zeros. The array is reused for the next block.
    """
    padded = np.zeros(len(samples) + WINDOW, np.float32)
    padded[WINDOW // 2 : -(WINDOW // 2)] = samples
    framed = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    buffer = np.zeros((min(BLOCK, len(framed)), N_FFT), np.float32)
    for first in range(0, len(framed), BLOCK):
        block = framed[first : first + BLOCK]
        np.multiply(block, window(), out=buffer[: len(block), :WINDOW])
        yield first, buffer[: len(block)]


def decibels(power: np.ndarray) -> np.ndarray:
    """Return 10 lg of powers above 0. The natural logarithm is used because it is faster than the common one."""
    return np.log(power) * power.dtype.type(10 / np.log(10))


@lru_cache
def window() -> np.ndarray:
    """Return the periodic Hann window of unit energy. A frame's energy is then a weighted mean of squares."""
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    return (shape / np.sqrt((shape**2).sum())).astype(np.float32)


def relative_level(energy: np.ndarray) -> tuple[np.ndarray, float]:
    """Return each frame's level in dB relative to the loudest 100 ms of the recording, and that reference.

    L(t) = max(10 lg E(t) - R, -60). R is the level that the ten loudest frames reach; all frames if there are fewer.
    """
    absolute = decibels(np.maximum(energy.astype(np.float64), 1e-12))
    rank = max(0, len(absolute) - LOUDEST)
    reference = float(np.partition(absolute, rank)[rank])
    return np.maximum(absolute - reference, FLOOR_DB), reference


def active(level: np.ndarray) -> np.ndarray:
    """Return which frames are speech; bool, at least one.

    L(t) >= min(-3, max(-30, N + 6)) dB, with N the 10th percentile of the levels. The threshold is 30 dB below the
    reference, or, in a noisy recording, 6 dB above the background. A recording of constant level is active throughout.
    """
    ordered, place = np.sort(level), 0.1 * (len(level) - 1)  # faster than NumPy's percentile
    below, above = ordered[int(place)], ordered[min(int(place) + 1, len(level) - 1)]
    background = below + (place - int(place)) * (above - below)
    return level >= min(-3.0, max(ACTIVE_DB, float(background) + ABOVE_NOISE_DB))
