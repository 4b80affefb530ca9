"""Statistics over frames: from arrays of shape (frames, descriptors) to vectors.

| statistic | formula |
|---|---|
| `mean`, `deviation` | over the frames; the deviation is that of the population, 0 for one frame |
| `p5` … `p95` | percentiles, interpolated linearly |
| `range` | p95 - p5, a range that single wrong frames do not change |
| `delta_deviation` | deviation of the slope d(t) = Σ n x(t+n) / Σ n², n = -2..2 (10 ms each), per second |
| `rising`, `falling` | Σ d² / Σ abs(d) over frames with d above, and below, 0; 0 without such frames |
| `trend` | change along the least-squares line from the first voiced frame to the last |

`rising` and `falling` are means of slopes, weighted by the slopes themselves. Unlike unweighted means, they do not jump
if a slope near 0 changes its sign.
"""

import numpy as np

from mer.features.audio.functionals.frames import FRAMES_PER_SECOND

SHARES = (0.05, 0.2, 0.5, 0.8, 0.95)
SUMMARY = ("mean", "deviation", "p5", "p20", "p50", "p80", "p95", "range")
MOTION = ("delta_deviation", "rising", "falling")
CONTOUR = (*MOTION, "trend")


def summary(values: np.ndarray) -> np.ndarray:
    """Return `SUMMARY` of each column; shape (descriptors, len(SUMMARY)).

    >>> summary(np.array([[0.0], [10.0], [20.0]])).round(1).tolist()
    [[10.0, 8.2, 1.0, 4.0, 10.0, 16.0, 19.0, 18.0]]
    """
    ordered = np.sort(np.ascontiguousarray(values.T), axis=1)  # contiguous rows sort several times faster
    position = np.array(SHARES) * (ordered.shape[1] - 1)
    below = position.astype(int)
    above = np.minimum(below + 1, ordered.shape[1] - 1)
    share = position - below
    percentiles = ordered[:, below] * (1 - share) + ordered[:, above] * share
    mean, deviation = ordered.mean(axis=1), ordered.std(axis=1)
    return np.column_stack([mean, deviation, percentiles, percentiles[:, -1] - percentiles[:, 0]])


def deltas(values: np.ndarray) -> np.ndarray:
    """Return the slope of each column at each frame, per second; edge values are repeated."""
    padded = values[np.clip(np.arange(-2, len(values) + 2), 0, len(values) - 1)]
    return (2 * (padded[4:] - padded[:-4]) + padded[3:-1] - padded[1:-3]) * (FRAMES_PER_SECOND / 10)


def motion(slopes: np.ndarray) -> np.ndarray:
    """Return `MOTION` of each column of slopes; shape (descriptors, len(MOTION)).

    >>> motion(np.array([[-2.0], [1.0], [3.0]])).round(2).tolist()
    [[2.05, 2.5, -2.0]]
    """
    size, tiny = np.abs(slopes), 1e-9
    net, gross = slopes.sum(axis=0), size.sum(axis=0)
    squares, signed = np.einsum("ij,ij->j", slopes, slopes), np.einsum("ij,ij->j", slopes, size)
    rising = (squares + signed) / (gross + net + tiny)  # falling slopes cancel, rising slopes count twice
    falling = -(squares - signed) / (gross - net + tiny)
    deviation = np.sqrt(np.maximum(squares / len(slopes) - (net / len(slopes)) ** 2, 0))
    return np.column_stack([deviation, rising, falling])


def contour(values: np.ndarray, defined: np.ndarray) -> np.ndarray:
    """Return `CONTOUR` of a contour that is defined at some frames only; zeros if it is not defined anywhere.

    A slope is used if all of its five frames are defined.
    """
    at = np.flatnonzero(defined)
    if not len(at):
        return np.zeros(len(CONTOUR))
    complete = np.convolve(defined, np.ones(5), mode="full")[2 : len(defined) + 2] == 5
    slopes = deltas(values[:, None])[complete]
    values_of_motion = motion(slopes)[0] if len(slopes) else np.zeros(len(MOTION))
    time = at - at.mean()
    trend = (time @ values[at]) / max(time @ time, 1) * (at[-1] - at[0])
    return np.append(values_of_motion, trend)
