"""Whether two recordings are one when the second is sped up or slowed down, transposed and laid over the first.

The place is known from a moment that both share. Speed and pitch are searched on a grid of ±6 % and ±6.7 %. What is
compared is the correlation of the whitened spectrograms, loud frames counting most. It is .9 and more for most copies,
but .8 in an echo or before a crowd, and as much for two takes of a sentence by an actor who repeats himself well. Two
things tell them apart. A copy fits best at one speed and pitch from end to end, whereas syllables of another take gain
from being moved one by one. And an echo that is added to the dry recording makes it more like a copy in a room.
"""

from dataclasses import dataclass

import numpy as np

from mer.dataset.audit.copies.spectral_sketches import BANDS, PER_OCTAVE, SECONDS_PER_FRAME, Sketch, echoing, whitened

LONGEST = 250
"""Frames before and after the moment that are compared at most: 8 s each."""
NEAR = 10
"""Frames before and after the moment from which pitch and lag are found, before the speed is."""
SPEEDS = 1 + np.arange(-6, 7) / 100
"""Speeds of the second recording that are tried first, the first's being 1."""
PITCHES = np.arange(-3, 4) / 2
"""Bands by which the second recording may lie higher, as they are tried first."""
LAGS = np.arange(-4, 5) / 2
"""Frames by which the moments may lie apart, as they are tried first."""
CLIMBS = 6
"""Neighbouring speeds, pitches and lags are tried so many times at most, while the correlation grows."""
COVER = 0.5
"""This share of the sound of the shorter recording must lie over sound of the other."""
SHORTEST = 0.15
"""Two recordings with fewer seconds of loud sound in common are not compared."""
HOPELESS = 0.5
"""Below this correlation, around the moment or of everything, no finer search helps."""
CERTAIN = 0.94
"""Above this correlation no echo is looked for."""
ECHOES = ((0.3, 4.0), (0.5, 6.0), (0.8, 6.0))
"""Rooms that are tried: seconds in which the echo falls by 60 dB, dB by which all of it exceeds the direct sound."""
ECHO_GAIN, LOOSE = 3, 6
"""Weights in `Overlay.score` of what an echo adds to the correlation, and of what moved syllables add to it."""
SYLLABLE = 3
"""Frames that are moved at once: 0.1 s."""
_DELAYS = np.arange(-3, 4) / 2
"""Frames by which a syllable, or a recording in a room, may be late."""
_DETUNINGS = np.arange(-4, 5) / 4
"""Bands by which a syllable may lie higher."""
_MARGIN = 2
"""Bands at both edges that are left out, so that pitches can be compared."""


@dataclass(frozen=True)
class Overlay:
    """How one recording lies over another.

    Attributes:
        score: up to 1: correlation, plus `ECHO_GAIN` times what an echo adds to it, less `LOOSE` times what it gains
            from moving syllables.
        weight: seconds of loud sound compared.
        shift: seconds of the first that pass before the second starts.
        speed: of the second, the first's being 1.
        pitch: of the second, the first's being 1.
    """

    score: float
    weight: float
    shift: float
    speed: float
    pitch: float


NONE = Overlay(0.0, 0.0, 0.0, 1.0, 1.0)


def overlay(one: Sketch, other: Sketch, moment: int, place: int) -> Overlay:
    """Lay one recording over another where a frame of the first is known to match one of the second."""
    first, second = _Part(one, moment), _Part(other, place)
    start = _start(first, second)
    if start is None:
        return NONE
    score, weight, pitch, lag, speed = _climb(first, second, *start)
    enough = COVER * min(_sound(one), _sound(other), LONGEST * SECONDS_PER_FRAME)
    if score < HOPELESS or weight < max(SHORTEST, enough):
        return NONE
    gain, fit = _echo_gain(first, second, lag + first.times / speed, pitch, score)
    score = min(score + ECHO_GAIN * gain, 1.0) - LOOSE * _looseness(*fit, pitch)
    shift = float(moment - (place + lag) * speed) * SECONDS_PER_FRAME
    return Overlay(score, weight, shift, speed, 2 ** (pitch / PER_OCTAVE))


def _start(first: "_Part", second: "_Part") -> tuple[float, float, float] | None:
    """Pitch and lag around the moment, and the speed of all; None where they are too different."""
    close = np.abs(first.times) <= NEAR
    scores, _ = _correlations(first, second, LAGS[:, None] + first.times[close], PITCHES, close)
    pitch, lag = np.unravel_index(scores.argmax(), scores.shape)
    if scores[pitch, lag] < HOPELESS:
        return None
    pitch, lag = float(PITCHES[pitch]), float(LAGS[lag])
    scores, _ = _correlations(first, second, lag + first.times / SPEEDS[:, None], [pitch])
    return (pitch, lag, float(SPEEDS[scores.argmax()])) if scores.max() >= HOPELESS else None


def _climb(
    first: "_Part", second: "_Part", pitch: float, lag: float, speed: float
) -> tuple[float, float, float, float, float]:
    """Correlation, seconds of loud sound compared, and pitch, lag and speed at the top of the hill."""
    score, weight, step = -1.0, 0.0, 0.01
    for _ in range(CLIMBS):
        pitches = np.clip(pitch + np.array([-0.25, 0, 0.25]), PITCHES[0], PITCHES[-1])
        lags = lag + np.array([-0.5, -0.25, 0, 0.25, 0.5])
        speeds = np.clip(speed + np.array([-step, 0, step]), SPEEDS[0], SPEEDS[-1])
        places = (lags[:, None, None] + first.times / speeds[:, None]).reshape(-1, len(first.times))
        scores, weights = _correlations(first, second, places, pitches)
        best, at = np.unravel_index(scores.argmax(), scores.shape)
        if scores[best, at] < score + 1e-4:
            if step < 0.01:
                break
            step = 0.005
            continue
        score, weight = float(scores[best, at]), float(weights[at]) * SECONDS_PER_FRAME
        pitch, lag, speed = float(pitches[best]), float(lags[at // 3]), float(speeds[at % 3])
    return score, weight, pitch, lag, speed


def _sound(one: Sketch) -> float:
    """Seconds of loud sound."""
    return float(np.sum(one.weights**2)) * SECONDS_PER_FRAME


class _Part:
    """What lies around a moment: times (n,) in frames from it, whitened levels (n, BANDS), weights (n,)."""

    def __init__(self, one: Sketch, moment: int) -> None:
        start, end = max(0, moment - LONGEST), min(len(one.levels), moment + LONGEST)
        self.levels, self.weights = one.levels[start:end], one.weights[start:end]
        self.times = np.arange(start, end) - moment
        self.white = whitened(self.levels)

    def echoing(self, seconds: float, louder: float) -> "_Part":
        """The same in a room."""
        part = object.__new__(_Part)
        part.levels, part.weights = echoing(self.levels, seconds, louder)
        part.times, part.white = self.times, whitened(part.levels)
        return part


_Fit = tuple[_Part, _Part, np.ndarray]
"""two recordings, and the place in the second of each frame of the first"""


def _echo_gain(first: _Part, second: _Part, places: np.ndarray, pitch: float, dry: float) -> tuple[float, _Fit]:
    """What the correlation gains if one of the two sounds in a room, which delays it a little; and the best fit."""
    gain, fit = 0.0, (first, second, places)
    if dry > CERTAIN:
        return gain, fit
    pairs = [(first.echoing(*echo), second) for echo in ECHOES] + [(first, second.echoing(*echo)) for echo in ECHOES]
    for one, other in pairs:
        scores = _correlations(one, other, places + _DELAYS[:, None], [pitch])[0][0]
        if scores.max() - dry > gain:
            gain, fit = float(scores.max() - dry), (one, other, places + _DELAYS[scores.argmax()])
    return gain, fit


def _looseness(first: _Part, second: _Part, places: np.ndarray, pitch: float) -> float:
    """What the correlation gains if each syllable takes the place and pitch at which it fits best."""
    other, weights = _laid(second, places + _DELAYS[:, None])
    weights = weights * first.weights
    own = np.stack([_transposed(first.white, pitch + more) for more in _DETUNINGS])
    starts = np.arange(0, len(places), SYLLABLE)
    products = own.transpose(1, 0, 2) @ other.transpose(1, 2, 0) * weights.T[:, None]  # (n, pitches, places)
    powers = np.sum(own**2, axis=2).T[..., None] * weights.T[:, None], np.sum(other**2, axis=2).T * weights.T
    products, own_power, power = (np.add.reduceat(part, starts) for part in (products, *powers))
    size = np.sqrt(own_power * power[:, None] + 1e-6)
    fits = products / size
    middle = fits[:, len(_DETUNINGS) // 2, len(_DELAYS) // 2]
    counts = size[:, len(_DETUNINGS) // 2, len(_DELAYS) // 2]
    return float(np.sum(counts * (fits.max(axis=(1, 2)) - middle)) / np.sum(counts))


def _laid(second: _Part, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inner bands (h, n, bands) and weights (h, n) of a recording at places between its frames; none outside of it."""
    at = places - second.times[0]
    inside = (at >= 0) & (at <= len(second.times) - 1)
    before = np.clip(at.astype("int64"), 0, max(0, len(second.times) - 2))
    after, part = np.minimum(before + 1, len(second.times) - 1), np.clip(at - before, 0, 1).astype("float32")
    weights = (second.weights[before] * (1 - part) + second.weights[after] * part) * inside
    inner = slice(_MARGIN, BANDS - _MARGIN)
    white = second.white[before, inner]
    white += part[..., None] * (second.white[after, inner] - white)
    return white, weights


def _correlations(
    first: _Part, second: _Part, places: np.ndarray, pitches: np.ndarray | list, among: np.ndarray | slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Correlations of two recordings, and weights compared.

    Args:
        places: (h, n) hypotheses of where each frame of the first lies in the second, in frames from its moment.
        pitches: (p,) bands by which the second lies higher.
        among: the frames of the first.

    Returns:
        (p, h) and (h,).
    """
    other, weights = _laid(second, places)
    weights = weights * first.weights[among]
    weighed = weights[..., None] * other
    own = np.stack([_transposed(first.white[among], pitch) for pitch in pitches])
    products = own.reshape(len(own), -1) @ weighed.reshape(len(places), -1).T
    powers = np.sum(own**2, axis=2) @ weights.T, np.einsum("hnf,hnf->h", weighed, other)
    return products / np.sqrt(powers[0] * powers[1] + 1e-6), weights.sum(axis=1)


def _transposed(white: np.ndarray, pitch: float) -> np.ndarray:
    """The inner bands, as they are if everything is some bands higher."""
    low = int(np.floor(-pitch))
    part = -pitch - low
    bands = np.arange(_MARGIN, BANDS - _MARGIN) + low
    return (1 - part) * white[:, np.clip(bands, 0, BANDS - 1)] + part * white[:, np.clip(bands + 1, 0, BANDS - 1)]
