"""Align two recordings in time, speed and pitch, and score whether the second is an altered copy of the first.

The alignment starts from a moment that both share. Speed and pitch are searched on a grid of ±6 % and ±6.7 %. The score
is the correlation of the whitened spectrograms, weighted by loudness. Echo or background noise lowers it for copies, to
a value that two takes of a sentence by one actor can reach. Two corrections separate these cases. A copy fits best at
one speed and pitch from end to end, whereas syllables of another take fit better if they are moved one by one. Adding
an echo to a dry recording makes it more similar to its copy in a room. `benchmarks/audit.py` measures all of this.
"""

from dataclasses import dataclass

import numpy as np

from mer.dataset.audit.copies.spectral_sketches import BANDS, PER_OCTAVE, SECONDS_PER_FRAME, Sketch, whitened, with_echo

MAX_FRAMES = 250
"""The largest number of frames before and after the moment that are compared: 8 s each."""
NEAR_FRAMES = 10
"""The number of frames before and after the moment from which pitch and lag are estimated, before speed."""
SPEEDS = 1 + np.arange(-6, 7) / 100
"""The speeds of the second recording that are tried first, relative to the first."""
PITCHES = np.arange(-3, 4) / 2
"""The transpositions of the second recording that are tried first, in bands."""
LAGS = np.arange(-4, 5) / 2
"""The distances between the two moments that are tried first, in frames."""
MAX_CLIMBS = 6
"""The largest number of hill-climbing steps over speed, pitch and lag."""
MIN_OVERLAP_SHARE = 0.5
"""The share of the shorter recording's loud frames that must be aligned with loud frames of the other."""
MIN_SECONDS = 0.15
"""The shortest loud audio in common that is compared, in seconds."""
MIN_CORRELATION = 0.5
"""The correlation, around the moment or in all, below which the search stops."""
SURE_CORRELATION = 0.94
"""The correlation above which no echo is tried."""
ECHOES = ((0.3, 4.0), (0.5, 6.0), (0.8, 6.0))
"""The rooms that are tried: reverberation time (seconds to fall by 60 dB) and echo relative to direct sound (dB)."""
ECHO_WEIGHT, LOOSENESS_WEIGHT = 3, 6
"""The weights in `Alignment.score` of the gain by an echo and of the gain by moving syllables."""
SYLLABLE_FRAMES = 3
"""The length of a segment that is moved as a whole, in frames: 0.1 s."""
_DELAYS = np.arange(-3, 4) / 2
"""The delays of a syllable, or of a recording in a room, in frames."""
_DETUNINGS = np.arange(-4, 5) / 4
"""The transpositions of a syllable, in bands."""
_MARGIN_BANDS = 2
"""The number of bands at both edges that are left out, so that transpositions can be compared."""


@dataclass(frozen=True)
class Alignment:
    """The alignment of two recordings.

    Attributes:
        score: at most 1: the correlation, plus `ECHO_WEIGHT` times its gain by an echo, minus `LOOSENESS_WEIGHT` times
            its gain by moving syllables.
        weight: the duration of loud audio that was compared, in seconds.
        shift: the start of the second within the first, in seconds.
        speed: the speed of the second relative to the first.
        pitch: the pitch of the second relative to the first.
    """

    score: float
    weight: float
    shift: float
    speed: float
    pitch: float


NO_ALIGNMENT = Alignment(0.0, 0.0, 0.0, 1.0, 1.0)


def align(first_sketch: Sketch, second_sketch: Sketch, first_moment: int, second_moment: int) -> Alignment:
    """Align two recordings, given a frame of the first and a frame of the second that match."""
    first, second = _Segment(first_sketch, first_moment), _Segment(second_sketch, second_moment)
    start = _start(first, second)
    if start is None:
        return NO_ALIGNMENT
    score, weight, pitch, lag, speed = _hill_climb(first, second, *start)
    overlap = MIN_OVERLAP_SHARE * min(
        _loud_seconds(first_sketch), _loud_seconds(second_sketch), MAX_FRAMES * SECONDS_PER_FRAME
    )
    if score < MIN_CORRELATION or weight < max(MIN_SECONDS, overlap):
        return NO_ALIGNMENT
    gain, fit = _echo_gain(first, second, lag + first.times / speed, pitch, score)
    score = min(score + ECHO_WEIGHT * gain, 1.0) - LOOSENESS_WEIGHT * _looseness(*fit, pitch)
    shift = float(first_moment - (second_moment + lag) * speed) * SECONDS_PER_FRAME
    return Alignment(score, weight, shift, speed, 2 ** (pitch / PER_OCTAVE))


def _start(first: "_Segment", second: "_Segment") -> tuple[float, float, float] | None:
    """Return pitch and lag around the moment, and the speed of all; None if the recordings are too different."""
    near = np.abs(first.times) <= NEAR_FRAMES
    scores, _ = _correlations(first, second, LAGS[:, None] + first.times[near], PITCHES, near)
    pitch, lag = np.unravel_index(scores.argmax(), scores.shape)
    if scores[pitch, lag] < MIN_CORRELATION:
        return None
    pitch, lag = float(PITCHES[pitch]), float(LAGS[lag])
    scores, _ = _correlations(first, second, lag + first.times / SPEEDS[:, None], [pitch])
    return (pitch, lag, float(SPEEDS[scores.argmax()])) if scores.max() >= MIN_CORRELATION else None


def _hill_climb(
    first: "_Segment", second: "_Segment", pitch: float, lag: float, speed: float
) -> tuple[float, float, float, float, float]:
    """Return the correlation, the loud audio compared (seconds), and pitch, lag and speed at the maximum."""
    score, weight, step = -1.0, 0.0, 0.01
    for _ in range(MAX_CLIMBS):
        pitches = np.clip(pitch + np.array([-0.25, 0, 0.25]), PITCHES[0], PITCHES[-1])
        lags = lag + np.array([-0.5, -0.25, 0, 0.25, 0.5])
        speeds = np.clip(speed + np.array([-step, 0, step]), SPEEDS[0], SPEEDS[-1])
        places = (lags[:, None, None] + first.times / speeds[:, None]).reshape(-1, len(first.times))
        scores, weights = _correlations(first, second, places, pitches)
        best, hypothesis = np.unravel_index(scores.argmax(), scores.shape)
        if scores[best, hypothesis] < score + 1e-4:
            if step < 0.01:
                break
            step = 0.005
            continue
        score, weight = float(scores[best, hypothesis]), float(weights[hypothesis]) * SECONDS_PER_FRAME
        pitch, lag, speed = float(pitches[best]), float(lags[hypothesis // 3]), float(speeds[hypothesis % 3])
    return score, weight, pitch, lag, speed


def _loud_seconds(sketch: Sketch) -> float:
    """Return the duration of loud audio in seconds."""
    return float(np.sum(sketch.weights**2)) * SECONDS_PER_FRAME


class _Segment:
    """The frames around a moment: times (n,) relative to it, whitened levels (n, BANDS), weights (n,)."""

    def __init__(self, sketch: Sketch, moment: int) -> None:
        start, end = max(0, moment - MAX_FRAMES), min(len(sketch.levels), moment + MAX_FRAMES)
        self.levels, self.weights = sketch.levels[start:end], sketch.weights[start:end]
        self.times = np.arange(start, end) - moment
        self.white = whitened(self.levels)

    def with_echo(self, seconds: float, echo_db: float) -> "_Segment":
        """Return the segment with an echo of some seconds and dB."""
        segment = object.__new__(_Segment)
        segment.levels, segment.weights = with_echo(self.levels, seconds, echo_db)
        segment.times, segment.white = self.times, whitened(segment.levels)
        return segment


_Fit = tuple[_Segment, _Segment, np.ndarray]
"""Two segments, and the position in the second of each frame of the first."""


def _echo_gain(
    first: _Segment, second: _Segment, places: np.ndarray, pitch: float, correlation: float
) -> tuple[float, _Fit]:
    """Return the gain in correlation if one of the two gets an echo, which delays it slightly; and the best fit."""
    gain, fit = 0.0, (first, second, places)
    if correlation > SURE_CORRELATION:
        return gain, fit
    pairs = [(first.with_echo(*echo), second) for echo in ECHOES] + [
        (first, second.with_echo(*echo)) for echo in ECHOES
    ]
    for echoing_first, echoing_second in pairs:
        scores = _correlations(echoing_first, echoing_second, places + _DELAYS[:, None], [pitch])[0][0]
        if scores.max() - correlation > gain:
            gain, fit = (
                float(scores.max() - correlation),
                (echoing_first, echoing_second, places + _DELAYS[scores.argmax()]),
            )
    return gain, fit


def _looseness(first: _Segment, second: _Segment, places: np.ndarray, pitch: float) -> float:
    """Return the gain in correlation if each syllable is moved to the position and pitch of its best fit."""
    second_white, weights = _aligned(second, places + _DELAYS[:, None])
    weights = weights * first.weights
    first_white = np.stack([_transposed(first.white, pitch + detuning) for detuning in _DETUNINGS])
    starts = np.arange(0, len(places), SYLLABLE_FRAMES)
    products = (
        first_white.transpose(1, 0, 2) @ second_white.transpose(1, 2, 0) * weights.T[:, None]
    )  # (n, pitches, places)
    powers = (
        np.sum(first_white**2, axis=2).T[..., None] * weights.T[:, None],
        np.sum(second_white**2, axis=2).T * weights.T,
    )
    products, own_power, power = (np.add.reduceat(values, starts) for values in (products, *powers))
    norm = np.sqrt(own_power * power[:, None] + 1e-6)
    correlations = products / norm
    unmoved = correlations[:, len(_DETUNINGS) // 2, len(_DELAYS) // 2]
    norms = norm[:, len(_DETUNINGS) // 2, len(_DELAYS) // 2]
    return float(np.sum(norms * (correlations.max(axis=(1, 2)) - unmoved)) / np.sum(norms))


def _aligned(second: _Segment, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inner bands (h, n, bands) and weights (h, n) at positions between frames; weight 0 outside the
    recording."""
    positions = places - second.times[0]
    inside = (positions >= 0) & (positions <= len(second.times) - 1)
    before = np.clip(positions.astype("int64"), 0, max(0, len(second.times) - 2))
    after, fraction = np.minimum(before + 1, len(second.times) - 1), np.clip(positions - before, 0, 1).astype("float32")
    weights = (second.weights[before] * (1 - fraction) + second.weights[after] * fraction) * inside
    inner = slice(_MARGIN_BANDS, BANDS - _MARGIN_BANDS)
    white = second.white[before, inner]
    white += fraction[..., None] * (second.white[after, inner] - white)
    return white, weights


def _correlations(
    first: _Segment,
    second: _Segment,
    places: np.ndarray,
    pitches: np.ndarray | list,
    frames: np.ndarray | slice = slice(None),
) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations of two recordings under several hypotheses, and the weights compared.

    Args:
        places: (h, n) hypothetical positions in the second of each frame of the first, in frames from its moment.
        pitches: (p,) transpositions of the second, in bands.
        frames: the frames of the first that are compared.

    Returns:
        Arrays of shape (p, h) and (h,).
    """
    second_white, weights = _aligned(second, places)
    weights = weights * first.weights[frames]
    weighted = weights[..., None] * second_white
    first_white = np.stack([_transposed(first.white[frames], pitch) for pitch in pitches])
    products = first_white.reshape(len(first_white), -1) @ weighted.reshape(len(places), -1).T
    powers = np.sum(first_white**2, axis=2) @ weights.T, np.einsum("hnf,hnf->h", weighted, second_white)
    return products / np.sqrt(powers[0] * powers[1] + 1e-6), weights.sum(axis=1)


def _transposed(white: np.ndarray, pitch: float) -> np.ndarray:
    """Return the inner bands after a transposition by some bands."""
    low = int(np.floor(-pitch))
    fraction = -pitch - low
    bands = np.arange(_MARGIN_BANDS, BANDS - _MARGIN_BANDS) + low
    return (1 - fraction) * white[:, np.clip(bands, 0, BANDS - 1)] + fraction * white[
        :, np.clip(bands + 1, 0, BANDS - 1)
    ]
