"""The rhythm of speech. Rates are per second between the first and the last active frame, so silence before and after
speech does not count.

| dimension | formula | unit, range |
|---|---|---|
| `syllable_rate` | peaks of the level per second, see below | 1/s, 0-16 |
| `voiced_rate` | voiced segments per second | 1/s, 0-25 |
| `voiced_length_mean`, `_deviation`, `_longest` | their lengths | s |
| `unvoiced_length_mean`, `_deviation` | lengths of segments between voiced ones | s |
| `voiced_share` | voiced among active frames | 0-1 |
| `pause_rate`, `pause_length_mean`, `pause_share` | inactive segments of at least 100 ms | 1/s, s, 0-1 |
| `active_share` | active frames between the first and the last | 0-1 |
| `modulation_1_2`, `_2_4`, `_4_8`, `_8_16` | share of the level's variance at these Hz, of that up to 25 Hz | 0-1 |
| `modulation_centroid` | first moment of that spectrum | Hz, 0-25 |

A peak is an active frame at which the level, smoothed over 70 ms (Hann), is the largest within ±60 ms and at least 2 dB
above the lowest within 150 ms on either side. There is silence before the first and after the last active frame. This
is a simple form of the syllable nuclei of Mermelstein 1975.
"""

import numpy as np
import scipy.fft
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from mer.features.audio.functionals.frames import FRAMES_PER_SECOND

PEAK_REACH, DIP_REACH = 6, 15
"""The ranges, in frames on each side, in which a peak is the largest and in which the dips beside it are searched."""
DIP_DB = 2.0
"""The smallest difference between a peak and the dips beside it, in dB."""
PAUSE = 10
"""The shortest pause, in frames; a shorter gap is a closure within a word."""
MODULATION_HZ = (1, 2, 4, 8, 16)
"""The limits of the bands of modulation, in Hz."""
FASTEST_HZ = 25
"""The highest frequency of modulation, in Hz."""
SMALLEST_FFT = 512
"""The smallest length of the transform of the level, in frames."""
NAMES = (
    "syllable_rate", "voiced_rate", "voiced_length_mean", "voiced_length_deviation", "voiced_length_longest",
    "unvoiced_length_mean", "unvoiced_length_deviation", "voiced_share", "pause_rate", "pause_length_mean",
    "pause_share", "active_share", *(f"modulation_{a}_{2 * a}" for a in MODULATION_HZ[:-1]), "modulation_centroid",
)  # fmt: skip


def describe(level: np.ndarray, active: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Return the values of `NAMES`.

    Args:
        level: level of frames in dB, shape (frames,).
        active, voiced: which frames are active and voiced; bool of shape (frames,). At least one is active.
    """
    at = np.flatnonzero(active)
    inside = slice(at[0], at[-1] + 1)
    level, active, voiced = level[inside], active[inside], voiced[inside]
    seconds = len(level) / FRAMES_PER_SECOND
    talks, between = _runs(voiced), _runs(~voiced & _within(voiced))
    pauses = _runs(~active)
    pauses = pauses[pauses >= PAUSE / FRAMES_PER_SECOND]
    return np.array(
        [
            _syllables(level, active) / seconds,
            len(talks) / seconds,
            *_mean_and_deviation(talks),
            talks.max(initial=0.0),
            *_mean_and_deviation(between),
            voiced.sum() / active.sum(),
            len(pauses) / seconds,
            _mean_and_deviation(pauses)[0],
            pauses.sum() / seconds,
            active.mean(),
            *_modulation(level),
        ]
    )


def _within(mask: np.ndarray) -> np.ndarray:
    """Return which frames lie between the first and the last frame of a mask."""
    at = np.flatnonzero(mask)
    frames = np.arange(len(mask))
    return (frames > at[0]) & (frames < at[-1]) if len(at) else np.zeros(len(mask), dtype=bool)


def _runs(mask: np.ndarray) -> np.ndarray:
    """Return the lengths of the runs of a mask, in seconds.

    >>> _runs(np.array([True, True, False, True])).tolist()
    [0.02, 0.01]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return (edges[1::2] - edges[::2]) / FRAMES_PER_SECOND


def _mean_and_deviation(lengths: np.ndarray) -> tuple[float, float]:
    return (float(lengths.mean()), float(lengths.std())) if len(lengths) else (0.0, 0.0)


def _syllables(level: np.ndarray, active: np.ndarray) -> int:
    hann = np.hanning(9)[1:-1]
    smooth = np.convolve(np.pad(level, 3, mode="edge"), hann / hann.sum(), mode="valid")
    largest = maximum_filter1d(smooth, 2 * PEAK_REACH + 1, mode="nearest")
    padded = np.pad(smooth, DIP_REACH, constant_values=level.min() - DIP_DB)
    lowest = minimum_filter1d(padded, DIP_REACH)[DIP_REACH // 2 :]  # the minimum of 15 frames of `padded` from each on
    before, after = lowest[: len(smooth)], lowest[DIP_REACH + 1 : DIP_REACH + 1 + len(smooth)]
    peak = (smooth == largest) & active & (smooth - np.maximum(before, after) >= DIP_DB)
    return len(_runs(peak))  # a plateau is one peak


def _modulation(level: np.ndarray) -> np.ndarray:
    shape = (level - level.mean()) * np.hanning(len(level) + 2)[1:-1]
    size = max(SMALLEST_FFT, scipy.fft.next_fast_len(len(shape), real=True))
    hertz = size / FRAMES_PER_SECOND  # the number of bins per Hz
    power = np.abs(scipy.fft.rfft(shape, size)[: int(FASTEST_HZ * hertz) + 1]) ** 2
    total = max(power.sum(), 1e-9)
    starts = np.ceil(np.array(MODULATION_HZ) * hertz).astype(int)
    shares = np.add.reduceat(power, starts)[:-1] / total
    return np.array([*shares, power @ np.arange(len(power)) / hertz / total])
