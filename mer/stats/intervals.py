"""Confidence intervals over speakers, for corpora with few speakers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, expit, logit, ndtri, stdtrit  # scipy.stats takes a second to import

from mer.stats.design import Statistic, smoothed
from mer.stats.estimates import Estimate, Groupings, estimate
from mer.stats.metrics import uar


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; `low` and `high` are NaN with too few clusters."""

    point: float
    low: float
    high: float
    clusters: int


def jackknife(
    confusions: ArrayLike, statistic: Statistic = uar, confidence: float = 0.95, groupings: Groupings | None = None
) -> Interval:
    r"""Return the confidence interval of a metric over clusters (speakers, dialogues, videos).

    It is the `interval` of the metric's `estimate`.

    All seeds have the same speakers: the metric is averaged over seeds before a speaker is left out, so the interval is
    conditional on the trained models. If leaving a cluster out removes a class, the metric averages over the remaining
    classes. Clusters without a clip are not counted.

    Args:
        confusions: counts per cluster, (s, k, k), or per seed and cluster, (seeds, s, k, k)
        statistic: maps (..., k, k) to values in [0, 1], (...)
        confidence: in (0, 1)
        groupings: as for `estimate`

    Returns:
        point (mean over seeds of the metric of the summed counts), low, high, and the number of clusters.
        With fewer than 3 clusters, and if a class occurs in one cluster only, low and high are NaN. Otherwise they
        differ from the point.

    Raises:
        ValueError: wrong shape, no clips, or the confidence is not in (0, 1)

    Examples:
        >>> one = jackknife([[[8, 2], [4, 6]], [[9, 1], [3, 7]], [[6, 4], [5, 5]]])
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}], {one.clusters} speakers")
        0.683 [0.398, 0.875], 3 speakers
        >>> one = jackknife([[[10, 0], [0, 10]]] * 4)
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}]")
        1.000 [0.836, 1.000]
    """
    return interval(estimate(confusions, statistic, groupings=groupings), confidence)


def interval(estimated: Estimate, confidence: float = 0.95) -> Interval:
    r"""Return the confidence interval of a metric, on the scale of logits with Student's t.

    .. math::
        \ln\frac{x}{y} \pm t_\nu \sqrt{\frac1x + \frac1y}, \qquad x = \theta n + \tfrac12, \quad
        y = (1 - \theta) n + \tfrac12

    with n the effective number of clips: the number of independent clips with the estimated variance. The halves are
    those of Haldane and Anscombe [Gart 1966]; they keep the interval finite without errors. With many errors it is the
    jackknife interval, :math:`\text{logit}\,\theta \pm t_\nu \text{se} / (\theta (1 - \theta))`. The variance is
    estimated from one value per speaker, hence t and not 1.96. The logit keeps the interval in [0, 1] and makes it
    longer towards 0.5. With few errors, the end towards the nearer of 0 and 1 is too close to the point. The beta
    quantile of Jeffreys, with n reduced by (1.96 / t)^2 [Korn and Graubard 1998], is too far for clips of speakers. If
    it is farther, the end is moved by a third of the distance, on the logit scale. `benchmarks/intervals.py` measures
    the coverage.

    Args:
        estimated: estimate of a metric in [0, 1]
        confidence: in (0, 1)

    Raises:
        ValueError: the confidence is not in (0, 1)
    """
    _check(confidence)
    if not np.isfinite(estimated.variance):
        return Interval(estimated.value, np.nan, np.nan, estimated.clusters)
    if np.isinf(estimated.clips):
        raise ValueError("an interval of a metric needs its number of clips; use `combined` for a difference")
    near, value = smoothed(estimated.value, estimated.clips), min(max(estimated.value, 0.0), 1.0)
    clips = near * (1 - near) / estimated.variance
    right, wrong = clips * value + 0.5, clips * (1 - value) + 0.5
    t = float(stdtrit(estimated.degrees_of_freedom, 0.5 + confidence / 2))
    middle, half_width = np.log(right / wrong), t * np.sqrt(1 / right + 1 / wrong)
    low, high = min(expit(middle - half_width), value), max(expit(middle + half_width), value)
    fewer = clips * (float(ndtri(0.5 + confidence / 2)) / t) ** 2
    beta = partial(betaincinv, fewer * value + 0.5, fewer * (1 - value) + 0.5)
    if value > 0.5:
        high = max(high, _extended_end(high, beta(0.5 + confidence / 2)))
    else:
        low = min(low, _extended_end(low, beta(0.5 - confidence / 2)))
    return Interval(estimated.value, float(low), float(high), estimated.clusters)


def p_value(estimated: Estimate, against: float) -> float:
    """Return the two-sided p-value of a metric being equal to `against`; NaN without an interval.

    The interval at the level of 1 minus the p-value ends at `against`.

    >>> one = estimate([[[8, 2], [4, 6]], [[9, 1], [3, 7]], [[6, 4], [5, 5]]])
    >>> round(p_value(one, interval(one, 0.95).low), 6)
    0.05
    """
    if not np.isfinite(estimated.variance):
        return np.nan
    low, high = 0.0, 1.0
    for _ in range(40):  # bisection
        middle = (low + high) / 2
        if not 0 < middle < 1:
            break
        one = interval(estimated, 1 - middle)
        low, high = (middle, high) if one.low < against < one.high else (low, middle)
    return high


def combined(parts: Sequence[Estimate], weights: ArrayLike | None = None, confidence: float = 0.95) -> Interval:
    r"""Return the interval of a weighted sum of independent estimates, such as a mean over corpora or a difference.

    .. math::
        \sum_i w_i \theta_i \pm t_\nu \sqrt{\sum_i v_i}, \qquad v_i = w_i^2 \text{se}_i^2, \qquad
        \nu = \frac{(\sum_i v_i)^2}{\sum_i v_i^2 / \nu_i}

    after Welch [1947] and Satterthwaite [1946]. The interval is over new speakers of these corpora, not over new
    corpora.

    Args:
        parts: estimates from different speakers
        weights: one number per part; by default all 1 / parts, which gives the mean
        confidence: in (0, 1)

    Returns:
        low and high are NaN if a part has no variance

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
    values, variances, degrees_of_freedom = np.array([(p.value, p.variance, p.degrees_of_freedom) for p in parts]).T
    point, shares = float(weights @ values), weights**2 * variances
    clusters = sum(p.clusters for p in parts)
    if not np.isfinite(shares).all():
        return Interval(point, np.nan, np.nan, clusters)
    degrees_of_freedom = pooled_freedom(shares, degrees_of_freedom)
    half_width = float(stdtrit(degrees_of_freedom, 0.5 + confidence / 2) * np.sqrt(shares.sum()))
    return Interval(point, point - half_width, point + half_width, clusters)


def pooled_freedom(variances: ArrayLike, degrees_of_freedom: ArrayLike) -> float:
    """Return the degrees of freedom of a sum of independent variances, after Welch and Satterthwaite.

    >>> pooled_freedom([1, 1], [3, 3]), pooled_freedom([1, 0], [3, 3])
    (6.0, 3.0)
    """
    variances, degrees_of_freedom = np.asarray(variances, float), np.asarray(degrees_of_freedom, float)
    return float(variances.sum() ** 2 / np.sum(variances**2 / degrees_of_freedom)) if variances.any() else 1.0


def _extended_end(end: float, outer: float) -> float:
    tiny = np.finfo(float).tiny
    ends = np.clip([end, outer], tiny, 1 - np.finfo(float).eps)
    return float(expit(logit(ends) @ [2 / 3, 1 / 3]))


def _check(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
