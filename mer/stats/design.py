"""The design of a test set: its numbers of clips per cluster and class, and the precision that they allow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.metrics import uar

Statistic = Callable[[NDArray], ArrayLike]
"""A function that maps confusions, (..., k, k), to values, (...)."""

MAX_WITHIN_SPEAKER_CORRELATION = 0.05
"""The largest prior correlation between clips of one speaker, from `benchmarks/intervals.py`."""
ERROR_SHARE_DISPERSION = 3.0
"""The squared coefficient of variation of speakers' error shares.

With rare errors, the prior correlation is at most this times the error share."""
PRIOR_ERRORS = 2.0
"""The weight of the prior correlation, as a number of errors."""


@dataclass(frozen=True)
class Design:
    """The numbers of clips of each cluster and class, without predictions, and the precision that they allow."""

    error_weights: NDArray
    """The decrease of the statistic by one error in each class, (k,)."""
    support: NDArray
    """The number of clips of each row and class, (s, k)."""
    clips: float
    """The effective number of clips of equal weight."""
    clips_per_cluster: float
    """The effective number of clips of a cluster."""
    degrees_of_freedom: float
    """The degrees of freedom that the numbers of clips allow."""
    has_single_cluster_class: bool
    """Whether a class occurs in one cluster only."""

    @classmethod
    def of(cls, support: NDArray, statistic: Statistic = uar, groups: Sequence[NDArray] | None = None) -> "Design":
        """Return the design of some counts.

        Args:
            support: clips per row and class, (s, k)
            statistic: maps confusions, (..., k, k), to values, (...)
            groups: for each kind of clusters, the cluster number of each row, (s,); by default each row is one cluster
        """
        groups = [np.arange(len(support))] if groups is None else groups
        total = support.sum(0)
        error_weights = _error_weights(total, statistic)
        clips = 1 / float(np.sum(total * error_weights**2))
        degrees_of_freedom, clips_per_cluster, has_single_cluster_class = np.inf, 1.0, False
        for group in groups:
            counts = sum_by_group(support, group)
            by_class = counts[:, total > 0] / total[total > 0]
            shares = (error_weights * total)[total > 0]
            effective = effective_clusters(by_class @ shares)
            kish = 1 / (by_class**2).sum(0)  # Kish's effective number of clusters of each class
            parts = shares**2 / kish
            has_single_cluster_class |= bool(((by_class > 0).sum(0) < 2).any())
            with np.errstate(divide="ignore"):
                satterthwaite = parts.sum() ** 2 / float(np.sum(parts**2 / (kish - 1))) if (kish > 1).all() else 0.0
            degrees_of_freedom = min(degrees_of_freedom, effective - 1, satterthwaite)
            clips_per_cluster = max(
                clips_per_cluster, clips * float(np.sum((by_class @ shares) ** 2)) / float(shares.sum()) ** 2
            )
        return cls(error_weights, support, clips, clips_per_cluster, degrees_of_freedom, has_single_cluster_class)

    def variance_floor(self, difference: float) -> float:
        """Return the smallest plausible variance of a difference, for clusters that hardly vary.

        It is the variance of the clips on which two sides must differ for this difference, plus half a clip.

        Args:
            difference: in [-1, 1]
        """
        share = smoothed(abs(difference), self.clips)
        return self.effect(self.clips * abs(difference)) * share * (1 - share) / self.clips

    def effect(self, errors: float) -> float:
        """Return the prior design effect for this number of errors."""
        return 1 + (self.clips_per_cluster - 1) * min(
            MAX_WITHIN_SPEAKER_CORRELATION, ERROR_SHARE_DISPERSION * (errors + PRIOR_ERRORS) / self.clips
        )

    def degrees_of_freedom_of_errors(self, side: NDArray, high: bool, groups: list[NDArray]) -> float:
        """Return 1 plus the effective number of clusters with errors, or with correct predictions.

        Args:
            side: counts per seed and row, (seeds, s, k, k)
            high: whether to count errors instead of correct predictions
            groups: for each kind of clusters, the cluster number of each row, (s,)
        """
        right = np.einsum("tskk->sk", side) / len(side)
        mass = (self.support - right if high else right) @ self.error_weights
        return min(effective_clusters(sum_by_group(mass, group)) if mass.any() else 0.0 for group in groups) + 1


def smoothed(value: float, clips: float) -> float:
    """Return a share after adding half an error and half a correct prediction.

    >>> smoothed(1.0, 9)
    0.95
    """
    return (clips * min(max(value, 0.0), 1.0) + 0.5) / (clips + 1)


def effective_clusters(sizes: ArrayLike) -> float:
    r"""Return the number of equally large clusters that would be as informative, :math:`(\sum n)^2 / \sum n^2`.

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


def sum_by_group(counts: NDArray, group: NDArray, axis: int = 0) -> NDArray:
    """Return the sums of counts over the rows of each group.

    Args:
        counts: any shape.
        group: group number of each row, (s,).
        axis: axis of the rows.
    """
    if len(group) == group.max() + 1 and (group == np.arange(len(group))).all():
        return counts
    moved = np.moveaxis(counts, axis, 0)
    sums = np.zeros((int(group.max()) + 1, *moved.shape[1:]), counts.dtype)
    np.add.at(sums, group, moved)
    return np.moveaxis(sums, 0, axis)


def _error_weights(total: NDArray, statistic: Statistic) -> NDArray:
    """The decrease of the statistic of correct predictions by one error in each class; 0 for absent classes.

    The error is assigned to the next or the previous class; one of them is in the same block of merged corpora.
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
