"""Paired comparison of two systems: by clip, clustered by speaker, over trainings, with correction for many tests.

A difference is significant if it passes two tests. The first tests a mean difference of 0, with its variance over new
speakers and, for systems with several seeds, over new trainings. The second (`sign_flip`) tests whether the two systems
can be exchanged, speaker by speaker. It needs no variance, so a few speakers that agree by chance do not mislead it.
It takes the trained models as given, and its hypothesis is stronger than an equal mean.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from mer.stats.design import Statistic, sum_by_group
from mer.stats.estimates import Groupings, estimate, per_seed
from mer.stats.intervals import pooled_freedom
from mer.stats.metrics import uar

MAX_PATTERNS = 2**13
"""The largest number of sign patterns. If there are more, as many are drawn at random."""
MAX_BLOCK_VALUES = 2**22
"""The largest number of exchanged counts that are in memory at once."""


class Pair(NamedTuple):
    """Confusions of two systems on the same clips of one corpus."""

    first: ArrayLike
    """Counts of the first system, (s, k, k) or (seeds, s, k, k)."""
    second: ArrayLike
    """Counts of the second system, with as many seeds or with one."""
    groupings: Groupings | None = None
    """Clusters of the rows, as for `estimate`; by default each row is one cluster."""
    trainings: tuple[Hashable, Hashable] | None = None
    """The trainings of both systems, by default one for each pair.

    Pairs of one training share its variation over seeds.
    """


@dataclass(frozen=True)
class Comparison:
    """The difference between two systems.

    Attributes:
        point: mean difference over corpora.
        low, high: its confidence interval; NaN with too few clusters.
        p: p-value of no difference; NaN without an interval.
        smallest: the smallest p-value that this number of clusters can give.
        clusters: number of clusters.
    """

    point: float
    low: float
    high: float
    p: float
    smallest: float
    clusters: int


def compare(
    pairs: Sequence[Pair | tuple[ArrayLike, ArrayLike]],
    statistic: Statistic = uar,
    confidence: float = 0.95,
    seed: int = 0,
    weights: ArrayLike | None = None,
) -> Comparison:
    r"""Compare two systems on one corpus, or on the mean over several.

    .. math:: d \pm \sqrt{t_\nu^2 V + t_\mu^2 W}, \qquad W = \sum \frac{s_A^2}{m_A} + \frac{s_B^2}{m_B}

    V is the variance over speakers (`estimate`, each speaker left out of both systems at once), W the variance over
    trainings: s is the standard deviation of a system's score over its m seeds. The degrees of freedom of each are
    Satterthwaite's. Few seeds estimate the variation of trainings poorly. This interval holds for the sum of such
    variances, unlike Welch's [Banerjee 1960]. A system with one seed adds nothing to W: the result then concerns this
    trained model, or an algorithm with one solution. The p-value is the larger one of `sign_flip` and of the level at
    which the interval ends at 0.

    Args:
        pairs: one per corpus, of different speakers; with two kinds of clusters the larger p-value counts
        statistic: maps (..., k, k) to values, (...)
        confidence: level of the interval, in (0, 1)
        seed: seed of random sign patterns
        weights: weights of the pairs in the mean; by default all equal

    Raises:
        ValueError: no pairs; two systems have different clips, or different numbers of seeds of which none is one

    Examples:
        >>> first, second = [[[4, 0], [0, 4]]] * 6, [[[3, 1], [1, 3]]] * 6
        >>> gain = compare([(first, second)])
        >>> gain.point, gain.p, gain.smallest
        (0.25, 0.03125, 0.03125)
        >>> seeds = [first, second, first]  # one algorithm, three trainings
        >>> round(compare([(seeds, [second, first, second])]).p, 2)
        0.54
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    if not len(pairs):
        raise ValueError("there are no pairs to compare")
    pairs = [Pair(*pair) for pair in pairs]
    weights = np.full(len(pairs), 1 / len(pairs)) if weights is None else np.asarray(weights, float)
    parts = [estimate(pair.first, statistic, less=pair.second, groupings=pair.groupings) for pair in pairs]
    point = float(weights @ [part.value for part in parts])
    speakers = weights**2 * [part.variance for part in parts]
    variances = np.array([speakers.sum(), 0.0])
    degrees_of_freedom = np.array([pooled_freedom(speakers, [part.degrees_of_freedom for part in parts]), 1.0])
    over_seeds = _over_seeds(pairs, statistic, weights)
    if over_seeds:
        of_trainings, freedom = np.array(over_seeds).T
        variances[1], degrees_of_freedom[1] = of_trainings.sum(), pooled_freedom(of_trainings, freedom)
    clusters = sum(part.clusters for part in parts)
    kinds = max(1 if pair.groupings is None else len(pair.groupings) for pair in pairs)
    flips = [sign_flip([_by_cluster(pair, kind) for pair in pairs], statistic, seed, weights) for kind in range(kinds)]
    smallest = max(flip[1] for flip in flips)
    if not np.isfinite(variances).all():
        return Comparison(point, np.nan, np.nan, np.nan, smallest, clusters)
    half_width = _half_width(1 - confidence, variances, degrees_of_freedom)
    p = max([_p_value(point, variances, degrees_of_freedom), *(flip[0] for flip in flips)])
    return Comparison(point, point - half_width, point + half_width, float(p), smallest, clusters)


def sign_flip(
    pairs: Sequence[Pair | tuple[ArrayLike, ArrayLike]],
    statistic: Statistic = uar,
    seed: int = 0,
    weights: ArrayLike | None = None,
) -> tuple[float, float]:
    r"""Return the p-value of two systems being exchangeable within each speaker, and the smallest possible p-value.

    Under this hypothesis each speaker's two confusions can be exchanged, and all :math:`2^s` patterns of exchanges are
    equally likely. The p-value is the share of patterns with at least the observed absolute difference [Fisher 1935,
    section 21]. All patterns are computed for up to 13 speakers; otherwise 8,192 random ones, including the observed
    one [Phipson and Smyth 2010]. All seeds of a speaker are exchanged together. Each row of the counts is a cluster.

    Args:
        pairs, statistic, weights: as for `compare`
        seed: seed of random patterns

    Returns:
        p, NaN if there is no difference to measure, and :math:`2^{-(s-1)}` or one over the number of random patterns,
        whichever is larger

    Raises:
        ValueError: as for `compare`

    Examples:
        >>> sign_flip([([[[3, 1], [0, 4]]] * 4, [[[2, 2], [1, 3]]] * 4)])
        (0.125, 0.125)
    """
    sides = [_paired(*pair[:2]) for pair in pairs]
    clusters = sum(first.shape[1] for first, _ in sides)
    signs = _patterns(clusters, np.random.default_rng(seed))
    gains, start = np.zeros(len(signs)), 0
    weights = np.full(len(sides), 1 / len(sides)) if weights is None else np.asarray(weights, float)
    for (first, second), weight in zip(sides, weights, strict=True):
        of_pair = signs[:, start : start + first.shape[1]]
        gains += weight * _gains(first, second, of_pair, statistic)
        start += first.shape[1]
    if np.isnan(gains[0]):
        return np.nan, 1 / len(signs)
    extreme = np.abs(gains) >= abs(gains[0]) - 1e-12
    return float(extreme.mean()), 1 / len(signs)


def holm(p: ArrayLike) -> list[float]:
    """Return the p-values of one family of tests, adjusted after Holm [1979]. NaN is no test and stays NaN.

    Examples:
        >>> [round(value, 3) for value in holm([0.01, 0.04, np.nan, 0.03])]
        [0.03, 0.06, nan, 0.06]
    """
    p = np.asarray(p, float)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted.tolist()


def _over_seeds(pairs: Sequence[Pair], statistic: Statistic, weights: NDArray) -> list[tuple[float, float]]:
    """The variance of the mean over the trainings of each system, with its degrees of freedom."""
    scores: dict[tuple[int, Hashable], list[NDArray]] = {}
    for at, (pair, weight) in enumerate(zip(pairs, weights, strict=True)):
        trainings = (at, at) if pair.trainings is None else pair.trainings
        for side, confusions in enumerate((pair.first, pair.second)):
            values = weight * np.atleast_1d(statistic(per_seed(confusions).sum(1)))
            scores.setdefault((side, trainings[side]), []).append(values)
    variances = []
    for values in scores.values():
        if len({len(of_corpus) for of_corpus in values}) > 1:
            raise ValueError("corpora tested by one training have different numbers of seeds; use common seeds")
        by_seed = np.sum(values, axis=0)
        if len(by_seed) > 1:
            variances.append((float(by_seed.var(ddof=1)) / len(by_seed), len(by_seed) - 1.0))
    return variances


def _half_width(level: float, variances: NDArray, degrees_of_freedom: NDArray) -> float:
    return float(np.sqrt(np.sum(stdtrit(degrees_of_freedom, 1 - level / 2) ** 2 * variances)))


def _p_value(point: float, variances: NDArray, degrees_of_freedom: NDArray) -> float:
    """The level at which the interval ends at 0, by bisection, to twelve digits."""
    low, high = 0.0, 1.0
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if _half_width(middle, variances, degrees_of_freedom) > abs(point) else (low, middle)
    return high


def _by_cluster(pair: Pair, kind: int) -> Pair:
    """The counts summed by clusters of one kind; by the last kind if there are fewer."""
    if pair.groupings is None:
        return pair
    group = np.unique(np.asarray(pair.groupings[min(kind, len(pair.groupings) - 1)]), return_inverse=True)[1]
    return Pair(*(sum_by_group(per_seed(side), group, axis=1) for side in pair[:2]))


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[NDArray, NDArray]:
    """Both counts as (seeds, s, k, k) with as many seeds, without clusters without clips."""
    first, second = per_seed(first), per_seed(second)
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"clusters and classes {first.shape[1:]} are compared with {second.shape[1:]}")
    if len(first) != len(second) and 1 not in (len(first), len(second)):
        raise ValueError(f"{len(first)} seeds are compared with {len(second)}; use common seeds")
    support = first[0].sum(-1)
    if not all((side.sum(-1) == support).all() for side in (first, second)):
        raise ValueError("the two systems were tested on different clips; a paired comparison needs the same clips")
    observed_clusters = support.any(-1)
    if not observed_clusters.any():
        raise ValueError("there are no clips to measure")
    first, second = np.broadcast_arrays(first[:, observed_clusters], second[:, observed_clusters])
    return first, second


def _patterns(clusters: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Signs of shape (patterns, clusters), the observed pattern first.

    The sign of the first cluster is fixed, because a mirrored pattern gives the same absolute difference.
    """
    if 2 ** (clusters - 1) <= MAX_PATTERNS:
        numbers = np.arange(2 ** (clusters - 1))
        return (1 - 2 * (numbers[:, None] >> np.arange(clusters)[::-1] & 1)).astype(np.int8)
    signs = rng.choice(np.array([-1, 1], np.int8), (MAX_PATTERNS, clusters))
    signs[0] = 1
    return signs


def _gains(first: NDArray, second: NDArray, signs: NDArray, statistic: Statistic) -> NDArray[np.floating]:
    """The difference after each pattern of exchanges, (patterns,).

    The sum over speakers is half the sum of both systems, plus or minus half their difference.
    """
    seeds, clusters, k, _ = first.shape
    flat = [np.moveaxis(side, 1, 0).reshape(clusters, -1) for side in (first + second, first - second)]
    half_sum, half_difference = flat[0].sum(0) / 2, flat[1] / 2
    step, gains = max(1, MAX_BLOCK_VALUES // half_difference.shape[1]), []
    for start in range(0, len(signs), step):
        exchanged = signs[start : start + step].astype(float) @ half_difference
        scores = [
            np.asarray(statistic((half_sum + sign * exchanged).reshape(-1, seeds, k, k))).mean(-1) for sign in (1, -1)
        ]
        gains.append(scores[0] - scores[1])
    return np.concatenate(gains)
