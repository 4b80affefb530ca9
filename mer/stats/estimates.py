"""Metrics and differences of metrics with the variance that they have over speakers, by leaving each speaker out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.metrics import uar

Statistic = Callable[[NDArray], ArrayLike]
"""maps confusions (..., k, k) to values (...)"""

FEWEST_CLUSTERS = 3
"""With fewer speakers than this there is no interval."""


@dataclass(frozen=True)
class Estimate:
    """A number, the variance of it over new clusters (NaN where they are too few) and that variance's degrees of
    freedom."""

    value: float
    variance: float
    freedom: float
    clusters: int


def estimate(confusions: ArrayLike, statistic: Statistic = uar, less: ArrayLike | None = None) -> Estimate:
    """Estimate a metric, or by how much it is more than that of other confusions of the same clusters.

    With `less` each cluster is left out of both at once, so that what they have in common cancels: two systems on the
    same clips, or two kinds of clips of the same speakers.

    Args:
        confusions: counts per cluster, (s, k, k), or per seed and cluster, (seeds, s, k, k)
        statistic: maps (..., k, k) to values, (...)
        less: the same clusters in the same order, (s, k, k) or (other seeds, s, k, k)

    Returns:
        the value, its mean over seeds; the jackknife's variance; Kish's effective number of clusters less 1, at least
        1; the number of clusters with a clip. The variance is NaN with fewer than 3 clusters, and where leaving one
        out leaves nothing to measure.

    Raises:
        ValueError: another shape, other clusters, or no clips

    Examples:
        >>> ours, theirs = [[[3, 1], [0, 4]]] * 3, [[[2, 2], [0, 4]], [[3, 1], [2, 2]], [[3, 1], [0, 4]]]
        >>> found = estimate(ours, less=theirs)
        >>> round(found.value, 3), found.freedom, found.clusters
        (0.125, 2.0, 3)
    """
    sides = [per_seed(confusions)] if less is None else [per_seed(confusions), per_seed(less)]
    if sides[0].shape[1:] != sides[-1].shape[1:]:
        raise ValueError(f"clusters and classes {sides[0].shape[1:]} are compared with {sides[-1].shape[1:]}")
    sizes = sum(side.sum((0, 2, 3)) / len(side) for side in sides)
    if not sizes.any():
        raise ValueError("no clips: there is nothing to measure")
    values, left_out = [], []
    for side in (side[:, sizes > 0] for side in sides):
        totals = side.sum(1)
        values.append(float(np.mean(statistic(totals))))
        left_out.append(np.mean(statistic(totals[:, None] - side), axis=0))
    clusters = int((sizes > 0).sum())
    value = values[0] - (values[1] if less is not None else 0)
    without = left_out[0] - (left_out[1] if less is not None else 0)
    variance = (clusters - 1) / clusters * float(np.sum((without - without.mean()) ** 2))
    if clusters < FEWEST_CLUSTERS:
        variance = np.nan
    return Estimate(value, variance, max(effective_clusters(sizes) - 1, 1.0), clusters)


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
