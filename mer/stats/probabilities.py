"""Metrics of probabilities, such as the log loss, with their variance over speakers by the delete-one jackknife."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.design import effective_clusters
from mer.stats.estimates import MIN_CLUSTERS, Estimate, Groupings


def estimate_probabilities(
    truth: ArrayLike, probabilities: ArrayLike, function: Callable[[NDArray, NDArray], float], groupings: Groupings
) -> Estimate:
    """Estimate a metric of probabilities; `combined` gives its interval.

    The variance is that of the delete-one jackknife [Efron and Tibshirani 1993, eq. 11.5], and the larger one of two
    kinds of clusters. The degrees of freedom are Kish's effective number of clusters minus 1.

    Args:
        truth: class numbers, (n,)
        probabilities: probabilities of each class, (seeds, n, k)
        function: maps classes, (n,), and probabilities, (n, k), to a number
        groupings: clusters of the rows, each (n,)

    Returns:
        the mean over seeds; its variance, NaN with fewer than 3 clusters

    Raises:
        ValueError: no rows, or different numbers of rows

    Examples:
        >>> def brier(truth, probabilities):
        ...     return float(np.mean(np.sum((probabilities - np.eye(2)[truth]) ** 2, axis=1)))
        >>> one = estimate_probabilities([0, 1, 1], [[[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]], brier, [[0, 1, 2]])
        >>> round(one.value, 3), round(one.variance, 4), one.degrees_of_freedom
        (0.3, 0.0148, 2.0)
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, float)
    if probabilities.ndim != 3 or probabilities.shape[1] != len(truth):
        raise ValueError(f"probabilities are (seeds, {len(truth)}, k), not {probabilities.shape}")
    if not len(truth):
        raise ValueError("there are no clips to measure")

    def score(rows: NDArray) -> float:
        return float(np.mean([function(truth[rows], of_seed[rows]) for of_seed in probabilities]))

    groups = [np.unique(np.asarray(group), return_inverse=True)[1] for group in groupings]
    clusters = min(int(group.max()) + 1 for group in groups)
    value = score(np.ones(len(truth), bool))
    if clusters < MIN_CLUSTERS:
        return Estimate(value, np.nan, 1.0, clusters, len(truth))
    freedom = max(min(effective_clusters(np.bincount(group)) for group in groups) - 1, 1.0)
    return Estimate(value, max(_jackknife(score, group) for group in groups), freedom, clusters, len(truth))


def _jackknife(score: Callable[[NDArray], float], group: NDArray) -> float:
    values = np.array([score(group != number) for number in range(int(group.max()) + 1)])
    return (len(values) - 1) / len(values) * float(np.sum((values - values.mean()) ** 2))
