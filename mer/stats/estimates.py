r"""Metrics and differences of metrics, with their variance over speakers by the delete-one jackknife.

**Few errors** (or few correct predictions). The jackknife variance is then close to 0, and 0 if all speakers agree. It
is therefore expressed as a design effect, the ratio to the variance of independent clips [Korn and Graubard 1998], and
averaged with a prior: clips of one speaker that correlate with `MAX_WITHIN_SPEAKER_CORRELATION`. The prior dominates
with few errors, the jackknife with many. The result is continuous in the number of errors.

**Two kinds of clusters**, such as the speakers and the dialogues of a television series. The variance is the largest of
three: over the first kind, over the second kind, and the two-way variance of Cameron, Gelbach and Miller [2011], which
is the sum of both minus the variance over their intersections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.design import PRIOR_ERRORS, Design, Statistic, smoothed, sum_by_group
from mer.stats.metrics import uar

Groupings = Sequence[ArrayLike]
"""One or two kinds of clusters: for each kind, the cluster number of each row of the counts, (s,)."""

MIN_CLUSTERS = 3
"""The smallest number of clusters with an interval."""
MAX_DEGREES_OF_FREEDOM = 1e6
"""The largest number of degrees of freedom; it stands for a known variance."""


@dataclass(frozen=True)
class Estimate:
    """An estimated metric or difference.

    Attributes:
        value: the estimate.
        variance: its variance over new clusters; NaN with too few clusters.
        degrees_of_freedom: degrees of freedom of the variance.
        clusters: number of clusters.
        clips: effective number of clips of equal weight.
    """

    value: float
    variance: float
    degrees_of_freedom: float
    clusters: int
    clips: float = np.inf


def estimate(
    confusions: ArrayLike, statistic: Statistic = uar, less: ArrayLike | None = None, groupings: Groupings | None = None
) -> Estimate:
    r"""Estimate a metric, or its difference from the metric of other confusions of the same clusters.

    With `less`, each cluster is left out of both sides at once, so that common variation cancels: two systems on the
    same clips, or two kinds of clips of the same speakers.

    The degrees of freedom are the smallest of three numbers: Kish's effective number of clusters minus 1, because
    speakers with many clips count more; the classes' effective numbers of speakers, combined after Satterthwaite,
    because a class of three speakers rests on three; and, for a metric, 1 plus the effective number of speakers with
    errors (with correct predictions, below 0.5). The prior of the variance increases them.

    Args:
        confusions: counts per cluster, (s, k, k), or per seed and cluster, (seeds, s, k, k)
        statistic: maps (..., k, k) to values, (...)
        less: the same clusters in the same order, (s, k, k) or (other seeds, s, k, k)
        groupings: clusters of the rows; by default each row is one cluster

    Returns:
        the mean over seeds; its variance; the degrees of freedom, at least 1; the number of clusters with a clip (the
        smaller one of two kinds). The variance is NaN with fewer than 3 clusters, if a class occurs in one cluster
        only, and if no clip remains without one cluster.

    Raises:
        ValueError: wrong shape, different clusters, or no clips

    Examples:
        >>> first, second = [[[3, 1], [0, 4]]] * 3, [[[2, 2], [0, 4]], [[3, 1], [2, 2]], [[3, 1], [0, 4]]]
        >>> gain = estimate(first, less=second)
        >>> round(gain.value, 3), round(gain.degrees_of_freedom, 3), gain.clusters
        (0.125, 3.382, 3)
    """
    sides = [per_seed(confusions)] if less is None else [per_seed(confusions), per_seed(less)]
    if sides[0].shape[1:] != sides[-1].shape[1:]:
        raise ValueError(f"clusters and classes {sides[0].shape[1:]} are compared with {sides[-1].shape[1:]}")
    observed = np.any([side.any((0, 2, 3)) for side in sides], axis=0)
    if not observed.any():
        raise ValueError("there are no clips to measure")
    sides, groups = [side[:, observed] for side in sides], _groups(observed, groupings)
    totals = [side.sum(1) for side in sides]
    values = [float(np.mean(statistic(total))) for total in totals]
    value, clusters = values[0] - (values[1] if less is not None else 0), min(int(g.max()) + 1 for g in groups)
    designs = [Design.of(side.sum(-1).mean(0), statistic, groups) for side in sides]
    clips = min(design.clips for design in designs)
    if clusters < MIN_CLUSTERS or any(design.has_single_cluster_class for design in designs):
        return Estimate(value, np.nan, max(min(design.degrees_of_freedom for design in designs), 1.0), clusters, clips)
    variance = _variance(sides, totals, groups, statistic)
    degrees_of_freedom = min(design.degrees_of_freedom for design in designs)
    if less is None:
        degrees_of_freedom = min(
            degrees_of_freedom, designs[0].degrees_of_freedom_of_errors(sides[0], value > 0.5, groups)
        )
        variance, degrees_of_freedom = _with_variance_floor(value, variance, max(degrees_of_freedom, 1.0), designs[0])
    else:
        floor = max(design.variance_floor(value) for design in designs)
        degrees_of_freedom = max(degrees_of_freedom, 1.0) * (max(floor / variance, 1) ** 2 if variance > 0 else np.inf)
        variance = max(variance, floor) if np.isfinite(variance) else np.nan
    return Estimate(value, variance, min(degrees_of_freedom, MAX_DEGREES_OF_FREEDOM), clusters, clips)


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


def _groups(observed: NDArray, groupings: Groupings | None) -> list[NDArray]:
    """The cluster numbers of the observed rows for each kind, from 0 without gaps."""
    if groupings is None:
        return [np.arange(int(observed.sum()))]
    if any(np.shape(grouping) != observed.shape for grouping in groupings):
        raise ValueError(f"each grouping needs a cluster number for each of {len(observed)} rows")
    return [np.unique(np.asarray(grouping)[observed], return_inverse=True)[1] for grouping in groupings]


def _variance(sides: list[NDArray], totals: list[NDArray], groups: list[NDArray], statistic: Statistic) -> float:
    variances = [_jackknife(sides, totals, group, statistic) for group in groups]
    if len(groups) > 1:
        both = np.unique(groups, axis=1, return_inverse=True)[1].ravel()
        variances.append(sum(variances) - _jackknife(sides, totals, both, statistic))
    return float(np.max(variances))


def _jackknife(sides: list[NDArray], totals: list[NDArray], group: NDArray, statistic: Statistic) -> float:
    """The delete-one jackknife's variance [Efron and Tibshirani 1993, eq. 11.5]."""
    without = [
        np.mean(statistic(total[:, None] - sum_by_group(side, group, 1)), axis=0)
        for side, total in zip(sides, totals, strict=True)
    ]
    values = without[0] - (without[1] if len(without) > 1 else 0)
    return (len(values) - 1) / len(values) * float(np.sum((values - values.mean()) ** 2))


def _with_variance_floor(
    value: float, variance: float, degrees_of_freedom: float, design: Design
) -> tuple[float, float]:
    """The average of the jackknife variance and its prior, and the degrees of freedom.

    Only the jackknife's part is uncertain.
    """
    near = smoothed(value, design.clips)
    independent = near * (1 - near) / design.clips
    errors = design.clips * min(max(min(value, 1 - value), 0.0), 0.5)
    weight = errors / (errors + PRIOR_ERRORS)
    uncertain = weight * variance / independent
    effect = max(uncertain + (1 - weight) * design.effect(errors), 1.0)
    return effect * independent, degrees_of_freedom * (effect / uncertain) ** 2 if uncertain > 0 else np.inf
