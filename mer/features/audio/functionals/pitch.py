"""Pitch, voicing, and descriptors of voice quality.

A period is a peak of the normalised autocorrelation r (`autocorrelation`), interpolated by a parabola. The strength of
lag l is

    s(l) = r(l) - 0.04 log2 l - 0.1 |log2(l / c)|

It prefers the higher of two octaves that fit equally well, and lags near c, the median lag of frames with r > 0.7.
That median is computed without the last term.

| descriptor, over voiced frames | formula | unit, range |
|---|---|---|
| `pitch` | 12 log2(F0 / 27.5 Hz) | semitones, 13-51 |
| `jitter` | abs(P(t) - (P(t-1) + P(t+1)) / 2), P the pitch; at most 3, above are octave errors | semitones, 0-3 |
| `shimmer` | the same of the frame's level, 10 lg E | dB, 0-60 |
| `hnr` | 10 lg(r / (1 - r)), Boersma 1993; r clipped to 0.01-0.9995 | dB, -20-33 |
| `h1_h2` | level of the bin at F0 minus that at 2 F0 (strongest of three bins) | dB, ±60 |
| `h1_a3` | level of the bin at F0 minus the strongest in 2.5-3.5 kHz | dB, ±60 |

Jitter and shimmer are computed from three consecutive voiced frames, 10 ms apart, and not from glottal periods. They
are therefore not comparable with values of other programs. `periodicity`, over active frames, is r at the chosen lag
(0-1).
"""

from dataclasses import dataclass

import numpy as np

from mer.features.audio.functionals import frames
from mer.features.audio.functionals.autocorrelation import LAG_RATE_HZ, LOWEST_LAG
from mer.features.audio.functionals.spectrum import Shapes

OCTAVE_COST = 0.04
"""The cost of a lag per octave, in units of r."""
FAR_COST = 0.1
"""The cost of a lag per octave of distance from the median lag, in units of r."""
STEADY = 0.7
"""The smallest r of frames that determine the median lag."""
VOICED = 0.5
"""The smallest r of voiced frames."""
NEAR_SEMITONES = 3.0
"""The largest difference of pitch between consecutive voiced frames, in semitones."""
RUN = 3
"""The smallest number of consecutive voiced frames; fewer are due to chance."""
UNVOICED = np.array([[31.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
"""The descriptors of a recording without voice: a pitch of 165 Hz, between low and high voices, and zeros."""
NAMES = ("pitch", "jitter", "shimmer", "hnr", "h1_h2", "h1_a3")


@dataclass(frozen=True)
class Voice:
    """The voice of a recording.

    Attributes:
        voiced: which frames are voiced; bool of shape (frames,).
        semitones: pitch of every frame, meaningful for voiced frames only; shape (frames,).
        periodicity: r at the chosen lag; shape (frames,), 0-1.
        descriptors: descriptors of the voiced frames, or `UNVOICED`; shape (voiced frames, len(NAMES)).
    """

    voiced: np.ndarray
    semitones: np.ndarray
    periodicity: np.ndarray
    descriptors: np.ndarray


def track(shapes: Shapes, active: np.ndarray) -> Voice:
    """Return the voice of a recording.

    A frame is voiced if it is one of three consecutive frames that are active, have r > 0.5, and differ by less than 3
    semitones from one to the next.
    """
    heights, shifts = _peaks(shapes.autocorrelation)
    lags = np.arange(LOWEST_LAG, LOWEST_LAG + heights.shape[1])
    octaves = np.log2(lags).astype(np.float32)
    rows, strength = np.arange(len(heights)), heights - OCTAVE_COST * octaves
    best = strength.argmax(axis=1)
    steady = active & (heights[rows, best] > STEADY)
    if steady.any():
        strength -= FAR_COST * np.abs(octaves - np.median(octaves[best[steady]]))
        best = strength.argmax(axis=1)
    lag, height = lags[best] + shifts[rows, best].astype(np.float64), heights[rows, best].astype(np.float64)
    height, lag = height.clip(0, 1), np.where(height > 0, lag, lags[0])  # without a peak there is no period
    semitones = 12 * np.log2(LAG_RATE_HZ / lag / 27.5)
    voiced = _voiced(active & (height > VOICED), semitones)
    return Voice(voiced, semitones, height, _descriptors(shapes, voiced, semitones, height))


def _peaks(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the height of the parabola through each lag and its neighbours, and the offset of its maximum.

    The height is -inf if r has no positive peak at the lag. Heights are interpolated before they are compared, because
    a period between two lags would otherwise be smaller than its double.

    Returns:
        two float32 arrays of shape (frames, LAGS - 1 - LOWEST_LAG), for lags LOWEST_LAG..LAGS-2. The offset is within
        ±0.5 at peaks and 0 elsewhere.
    """
    inner = r[:, LOWEST_LAG:-1]
    rows, lags = np.nonzero((inner >= r[:, LOWEST_LAG - 1 : -2]) & (inner > r[:, LOWEST_LAG + 1 :]) & (inner > 0))
    before, middle, after = (r[rows, lags + LOWEST_LAG + step] for step in (-1, 0, 1))
    lean = before - after
    shift = np.float32(0.5) * lean / (before + after - middle - middle)
    heights, shifts = np.full(inner.shape, -np.inf, np.float32), np.zeros(inner.shape, np.float32)
    heights[rows, lags], shifts[rows, lags] = middle - np.float32(0.25) * lean * shift, shift
    return heights, shifts


def _voiced(candidate: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    near = (np.abs(np.diff(semitones)) < NEAR_SEMITONES) & candidate[1:] & candidate[:-1]
    three = np.zeros(len(candidate) + RUN - 1, dtype=bool)  # three[t]: frames t-2, t-1 and t are a run
    three[RUN - 1 : len(candidate)] = near[1:] & near[:-1]
    return three[:-2] | three[1:-1] | three[2:]


def _descriptors(shapes: Shapes, voiced: np.ndarray, semitones: np.ndarray, height: np.ndarray) -> np.ndarray:
    if not voiced.any():
        return UNVOICED
    at = np.flatnonzero(voiced)
    level = frames.decibels(np.maximum(shapes.energy, 1e-12))
    clear = np.clip(height[at], 0.01, 0.9995)
    hertz = 27.5 * 2 ** (semitones[at] / 12)
    first, second = (_harmonic(shapes.low_db, at, hertz * n) for n in (1, 2))
    columns = [
        semitones[at],
        np.minimum(_unsteady(semitones, voiced)[at], NEAR_SEMITONES),
        _unsteady(level, voiced)[at],
        frames.decibels(clear / (1 - clear)),
        first - second,
        first - shapes.third_db[at],
    ]
    return np.column_stack(columns)


def _unsteady(contour: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Return the distance from the mean of both neighbours; at the ends of a voiced segment, that of the next frame."""
    deviation = np.abs(np.convolve(contour, [-0.5, 1.0, -0.5], mode="same"))
    inside = voiced.copy()
    inside[1:] &= voiced[:-1]
    inside[:-1] &= voiced[1:]
    inside[[0, -1]] = False
    deviation[~inside] = 0
    shifted = np.maximum(np.roll(deviation, 1), np.roll(deviation, -1))
    return np.where(inside, deviation, shifted)


def _harmonic(low_db: np.ndarray, at: np.ndarray, hertz: np.ndarray) -> np.ndarray:
    middle = np.clip(np.round(hertz / frames.BIN_HZ).astype(int), 1, low_db.shape[1] - 2)
    return np.max([low_db[at, middle + step] for step in (-1, 0, 1)], axis=0)
