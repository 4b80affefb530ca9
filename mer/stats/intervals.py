"""Confidence intervals over speakers, for the handful of speakers that emotion corpora have."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, expit, logit, ndtri, stdtrit  # scipy.stats takes a second to import

from mer.stats.estimates import Estimate, Statistic, Ways, estimate, smoothed
from mer.stats.metrics import uar


@dataclass(frozen=True)
class Interval:
    """A number and where it may lie; `low` and `high` are NaN where the clusters are too few to say."""

    point: float
    low: float
    high: float
    clusters: int


def jackknife(
    confusions: ArrayLike, statistic: Statistic = uar, confidence: float = 0.95, ways: Ways | None = None
) -> Interval:
    r"""Confidence interval of a metric over clusters (speakers, dialogues, videos): `interval` of its `estimate`.

    Seeds share the speakers: the metric is averaged over seeds before any speaker is left out, so the
    interval is conditional on the trained models. If leaving a cluster out removes a class altogether, the
    metric averages over the classes that remain. Clusters without a clip are not counted.

    Args:
        confusions: counts per cluster, (s, k, k), or per seed and cluster, (seeds, s, k, k)
        statistic: maps (..., k, k) to values in [0, 1], (...)
        confidence: in (0, 1)
        ways: as for `estimate`

    Returns:
        point (mean over seeds of the metric of the summed counts), low, high, and the number of clusters.
        With fewer than 3 clusters, and where one cluster alone says a class, low and high are NaN. They never equal
        the point.

    Raises:
        ValueError: the shape is another, there are no clips, or the confidence is not in (0, 1)

    Examples:
        >>> one = jackknife([[[8, 2], [4, 6]], [[9, 1], [3, 7]], [[6, 4], [5, 5]]])
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}], {one.clusters} speakers")
        0.683 [0.398, 0.875], 3 speakers
        >>> one = jackknife([[[10, 0], [0, 10]]] * 4)
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}]")
        1.000 [0.836, 1.000]
    """
    return interval(estimate(confusions, statistic, ways=ways), confidence)


def interval(found: Estimate, confidence: float = 0.95) -> Interval:
    r"""Confidence interval of a metric, on the scale of logits with Student's t.

    .. math::
        \ln\frac{x}{y} \pm t_\nu \sqrt{\frac1x + \frac1y}, \qquad x = \theta n + \tfrac12, \quad
        y = (1 - \theta) n + \tfrac12

    with n the effective clips: as many independent ones as would have the variance that was estimated. The halves are
    those of Haldane and Anscombe [Gart 1966], and keep it finite where nothing is wrong. Where much is, it is the
    jackknife's, :math:`\text{logit}\,\theta \pm t_\nu \text{se} / (\theta (1 - \theta))`. The variance is
    estimated from as many values as there are speakers, hence t and not 1.96. The logit keeps the interval in [0, 1]
    and lengthens it towards 0.5, where a metric near 1 came from. Towards the nearer of 0 and 1 that is too short
    where hardly a clip is wrong, and the beta quantile of Jeffreys, for n made smaller by (1.96 / t)^2 [Korn and
    Graubard 1998], is too long for clips of speakers: where it is longer, the interval goes a third of the way to it,
    by logits. What that covers is in `benchmarks/intervals.py`.

    Args:
        found: of a metric in [0, 1]
        confidence: in (0, 1)

    Raises:
        ValueError: the confidence is not in (0, 1)
    """
    _check(confidence)
    if not np.isfinite(found.variance):
        return Interval(found.value, np.nan, np.nan, found.clusters)
    if np.isinf(found.clips):
        raise ValueError("an estimate of a metric says how many clips it is of")
    near, value = smoothed(found.value, found.clips), min(max(found.value, 0.0), 1.0)
    clips = near * (1 - near) / found.variance
    right, wrong = clips * value + 0.5, clips * (1 - value) + 0.5
    t = float(stdtrit(found.freedom, 0.5 + confidence / 2))
    middle, reach = np.log(right / wrong), t * np.sqrt(1 / right + 1 / wrong)
    low, high = min(expit(middle - reach), value), max(expit(middle + reach), value)
    fewer = clips * (float(ndtri(0.5 + confidence / 2)) / t) ** 2
    beta = partial(betaincinv, fewer * value + 0.5, fewer * (1 - value) + 0.5)
    if value > 0.5:
        high = max(high, _third(high, beta(0.5 + confidence / 2)))
    else:
        low = min(low, _third(low, beta(0.5 - confidence / 2)))
    return Interval(found.value, float(low), float(high), found.clusters)


def p_value(found: Estimate, against: float) -> float:
    """Return the p-value of a metric being another, two-sided: `interval` at one less that ends there; NaN without one.

    >>> one = estimate([[[8, 2], [4, 6]], [[9, 1], [3, 7]], [[6, 4], [5, 5]]])
    >>> round(p_value(one, interval(one, 0.95).low), 6)
    0.05
    """
    if not np.isfinite(found.variance):
        return np.nan
    low, high = 0.0, 1.0
    for _ in range(40):  # halved until the interval ends there
        middle = (low + high) / 2
        if not 0 < middle < 1:
            break
        one = interval(found, 1 - middle)
        low, high = (middle, high) if one.low < against < one.high else (low, middle)
    return high


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
        low and high are NaN where a part has no variance

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
    freedom = pooled_freedom(shares, freedoms)
    reach = float(stdtrit(freedom, 0.5 + confidence / 2) * np.sqrt(shares.sum()))
    return Interval(point, point - reach, point + reach, clusters)


def pooled_freedom(variances: ArrayLike, freedoms: ArrayLike) -> float:
    """Return the degrees of freedom of a sum of independent variances, after Welch and Satterthwaite.

    >>> pooled_freedom([1, 1], [3, 3]), pooled_freedom([1, 0], [3, 3])
    (6.0, 3.0)
    """
    variances, freedoms = np.asarray(variances, float), np.asarray(freedoms, float)
    return float(variances.sum() ** 2 / np.sum(variances**2 / freedoms)) if variances.any() else 1.0


def _third(end: float, further: float) -> float:
    tiny = np.finfo(float).tiny
    ends = np.clip([end, further], tiny, 1 - np.finfo(float).eps)
    return float(expit(logit(ends) @ [2 / 3, 1 / 3]))


def _check(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
