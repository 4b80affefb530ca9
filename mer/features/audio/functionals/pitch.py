"""Pitch, voicing and what a voice's periods say of its quality.

A period is a peak of the normalised autocorrelation r (`autocorrelation`), interpolated by a parabola. Its lag l has
the strength

    s(l) = r(l) - 0.04 log2 l - 0.1 |log2(l / c)|

which prefers the octave above where two fit alike, and the one near the clip's centre c (the median lag of frames
with r > 0.7; without the last term at first).

| descriptor, over voiced frames | formula | unit, range |
|---|---|---|
| `pitch` | 12 log2(F0 / 27.5 Hz) | semitones, 13-51 |
| `jitter` | abs(P(t) - (P(t-1) + P(t+1)) / 2), P the pitch; held at 3 (more is an octave's jump) | semitones, 0-3 |
| `shimmer` | the same of the frame's level, 10 lg E | dB, 0-60 |
| `hnr` | 10 lg(r / (1 - r)), Boersma 1993; r held in 0.01-0.9995 | dB, -20-33 |
| `h1_h2` | level of the bin at F0 minus that at 2 F0 (strongest of three bins) | dB, ±60 |
| `h1_a3` | level of the bin at F0 minus the strongest in 2.5-3.5 kHz | dB, ±60 |

Jitter and shimmer are of three voiced frames on end, 10 ms apart, not of glottal periods: they measure how unsteady a
voice is, in their own unit. `periodicity`, over active frames, is r at the chosen lag (0-1).
"""

from dataclasses import dataclass

import numpy as np

from mer.features.audio.functionals import frames
from mer.features.audio.functionals.autocorrelation import LAG_RATE_HZ, LOWEST_LAG
from mer.features.audio.functionals.spectrum import Shapes

OCTAVE_COST = 0.04
FAR_COST = 0.1
STEADY = 0.7
VOICED = 0.5
NEAR_SEMITONES = 3.0
RUN = 3
"""voiced frames on end; fewer are chance"""
UNVOICED = np.array([[31.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
"""stands for a clip without voice: between a low and a high voice (165 Hz), and nothing unsteady"""
NAMES = ("pitch", "jitter", "shimmer", "hnr", "h1_h2", "h1_a3")


@dataclass(frozen=True)
class Voice:
    """A clip's voice.

    Attributes:
        voiced: bool of shape (frames,).
        semitones: pitch of every frame, sense only where voiced; shape (frames,).
        periodicity: shape (frames,), 0-1.
        descriptors: of the voiced frames, or `UNVOICED`; shape (voiced frames, len(NAMES)).
    """

    voiced: np.ndarray
    semitones: np.ndarray
    periodicity: np.ndarray
    descriptors: np.ndarray


def track(shapes: Shapes, active: np.ndarray) -> Voice:
    """Return the voice in a clip's frames.

    A frame is voiced if it is one of three on end that are active, have r > 0.5 and differ from each to the next by
    less than 3 semitones.
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
    height, lag = height.clip(0, 1), np.where(height > 0, lag, lags[0])  # no peak, no period
    semitones = 12 * np.log2(LAG_RATE_HZ / lag / 27.5)
    voiced = _voiced(active & (height > VOICED), semitones)
    return Voice(voiced, semitones, height, _descriptors(shapes, voiced, semitones, height))


def _peaks(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height of a parabola through each lag and its neighbours, -inf where r has no positive peak, and where it lies.

    Heights have to be interpolated before they are compared: a period between two lags would lose against its double.

    Returns:
        two float32 arrays of shape (frames, LAGS - 1 - LOWEST_LAG), for lags LOWEST_LAG..LAGS-2; the second one is
        within ±0.5 at peaks and 0 elsewhere.
    """
    inner = r[:, LOWEST_LAG:-1]
    rows, lags = np.nonzero((inner >= r[:, LOWEST_LAG - 1 : -2]) & (inner > r[:, LOWEST_LAG + 1 :]) & (inner > 0))
    before, here, after = (r[rows, lags + LOWEST_LAG + step] for step in (-1, 0, 1))
    lean = before - after
    shift = np.float32(0.5) * lean / (before + after - here - here)
    heights, shifts = np.full(inner.shape, -np.inf, np.float32), np.zeros(inner.shape, np.float32)
    heights[rows, lags], shifts[rows, lags] = here - np.float32(0.25) * lean * shift, shift
    return heights, shifts


def _voiced(candidate: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    near = (np.abs(np.diff(semitones)) < NEAR_SEMITONES) & candidate[1:] & candidate[:-1]
    three = np.zeros(len(candidate) + RUN - 1, dtype=bool)  # three[t]: t-2, t-1 and t belong together
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
    """Distance from the mean of both neighbours; at the ends of a voiced stretch that of the frame next to it."""
    bent = np.abs(np.convolve(contour, [-0.5, 1.0, -0.5], mode="same"))
    inside = voiced.copy()
    inside[1:] &= voiced[:-1]
    inside[:-1] &= voiced[1:]
    inside[[0, -1]] = False
    bent[~inside] = 0
    shifted = np.maximum(np.roll(bent, 1), np.roll(bent, -1))
    return np.where(inside, bent, shifted)


def _harmonic(low_db: np.ndarray, at: np.ndarray, hertz: np.ndarray) -> np.ndarray:
    middle = np.clip(np.round(hertz / frames.BIN_HZ).astype(int), 1, low_db.shape[1] - 2)
    return np.max([low_db[at, middle + step] for step in (-1, 0, 1)], axis=0)
