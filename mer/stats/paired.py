"""Whether one system is better than another: paired by clip, clustered by speaker, corrected for how often one asks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.estimates import Statistic, estimate, per_seed
from mer.stats.intervals import combined
from mer.stats.metrics import uar

Pair = tuple[ArrayLike, ArrayLike]
"""confusions of two systems on the same clips of one corpus: (s, k, k), or (seeds, s, k, k) of one or as many seeds"""

MOST_PATTERNS = 2**13
"""up to so many ways to flip signs all are tried, else as many at random"""
AT_ONCE = 2**22
"""counts of flipped confusions that are held at once"""


@dataclass(frozen=True)
class Comparison:
    """By how much one system is better than another: the mean over corpora, its interval, the p-value of no difference
    and the smallest p-value that so few clusters can give."""

    point: float
    low: float
    high: float
    p: float
    smallest: float
    clusters: int


def compare(
    pairs: Sequence[Pair],
    statistic: Statistic = uar,
    confidence: float = 0.95,
    seed: int = 0,
    weights: ArrayLike | None = None,
) -> Comparison:
    """Compare two systems on one corpus, or on the mean over several.

    The interval leaves each speaker out of both systems at once (`estimate`, `combined`). The p-value is that of
    `sign_flip`, which asks for no variance and therefore cannot be fooled by a handful of speakers who happen to agree.
    So an interval of a few speakers may exclude 0 where no p-value can be small: the p-value decides.

    Args:
        pairs: one per corpus, of different speakers
        statistic: maps (..., k, k) to values, (...)
        confidence: of the interval, in (0, 1)
        seed: of the flips, where not all are tried
        weights: of the pairs in the mean; by default all alike

    Raises:
        ValueError: no pairs; two systems differ in their clips, or have different numbers of seeds, neither of them one

    Examples:
        >>> ours, theirs = [[[4, 0], [0, 4]]] * 6, [[[3, 1], [1, 3]]] * 6
        >>> found = compare([(ours, theirs)])
        >>> found.point, found.p, found.smallest
        (0.25, 0.03125, 0.03125)
    """
    parts = [estimate(ours, statistic, less=theirs) for ours, theirs in pairs]
    interval = combined(parts, weights, confidence)
    p, smallest = sign_flip(pairs, statistic, seed, weights)
    return Comparison(interval.point, interval.low, interval.high, p, smallest, interval.clusters)


def sign_flip(
    pairs: Sequence[Pair], statistic: Statistic = uar, seed: int = 0, weights: ArrayLike | None = None
) -> tuple[float, float]:
    r"""Return the p-value of two systems being interchangeable within each speaker, and the smallest that it can be.

    Were it so, a speaker's two confusions could be swapped: each of the :math:`2^s` ways to swap is as likely as what
    was seen. The p-value is the share of them whose difference is as large, in either direction [Fisher 1935,
    section 21]. All ways are tried up to 13 speakers; else 8,192 at random, with the one that was seen among them
    [Phipson and Smyth 2010]. All of a speaker's seeds are swapped together.

    Args:
        pairs, statistic, weights: as for `compare`
        seed: of the random ways

    Returns:
        p, NaN where there is no difference to measure, and :math:`2^{-(s-1)}` or one over the number of random ways,
        whichever is more

    Raises:
        ValueError: as for `compare`

    Examples:
        >>> sign_flip([([[[3, 1], [0, 4]]] * 4, [[[2, 2], [1, 3]]] * 4)])
        (0.125, 0.125)
    """
    sides = [_paired(ours, theirs) for ours, theirs in pairs]
    clusters = sum(ours.shape[1] for ours, _ in sides)
    signs = _patterns(clusters, np.random.default_rng(seed))
    gains, first = np.zeros(len(signs)), 0
    weights = np.full(len(sides), 1 / len(sides)) if weights is None else np.asarray(weights, float)
    for (ours, theirs), weight in zip(sides, weights, strict=True):
        mine = signs[:, first : first + ours.shape[1]]
        gains += weight * _gains(ours, theirs, mine, statistic)
        first += ours.shape[1]
    if np.isnan(gains[0]):
        return np.nan, 1 / len(signs)
    reached = np.abs(gains) >= abs(gains[0]) - 1e-12
    return float(reached.mean()), 1 / len(signs)


def holm(p: ArrayLike) -> list[float]:
    """Return the p-values of one family of tests, adjusted after Holm [1979]; NaN is no test and stays NaN.

    Examples:
        >>> [round(value, 3) for value in holm([0.01, 0.04, np.nan, 0.03])]
        [0.03, 0.06, nan, 0.06]
    """
    p = np.asarray(p, float)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    found = np.full(len(p), np.nan)
    found[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return found.tolist()


def _paired(ours: ArrayLike, theirs: ArrayLike) -> tuple[NDArray, NDArray]:
    """Both as (seeds, s, k, k) of as many seeds, without silent clusters; refuse other clips."""
    ours, theirs = per_seed(ours), per_seed(theirs)
    if ours.shape[1:] != theirs.shape[1:]:
        raise ValueError(f"clusters and classes {ours.shape[1:]} are compared with {theirs.shape[1:]}")
    if len(ours) != len(theirs) and 1 not in (len(ours), len(theirs)):
        raise ValueError(f"{len(ours)} seeds are compared with {len(theirs)}: take those that both have")
    support = ours[0].sum(-1)
    if not all((side.sum(-1) == support).all() for side in (ours, theirs)):
        raise ValueError("the two systems were not asked about the same clips: a paired comparison needs that")
    spoken = support.any(-1)
    if not spoken.any():
        raise ValueError("no clips: there is nothing to measure")
    ours, theirs = np.broadcast_arrays(ours[:, spoken], theirs[:, spoken])
    return ours, theirs


def _patterns(clusters: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Signs of shape (patterns, clusters), what was seen first; the first cluster's never changes, as the mirror image
    of a pattern gives the same size of difference."""
    if 2 ** (clusters - 1) <= MOST_PATTERNS:
        numbers = np.arange(2 ** (clusters - 1))
        return (1 - 2 * (numbers[:, None] >> np.arange(clusters)[::-1] & 1)).astype(np.int8)
    signs = rng.choice(np.array([-1, 1], np.int8), (MOST_PATTERNS, clusters))
    signs[0] = 1
    return signs


def _gains(ours: NDArray, theirs: NDArray, signs: NDArray, statistic: Statistic) -> NDArray[np.floating]:
    """The difference after each pattern of swaps, (patterns,): sums over speakers are half of both, plus or minus half
    of what they differ in."""
    seeds, clusters, k, _ = ours.shape
    flat = [np.moveaxis(side, 1, 0).reshape(clusters, -1) for side in (ours + theirs, ours - theirs)]
    whole, parted = flat[0].sum(0) / 2, flat[1] / 2
    step, found = max(1, AT_ONCE // parted.shape[1]), []
    for first in range(0, len(signs), step):
        swapped = signs[first : first + step].astype(float) @ parted
        both = (np.asarray(statistic((whole + way * swapped).reshape(-1, seeds, k, k))).mean(-1) for way in (1, -1))
        found.append(next(both) - next(both))
    return np.concatenate(found)
