"""From activations over time to one vector."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mer.features.extractor import Absent


@dataclass(frozen=True)
class Summary:
    """A stretch of activations.

    Attributes:
        frames: how many there were.
        mean, variance: over them (population); shape (layers, width).
    """

    frames: int
    mean: np.ndarray
    variance: np.ndarray


def windows(length: int, window: int, step: int) -> list[tuple[int, int]]:
    """Return (start, stop) of the paper's windows: one every `step`, as long as `window` or to the end.

    A last window begins only where at least a whole step is left, so there are max(1, length // step). The last one
    often lies within the one before it: four seconds give (0, 4) and (2, 4).

    >>> windows(9, 4, 2)
    [(0, 4), (2, 6), (4, 8), (6, 9)]
    >>> windows(3, 4, 2), windows(4, 4, 2)
    ([(0, 3)], [(0, 4), (2, 4)])
    """
    return [(start, min(start + window, length)) for start in range(0, max(1, length // step) * step, step)]


def parts(length: int, longest: int) -> list[tuple[int, int]]:
    """Return (start, stop) of as few and as equal parts as possible, none above `longest`.

    >>> parts(10, 4)
    [(0, 3), (3, 6), (6, 10)]
    """
    count = max(1, -(-length // longest))
    edges = [length * i // count for i in range(count + 1)]
    return list(pairwise(edges))


def pool(found: list[Summary], pooling: str) -> np.ndarray:
    """Return one vector, float32; of several layers, one after the other.

    `mean` and `mean_std` are over all frames of all stretches: as if there had been one stretch. `windows` are mean and
    population deviation over the stretches' means, so a clip with a single window has zeros in its second half: what
    the paper did, and a hint of a clip's length rather than of an emotion. `mean_std` has no such zeros.

    Returns:
        shape (layers * width,) for `mean`, else (layers * 2 * width,), of each layer the mean, then the deviation.
    """
    means = np.stack([s.mean for s in found]).astype(np.float64)  # (stretches, layers, width)
    if pooling == "windows":
        pair = [means.mean(axis=0), means.std(axis=0)]
    else:
        share = np.array([s.frames for s in found], dtype=np.float64)[:, None, None]
        share /= share.sum()
        mean = (share * means).sum(axis=0)
        variances = np.stack([s.variance for s in found])
        pair = [mean, np.sqrt((share * (variances + (means - mean) ** 2)).sum(axis=0))]
    return np.concatenate(pair[:1] if pooling == "mean" else pair, axis=-1).astype(np.float32).ravel()


def finite(vector: np.ndarray) -> np.ndarray | Absent:
    """Return a vector, or that there is none where a network broke down."""
    return vector if np.isfinite(vector).all() else Absent("the network gives numbers that are not finite")
