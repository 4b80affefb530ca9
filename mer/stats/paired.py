"""Whether one system is better than another: paired by clip, clustered by speaker, trained anew with every seed, and
corrected for how often one asks.

Two questions are asked, and a difference is shown where both say no. *Is the mean difference 0?* is judged by its
variance over new speakers and, of what is trained with several seeds, over new trainings. *Could the two be swapped,
speaker by speaker?* is judged by `sign_flip`, which asks for no variance and cannot be fooled by a handful of speakers
who happen to agree; but it takes the trained models as given, and what can be swapped is more than what is equal on the
mean.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from mer.stats.estimates import Statistic, Ways, estimate, gathered, per_seed
from mer.stats.intervals import pooled_freedom
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
    (NaN without an interval) and the smallest p-value that so few clusters can give."""

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
    ways: Sequence[Ways | None] | None = None,
    trainings: Sequence[tuple[Hashable, Hashable]] | None = None,
) -> Comparison:
    r"""Compare two systems on one corpus, or on the mean over several.

    .. math:: d \pm \sqrt{t_\nu^2 V + t_\mu^2 W}, \qquad W = \sum \frac{s_A^2}{m_A} + \frac{s_B^2}{m_B}

    V is the variance over speakers (`estimate`, each speaker left out of both systems at once), W that over
    trainings: s the deviation of a system's score over its m seeds. The degrees of freedom of each are Satterthwaite's.
    Two seeds say little of how trainings vary, and this interval holds for the sum of such parts, where one of Welch's
    does not [Banerjee 1960]. A system with one seed adds nothing to W: what is said then is said of that trained
    model, or of an algorithm that has one solution. The p-value is the larger of `sign_flip`'s and that at which the
    interval ends at 0.

    Args:
        pairs: one per corpus, of different speakers
        statistic: maps (..., k, k) to values, (...)
        confidence: of the interval, in (0, 1)
        seed: of the flips, where not all are tried
        weights: of the pairs in the mean; by default all alike
        ways: for each pair, how its rows are put together to clusters, as for `estimate`; of two ways the larger p
        trainings: for each pair, which training each side is of: those of one training share what a seed does to it; by
            default each has its own

    Raises:
        ValueError: no pairs; two systems differ in their clips, or have different numbers of seeds, neither of them one

    Examples:
        >>> ours, theirs = [[[4, 0], [0, 4]]] * 6, [[[3, 1], [1, 3]]] * 6
        >>> found = compare([(ours, theirs)])
        >>> found.point, found.p, found.smallest
        (0.25, 0.03125, 0.03125)
        >>> seeds = [ours, theirs, ours]  # one algorithm, three trainings
        >>> round(compare([(seeds, [theirs, ours, theirs])]).p, 2)
        0.54
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    if not len(pairs):
        raise ValueError("no pairs to compare")
    ways = [None] * len(pairs) if ways is None else ways
    weights = np.full(len(pairs), 1 / len(pairs)) if weights is None else np.asarray(weights, float)
    parts = [estimate(pair[0], statistic, less=pair[1], ways=way) for pair, way in zip(pairs, ways, strict=True)]
    point = float(weights @ [part.value for part in parts])
    speakers = weights**2 * [part.variance for part in parts]
    variances = np.array([speakers.sum(), 0.0])
    freedoms = np.array([pooled_freedom(speakers, [part.freedom for part in parts]), 1.0])
    trainings = [(at, at) for at in range(len(pairs))] if trainings is None else trainings
    over_seeds = _over_seeds(pairs, statistic, weights, trainings)
    if over_seeds:
        own, freedom = np.array(over_seeds).T
        variances[1], freedoms[1] = own.sum(), pooled_freedom(own, freedom)
    clusters = sum(part.clusters for part in parts)
    kinds = max(1 if way is None else len(way) for way in ways)
    flips = [
        sign_flip([_as_clusters(*part, kind) for part in zip(pairs, ways, strict=True)], statistic, seed, weights)
        for kind in range(kinds)
    ]
    smallest = max(flip[1] for flip in flips)
    if not np.isfinite(variances).all():
        return Comparison(point, np.nan, np.nan, np.nan, smallest, clusters)
    reach = _reach(1 - confidence, variances, freedoms)
    p = max([_p_value(point, variances, freedoms), *(flip[0] for flip in flips)])
    return Comparison(point, point - reach, point + reach, float(p), smallest, clusters)


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


def _over_seeds(
    pairs: Sequence[Pair], statistic: Statistic, weights: NDArray, trainings: Sequence[tuple[Hashable, Hashable]]
) -> list[tuple[float, float]]:
    """The variance that the trainings of each side add to the mean, and its degrees of freedom."""
    scored: dict[tuple[int, Hashable], list[NDArray]] = {}
    for pair, weight, training in zip(pairs, weights, trainings, strict=True):
        for side, confusions in enumerate(pair):
            values = weight * np.atleast_1d(statistic(per_seed(confusions).sum(1)))
            scored.setdefault((side, training[side]), []).append(values)
    found = []
    for values in scored.values():
        if len({len(own) for own in values}) > 1:
            raise ValueError("corpora that were tested by one training have different numbers of seeds")
        of_seeds = np.sum(values, axis=0)
        if len(of_seeds) > 1:
            found.append((float(of_seeds.var(ddof=1)) / len(of_seeds), len(of_seeds) - 1.0))
    return found


def _reach(level: float, variances: NDArray, freedoms: NDArray) -> float:
    return float(np.sqrt(np.sum(stdtrit(freedoms, 1 - level / 2) ** 2 * variances)))


def _p_value(point: float, variances: NDArray, freedoms: NDArray) -> float:
    """The level at which the interval ends at 0, found by halving; to twelve digits."""
    low, high = 0.0, 1.0
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if _reach(middle, variances, freedoms) > abs(point) else (low, middle)
    return high


def _as_clusters(pair: Pair, ways: Ways | None, kind: int) -> Pair:
    """Rows put together in the way of that number; in the last there is, where there are fewer."""
    if ways is None:
        return pair
    group = np.unique(np.asarray(ways[min(kind, len(ways) - 1)]), return_inverse=True)[1]
    return tuple(gathered(per_seed(side), group, axis=1) for side in pair)


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
