r"""Rates of events per unit, such as wrong words per word, with intervals over clusters (speakers).

A rate is the ratio of two sums over clusters, :math:`R = \sum e_i / \sum n_i`. Unlike a share it may exceed 1: a
recogniser can insert more words than were said.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from mer.stats.design import effective_clusters
from mer.stats.estimates import MAX_DEGREES_OF_FREEDOM, MIN_CLUSTERS, Estimate
from mer.stats.intervals import Interval, combined


def rate(events: ArrayLike, units: ArrayLike, confidence: float = 0.95) -> Interval:
    r"""Confidence interval of a rate over clusters, on the scale of logarithms with Student's t.

    .. math::
        \ln \hat R \pm t_\nu \frac{s}{\hat R}, \qquad \hat R = \frac{E + \frac12}{N}, \qquad
        s^2 = \max\left(s^2_\text{jackknife}, \frac{E + \frac12}{N^2}\right)

    The jackknife leaves out one cluster at a time [Efron and Tibshirani 1993, eq. 11.5]. The lower limit of the
    variance is that of independent events (Poisson); it holds for clusters that happen to be alike. The degrees of
    freedom are Kish's effective number of clusters minus 1, and more if the variance is the lower limit, which is
    known. A percentile bootstrap is too short over few speakers (`benchmarks/words.py`).

    Args:
        events: events of each cluster, (s,), 0 or more
        units: units of each cluster, (s,), 0 or more; clusters without units are left out
        confidence: in (0, 1)

    Returns:
        the rate; low and high are NaN with fewer than 3 clusters

    Raises:
        ValueError: no units, negative numbers, or other shapes

    Examples:
        >>> one = rate([3, 1, 2, 4], [50, 60, 40, 50])
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}], {one.clusters} speakers")
        0.050 [0.021, 0.128], 4 speakers
        >>> one = rate([0, 0, 0], [50, 60, 40])
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}]")
        0.000 [0.000, 0.053]
    """
    events, units = _clusters(events, units)
    total, size = events.sum(), units.sum()
    value, clusters = float(total / size), len(units)
    if clusters < MIN_CLUSTERS:
        return Interval(value, np.nan, np.nan, clusters)
    middle = (total + 0.5) / size
    variance, freedom = _with_floor(_without_each(events, units), _independent(events, units), units)
    factor = np.exp(stdtrit(freedom, 0.5 + confidence / 2) * np.sqrt(variance) / middle)
    low = 0.0 if total == 0 else min(middle / factor, value)
    return Interval(value, float(low), float(max(middle * factor, value)), clusters)


def rate_difference(
    events: ArrayLike, units: ArrayLike, other_events: ArrayLike, other_units: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Confidence interval of the difference of two rates of the same clusters, such as two emotions of each speaker.

    Each cluster is left out of both rates at once, so that what a speaker adds to both cancels.

    Args:
        events, units: as for `rate`
        other_events, other_units: the same of the rate that is subtracted, of the same clusters in the same order
        confidence: in (0, 1)

    Returns:
        low and high are NaN if fewer than 3 clusters have units on both sides

    Raises:
        ValueError: a side has no units, negative numbers, or other shapes

    Examples:
        >>> one = rate_difference([6, 4, 5, 5], [50, 50, 50, 50], [2, 1, 2, 3], [50, 50, 50, 50])
        >>> print(f"{one.point:.3f} [{one.low:.3f}, {one.high:.3f}]")
        0.060 [0.007, 0.113]
    """
    sides = [_clusters(events, units, keep=True), _clusters(other_events, other_units, keep=True)]
    if sides[0][0].shape != sides[1][0].shape:
        raise ValueError(f"{len(sides[0][0])} clusters are compared with {len(sides[1][0])}")
    used = np.any([own_units > 0 for _, own_units in sides], axis=0)
    sides = [(own_events[used], own_units[used]) for own_events, own_units in sides]
    values = [float(own_events.sum() / own_units.sum()) for own_events, own_units in sides]
    clusters = int(np.all([own_units > 0 for _, own_units in sides], axis=0).sum())
    if clusters < MIN_CLUSTERS:
        return Interval(values[0] - values[1], np.nan, np.nan, clusters)
    without = _without_each(*sides[0]) - _without_each(*sides[1])
    fewest = min((own_units for _, own_units in sides), key=effective_clusters)
    variance, freedom = _with_floor(without, sum(_independent(*side) for side in sides), fewest)
    return combined([Estimate(values[0] - values[1], variance, freedom, clusters)], confidence=confidence)


def _clusters(events: ArrayLike, units: ArrayLike, keep: bool = False) -> tuple[NDArray, NDArray]:
    """Return both as floats; clusters without units are left out unless they are to be kept."""
    events, units = np.asarray(events, float), np.asarray(units, float)
    if events.ndim != 1 or events.shape != units.shape:
        raise ValueError(f"events {events.shape} and units {units.shape}: expected a number of each per cluster")
    if not (np.isfinite([events, units]).all() and (events >= 0).all() and (units >= 0).all() and units.any()):
        raise ValueError("events and units are 0 or more, none of them NaN, and some units are above 0")
    if (events[units == 0] > 0).any():
        raise ValueError("a cluster without units has events")
    return (events, units) if keep else (events[units > 0], units[units > 0])


def _independent(events: NDArray, units: NDArray) -> float:
    return float((events.sum() + 0.5) / units.sum() ** 2)


def _without_each(events: NDArray, units: NDArray) -> NDArray:
    """The rate without each cluster."""
    return (events.sum() - events) / (units.sum() - units)


def _with_floor(without_each: NDArray, floor: float, units: NDArray) -> tuple[float, float]:
    """Return the variance and its degrees of freedom. The floor is known, so it has many of them."""
    count = len(without_each)
    variance = (count - 1) / count * float(np.sum((without_each - without_each.mean()) ** 2))
    freedom = max(effective_clusters(units) - 1, 1.0)
    if variance >= floor:
        return variance, freedom
    return floor, min(freedom * (floor / variance) ** 2 if variance else np.inf, MAX_DEGREES_OF_FREEDOM)
