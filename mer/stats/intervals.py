"""Confidence intervals over speakers, for the handful of speakers that emotion corpora have."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit, stdtrit  # scipy.stats has the quantile, too, and takes a second to import

from mer.stats.estimates import Estimate, Statistic, estimate
from mer.stats.metrics import uar


@dataclass(frozen=True)
class Interval:
    """A number and where it may lie; `low` and `high` are NaN where the clusters are too few to say."""

    point: float
    low: float
    high: float
    clusters: int


def jackknife(confusions: ArrayLike, statistic: Statistic = uar, confidence: float = 0.95) -> Interval:
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
    _check(confidence)
    found = estimate(confusions, statistic)
    low, high = _student(found.value, np.sqrt(found.variance), found.freedom, confidence)
    return Interval(found.value, low, high, found.clusters)


def combined(parts: Sequence[Estimate], weights: ArrayLike | None = None, confidence: float = 0.95) -> Interval:
    r"""Interval of a weighted sum of independent estimates: a mean over corpora, or the gap between two of them.

    .. math::
        \sum_i w_i \theta_i \pm t_\nu \sqrt{\sum_i v_i}, \qquad v_i = w_i^2 \text{se}_i^2, \qquad
        \nu = \frac{(\sum_i v_i)^2}{\sum_i v_i^2 / \nu_i}

    after Welch [1947] and Satterthwaite [1946]. Corpora are taken as given: the interval is over new speakers of these
    corpora, not over new corpora.

    Args:
        parts: of different speakers
        weights: a number per part; by default all 1 / parts, the mean
        confidence: in (0, 1)

    Returns:
        low and high are NaN where a part has no variance. Where all parts have one of 0 they equal the point: the data
        hold no sign of variation, which is not proof that there is none.

    Raises:
        ValueError: no parts, or the confidence is not in (0, 1)

    Examples:
        >>> one = combined([Estimate(0.5, 0.01, 3, 4), Estimate(0.7, 0.01, 3, 4)])
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}], {one.clusters} speakers")
        0.600 [0.427, 0.773], 8 speakers
    """
    _check(confidence)
    if not len(parts):
        raise ValueError("no estimates to combine")
    weights = np.full(len(parts), 1 / len(parts)) if weights is None else np.asarray(weights, float)
    values, variances, freedoms = np.array([(p.value, p.variance, p.freedom) for p in parts]).T
    point, shares = float(weights @ values), weights**2 * variances
    clusters = sum(p.clusters for p in parts)
    if not np.isfinite(shares).all():
        return Interval(point, np.nan, np.nan, clusters)
    if not shares.any():
        return Interval(point, point, point, clusters)
    freedom = shares.sum() ** 2 / (shares**2 / freedoms).sum()
    reach = float(stdtrit(freedom, 0.5 + confidence / 2) * np.sqrt(shares.sum()))
    return Interval(point, point - reach, point + reach, clusters)


def _check(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")


def _student(point: float, error: float, freedom: float, confidence: float) -> tuple[float, float]:
    if not np.isfinite(error):
        return np.nan, np.nan
    spread = point * (1 - point)
    if np.isclose(error, 0) or spread <= 0:
        return point, point
    reach = stdtrit(max(freedom, 1), 0.5 + confidence / 2) * error / spread
    return float(expit(logit(point) - reach)), float(expit(logit(point) + reach))
