r"""Metrics and differences of metrics with the variance that they have over speakers, by leaving each speaker out.

**Where hardly anything is wrong** (or right) the jackknife sees hardly any variation, and none where all speakers
agree. Its variance is therefore taken as a design effect, how many times that of independent clips it is [Korn and
Graubard 1998], and drawn towards what speakers usually do: clips of one speaker that are alike with the correlation
`ALIKE`. With few errors that counts, with many it is what the jackknife finds. There is no step between one error and
none.

**Clusters of two kinds**, such as the people and the dialogues of a television series, are both left out, one by one:
the variance is the largest of that over the one, that over the other, and of the two-way one of Cameron, Gelbach and
Miller [2011], their sum less that over what both share.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.metrics import uar

Statistic = Callable[[NDArray], ArrayLike]
"""maps confusions (..., k, k) to values (...)"""
Ways = Sequence[ArrayLike]
"""one or two ways to tell clusters apart: each the number of the cluster of each row of the counts, (s,)"""

FEWEST_CLUSTERS = 3
"""With fewer speakers than this there is no interval."""
ALIKE = 0.05
"""correlation of the clips of one speaker at most, where too little is wrong to see it; by `benchmarks/intervals.py`"""
SPREAD = 3.0
"""square of the deviation over the mean of speakers' shares of errors, which bounds that correlation where errors are
rare: it is at most this times that share"""
LIKE_ERRORS = 2.0
"""errors that `ALIKE` counts as much as"""
MOST_FREEDOM = 1e6


@dataclass(frozen=True)
class Estimate:
    """A number, the variance of it over new clusters (NaN where they are too few), that variance's degrees of freedom,
    the number of clusters, and as how many clips of equal weight its clips count."""

    value: float
    variance: float
    freedom: float
    clusters: int
    clips: float = np.inf


def estimate(
    confusions: ArrayLike, statistic: Statistic = uar, less: ArrayLike | None = None, ways: Ways | None = None
) -> Estimate:
    r"""Estimate a metric, or by how much it is more than that of other confusions of the same clusters.

    With `less` each cluster is left out of both at once, so that what they have in common cancels: two systems on the
    same clips, or two kinds of clips of the same speakers.

    The degrees of freedom are the fewest of three: those of Kish's effective number of clusters, as speakers with many
    clips count for more; those of the classes' own speakers, put together after Satterthwaite, as a class that three
    speakers say rests on three; and, of a metric, one more than the effective number of speakers who make its errors
    (or what is right, below 0.5). What is known of the variance beforehand adds to them.

    Args:
        confusions: counts per cluster, (s, k, k), or per seed and cluster, (seeds, s, k, k)
        statistic: maps (..., k, k) to values, (...)
        less: the same clusters in the same order, (s, k, k) or (other seeds, s, k, k)
        ways: how the rows s are put together to clusters; by default each is one

    Returns:
        the value, its mean over seeds; the variance; its degrees of freedom, at least 1; the number of clusters with a
        clip (the smaller, where there are two kinds). The variance is NaN with fewer than 3 clusters, where one cluster
        alone says a class, and where leaving one out leaves nothing to measure.

    Raises:
        ValueError: another shape, other clusters, or no clips

    Examples:
        >>> ours, theirs = [[[3, 1], [0, 4]]] * 3, [[[2, 2], [0, 4]], [[3, 1], [2, 2]], [[3, 1], [0, 4]]]
        >>> found = estimate(ours, less=theirs)
        >>> round(found.value, 3), round(found.freedom, 3), found.clusters
        (0.125, 3.382, 3)
    """
    sides = [per_seed(confusions)] if less is None else [per_seed(confusions), per_seed(less)]
    if sides[0].shape[1:] != sides[-1].shape[1:]:
        raise ValueError(f"clusters and classes {sides[0].shape[1:]} are compared with {sides[-1].shape[1:]}")
    there = np.any([side.any((0, 2, 3)) for side in sides], axis=0)
    if not there.any():
        raise ValueError("no clips: there is nothing to measure")
    sides, groups = [side[:, there] for side in sides], _groups(there, ways)
    totals = [side.sum(1) for side in sides]
    values = [float(np.mean(statistic(total))) for total in totals]
    value, clusters = values[0] - (values[1] if less is not None else 0), min(int(g.max()) + 1 for g in groups)
    designs = [Design.of(side.sum(-1).mean(0), statistic, groups) for side in sides]
    clips = min(design.clips for design in designs)
    if clusters < FEWEST_CLUSTERS or any(design.alone for design in designs):
        return Estimate(value, np.nan, max(min(design.freedom for design in designs), 1.0), clusters, clips)
    variance = _variance(sides, totals, groups, statistic)
    freedom = min(design.freedom for design in designs)
    if less is None:
        freedom = min(freedom, designs[0].freedom_of_errors(sides[0], value > 0.5, groups))
        variance, freedom = _with_what_is_known(value, variance, max(freedom, 1.0), designs[0])
    else:
        least = max(design.least_variance(value) for design in designs)
        freedom = max(freedom, 1.0) * (max(least / variance, 1) ** 2 if variance > 0 else np.inf)
        variance = max(variance, least) if np.isfinite(variance) else np.nan
    return Estimate(value, variance, min(freedom, MOST_FREEDOM), clusters, clips)


def smoothed(value: float, clips: float) -> float:
    """Return a share with half an error and half a right answer more.

    >>> smoothed(1.0, 9)
    0.95
    """
    return (clips * min(max(value, 0.0), 1.0) + 0.5) / (clips + 1)


def effective_clusters(sizes: ArrayLike) -> float:
    r"""Number of equally large clusters that would be as informative, :math:`(\sum n)^2 / \sum n^2`.

    Kish's effective sample size [Kish 1965, section 11.7], with the clusters' sizes as weights.

    Args:
        sizes: clips per cluster, (s,)

    Returns:
        value in [1, s]

    Examples:
        >>> effective_clusters([5, 5, 5]), effective_clusters([10, 0, 0])
        (3.0, 1.0)
    """
    sizes = np.asarray(sizes, float)
    return float(sizes.sum() ** 2 / np.sum(sizes**2))


def per_seed(confusions: ArrayLike) -> NDArray:
    """Return counts as an array of shape (seeds, s, k, k).

    Raises:
        ValueError: the shape is neither that nor (s, k, k), or a count is negative or not finite
    """
    confusions = np.asarray(confusions)
    if confusions.ndim == 3:
        confusions = confusions[None]
    if confusions.ndim != 4 or confusions.shape[-1] != confusions.shape[-2]:
        raise ValueError(f"confusions are (s, k, k) or (seeds, s, k, k), not {confusions.shape}")
    if not (np.isfinite(confusions).all() and (confusions >= 0).all()):
        raise ValueError("confusions are counts: 0 or more, and none of them NaN")
    return confusions


def gathered(counts: NDArray, group: NDArray, axis: int = 0) -> NDArray:
    """Return counts with the rows of each group added up; as many rows as the highest group says."""
    if len(group) == group.max() + 1 and (group == np.arange(len(group))).all():
        return counts
    moved = np.moveaxis(counts, axis, 0)
    found = np.zeros((int(group.max()) + 1, *moved.shape[1:]), counts.dtype)
    np.add.at(found, group, moved)
    return np.moveaxis(found, 0, axis)


@dataclass(frozen=True)
class Design:
    """Which clips there are, whatever was answered: how many they count as, and how many values a variance rests on."""

    worth: NDArray
    """by how much the statistic falls with one error in each class, (k,)"""
    support: NDArray
    """clips of each row and class, (s, k)"""
    clips: float
    each: float
    """clips of a cluster, as many as count where clusters are unlike"""
    freedom: float
    alone: bool
    """whether one cluster alone says a class"""

    @classmethod
    def of(cls, support: NDArray, statistic: Statistic = uar, groups: Sequence[NDArray] | None = None) -> "Design":
        """Return that of clips per row and class, (s, k); rows are put together in some ways, or not."""
        groups = [np.arange(len(support))] if groups is None else groups
        total = support.sum(0)
        worth = _worth(total, statistic)
        clips = 1 / float(np.sum(total * worth**2))
        freedom, most, alone = np.inf, 1.0, False
        for group in groups:
            counts = gathered(support, group)
            by_class = counts[:, total > 0] / total[total > 0]
            shares = (worth * total)[total > 0]
            effective = effective_clusters(by_class @ shares)
            own = 1 / (by_class**2).sum(0)  # Kish's number, of each class
            parts = shares**2 / own
            alone |= bool(((by_class > 0).sum(0) < 2).any())
            with np.errstate(divide="ignore"):
                satterthwaite = parts.sum() ** 2 / float(np.sum(parts**2 / (own - 1))) if (own > 1).all() else 0.0
            freedom = min(freedom, effective - 1, satterthwaite)
            most = max(most, clips * float(np.sum((by_class @ shares) ** 2)) / float(shares.sum()) ** 2)
        return cls(worth, support, clips, most, freedom, alone)

    def least_variance(self, difference: float) -> float:
        """Return the variance that a difference has at least, where the clusters hardly vary: that of the clips on
        which two sides must differ to be so far apart, and half a clip more.

        Args:
            difference: in [-1, 1]
        """
        apart = smoothed(abs(difference), self.clips)
        return self.effect(self.clips * abs(difference)) * apart * (1 - apart) / self.clips

    def effect(self, errors: float) -> float:
        """Return the design effect that is expected beforehand where so many clips are wrong."""
        return 1 + (self.each - 1) * min(ALIKE, SPREAD * (errors + LIKE_ERRORS) / self.clips)

    def freedom_of_errors(self, side: NDArray, high: bool, groups: list[NDArray]) -> float:
        right = np.einsum("tskk->sk", side) / len(side)
        mass = (self.support - right if high else right) @ self.worth
        return min(effective_clusters(gathered(mass, group)) if mass.any() else 0.0 for group in groups) + 1


def _groups(there: NDArray, ways: Ways | None) -> list[NDArray]:
    """Each way's numbers of the rows that are there, from 0 on without gaps."""
    if ways is None:
        return [np.arange(int(there.sum()))]
    if any(np.shape(way) != there.shape for way in ways):
        raise ValueError(f"each way to tell clusters apart has a number for each of {len(there)} rows")
    return [np.unique(np.asarray(way)[there], return_inverse=True)[1] for way in ways]


def _worth(total: NDArray, statistic: Statistic) -> NDArray:
    """By how much one error in each class lowers the statistic of answers that are all right; 0 for absent classes.

    An error is given to the next class or the one before, as one of them is of the same block of joined corpora.
    """
    k = len(total)
    if k < 2:
        return 1 / total
    right = np.diag(total.astype(float))
    wrong, moved, at = np.broadcast_to(right, (2, k, k, k)).copy(), np.minimum(total, 1), np.arange(k)
    wrong[:, at, at, at] -= moved
    for side, step in enumerate((1, -1)):
        wrong[side, at, at, (at + step) % k] += moved
    lost = float(statistic(right)) - np.asarray(statistic(wrong)).min(0)
    return np.divide(np.maximum(lost, 0), moved, out=np.zeros(k), where=total > 0)


def _variance(sides: list[NDArray], totals: list[NDArray], groups: list[NDArray], statistic: Statistic) -> float:
    found = [_jackknife(sides, totals, group, statistic) for group in groups]
    if len(groups) > 1:
        both = np.unique(groups, axis=1, return_inverse=True)[1].ravel()
        found.append(sum(found) - _jackknife(sides, totals, both, statistic))
    return float(np.max(found))


def _jackknife(sides: list[NDArray], totals: list[NDArray], group: NDArray, statistic: Statistic) -> float:
    """The delete-one jackknife's variance [Efron and Tibshirani 1993, eq. 11.5]."""
    without = [
        np.mean(statistic(total[:, None] - gathered(side, group, 1)), axis=0)
        for side, total in zip(sides, totals, strict=True)
    ]
    values = without[0] - (without[1] if len(without) > 1 else 0)
    return (len(values) - 1) / len(values) * float(np.sum((values - values.mean()) ** 2))


def _with_what_is_known(value: float, variance: float, freedom: float, design: Design) -> tuple[float, float]:
    """The variance drawn towards that of clips with the correlation `ALIKE`, and its degrees of freedom: only the
    jackknife's part of it is uncertain."""
    near = smoothed(value, design.clips)
    independent = near * (1 - near) / design.clips
    errors = design.clips * min(max(min(value, 1 - value), 0.0), 0.5)
    seen = errors / (errors + LIKE_ERRORS)
    found = seen * variance / independent
    effect = max(found + (1 - seen) * design.effect(errors), 1.0)
    return effect * independent, freedom * (effect / found) ** 2 if found > 0 else np.inf
