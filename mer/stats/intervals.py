"""Confidence intervals over speakers, for the handful of speakers that emotion corpora have."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, stdtrit  # scipy.stats has the quantile, too, and takes a second to import

from mer.stats.metrics import uar

FEWEST_CLUSTERS = 3
"""With fewer speakers than this there is no interval."""


@dataclass(frozen=True)
class Interval:
    """A number and where it may lie; `low` and `high` are NaN where the clusters are too few to say."""

    point: float
    low: float
    high: float
    clusters: int


def jackknife(
    confusions: ArrayLike,
    statistic: Callable[[NDArray], ArrayLike] = uar,
    confidence: float = 0.95,
) -> Interval:
    r"""Confidence interval of a metric over clusters (speakers, dialogues, videos), by delete-one jackknife.

    .. math::
        \text{se}^2 = \frac{s-1}{s} \sum_i (\theta_{(i)} - \theta_{(\cdot)})^2, \qquad
        \text{logit}\,\theta \pm t_{\nu} \frac{\text{se}}{\theta (1 - \theta)}, \qquad
        \nu = \frac{(\sum_i n_i)^2}{\sum_i n_i^2} - 1

    with :math:`\theta_{(i)}` the metric without cluster i [Efron and Tibshirani 1993, eq. 11.5]. The variance
    is estimated from as many values as there are speakers, hence t and not 1.96. Speakers with many clips
    count for more, so that the variance rests on fewer values than s: the degrees of freedom are those of
    Kish's effective number of clusters, s - 1 where all are equally large, never below 1. The logit keeps the
    interval in [0, 1] and lengthens it towards 0.5, where a metric near 1 came from.

    Seeds share the speakers: the metric is averaged over seeds before any speaker is left out, so the
    interval is conditional on the trained models. If leaving a cluster out removes a class altogether, the
    metric averages over the classes that remain. Clusters without a clip are not counted.

    Args:
        confusions: counts per cluster, (s, k, k), or per seed and cluster, (seeds, s, k, k)
        statistic: maps (..., k, k) to values in [0, 1], (...)
        confidence: in (0, 1)

    Returns:
        point (mean over seeds of the metric of the summed counts), low, high, and the number of clusters.
        With fewer than 3 clusters low and high are NaN. If all clusters agree, they equal the point: the
        data then hold no sign of variation, which is not proof that there is none.

    Raises:
        ValueError: the shape is another, there are no clips, or the confidence is not in (0, 1)

    Examples:
        >>> one = jackknife([[[8, 2], [4, 6]], [[9, 1], [3, 7]], [[6, 4], [5, 5]]])
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}], {one.clusters} speakers")
        0.683 [0.337, 0.901], 3 speakers
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    confusions = _per_seed(confusions)
    totals = confusions.sum(1)
    point = float(np.mean(statistic(totals)))
    clusters = confusions.shape[1]
    if clusters < FEWEST_CLUSTERS:
        return Interval(point, np.nan, np.nan, clusters)
    without = np.mean(statistic(totals[:, None] - confusions), axis=0)
    variance = (clusters - 1) / clusters * np.sum((without - without.mean()) ** 2)
    sizes = confusions.sum((0, 2, 3))
    low, high = _student(point, np.sqrt(variance), effective_clusters(sizes) - 1, confidence)
    return Interval(point, low, high, clusters)


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


def _per_seed(confusions: ArrayLike) -> NDArray:
    confusions = np.asarray(confusions)
    if confusions.ndim == 3:
        confusions = confusions[None]
    if confusions.ndim != 4 or confusions.shape[-1] != confusions.shape[-2]:
        raise ValueError(f"confusions are (s, k, k) or (seeds, s, k, k), not {confusions.shape}")
    spoken = confusions.any((0, 2, 3))
    if not spoken.any():
        raise ValueError("no clips: there is nothing to measure")
    return confusions[:, spoken]


def _student(point: float, error: float, freedom: float, confidence: float) -> tuple[float, float]:
    spread = point * (1 - point)
    if np.isclose(error, 0) or spread <= 0:
        return point, point
    reach = stdtrit(max(freedom, 1), 0.5 + confidence / 2) * error / spread
    return float(expit(logit(point) - reach)), float(expit(logit(point) + reach))
