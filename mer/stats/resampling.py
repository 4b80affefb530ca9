"""Bootstrap over the speakers of a study, from one confusion matrix per speaker.

A resample draws as many speakers as a corpus has, with replacement. It is a row of weights, the number of times that
each speaker was drawn. Its score follows from the weighted sum of the speakers' confusions, which is a matrix product.
All systems and seeds use the same resamples, so that their differences and ranks are paired.

A percentile interval over few speakers is too short (`benchmarks/intervals.py`). Scores therefore use `jackknife`. The
bootstrap is for quantities without a formula: ranks, and how often one system is better than another.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.design import Statistic
from mer.stats.estimates import per_seed
from mer.stats.metrics import uar

MAX_BLOCK_VALUES = 2**19
"""The largest number of resampled counts that are in memory at once."""


def weights(clusters: int, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return how often each cluster is in each resample of the same number of clusters, (draws, clusters).

    Args:
        clusters: number of clusters
        draws: number of resamples
        rng: source of random numbers

    Raises:
        ValueError: no cluster, or no draw

    Examples:
        >>> weights(3, 2, np.random.default_rng(0)).sum(axis=1)
        array([3, 3])
    """
    if clusters < 1 or draws < 1:
        raise ValueError(f"{draws} resamples of {clusters} clusters: both must be 1 or more")
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws)


def resample(
    confusions: Mapping[str, ArrayLike], statistic: Statistic = uar, draws: int = 10_000, seed: int = 0
) -> dict[str, NDArray[np.floating]]:
    """Return the score of each system on resampled speakers of one corpus.

    Args:
        confusions: system -> counts, (s, k, k) or (seeds, s, k, k), all of the same s speakers in the same order
        statistic: maps (..., k, k) to values, (...)
        draws: number of resamples
        seed: two calls with the same seed and number of speakers draw the same speakers

    Returns:
        system -> values, (draws,), means over seeds; classes without a clip in a resample do not count there

    Raises:
        ValueError: no system, speakers or classes differ between systems, or no clips

    Examples:
        >>> values = resample({"a": [[[3, 1], [0, 4]], [[1, 1], [1, 1]]]}, draws=4)
        >>> sorted(set(values["a"].tolist()))
        [0.5, 0.75]
    """
    stacks = {name: per_seed(counts) for name, counts in confusions.items()}
    if not stacks:
        raise ValueError("no system to resample")
    if len(shapes := {stack.shape[1:] for stack in stacks.values()}) > 1:
        raise ValueError(f"systems differ in speakers or classes: {sorted(shapes)}")
    observed_clusters = np.any([stack.any((0, 2, 3)) for stack in stacks.values()], axis=0)
    if not all(stack.any() for stack in stacks.values()):
        raise ValueError("there are no clips to measure")
    clusters, k = int(observed_clusters.sum()), len(next(iter(stacks.values()))[0, 0])
    resample_weights = weights(clusters, draws, np.random.default_rng(seed)).astype(np.float64)
    values = {}
    for name, stack in stacks.items():
        flat = np.moveaxis(stack[:, observed_clusters], 1, -1).reshape(-1, clusters).astype(np.float64)
        step = max(1, MAX_BLOCK_VALUES // len(flat))
        parts = []
        for part in _blocks(resample_weights, step):  # resamples last in memory, where NumPy adds fastest
            totals = (flat @ part.T).reshape(-1, k, k, len(part))
            parts.append(np.asarray(statistic(np.moveaxis(totals, -1, 0))).mean(axis=-1))
        values[name] = np.concatenate(parts)
    return values


def percentile(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval between two quantiles of resampled values.

    Examples:
        >>> percentile(np.arange(101.0), 0.5)
        (25.0, 75.0)
    """
    outside = (1 - confidence) / 2
    low, high = np.quantile(values, [outside, 1 - outside])
    return float(low), float(high)


def basic(point: float, values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the basic bootstrap interval: the percentile interval mirrored at the point, which corrects bias.

    Args:
        point: the estimate
        values: resampled values
        confidence: in (0, 1)

    Examples:
        >>> basic(40.0, np.arange(101.0), 0.5)
        (5.0, 55.0)
    """
    low, high = percentile(values, confidence)
    return 2 * point - high, 2 * point - low


def ranks(values: ArrayLike) -> NDArray[np.floating]:
    """Return the rank of each system in each resample: 1 is the highest, ties share their mean rank.

    Args:
        values: (systems, draws)

    Returns:
        (systems, draws)

    Raises:
        ValueError: a value is NaN

    Examples:
        >>> ranks([[0.5, 0.7], [0.6, 0.7]]).tolist()
        [[2.0, 1.5], [1.0, 1.5]]
    """
    values = np.asarray(values, float)
    if np.isnan(values).any():
        raise ValueError("some values are NaN and have no rank; leave this system or corpus out")
    above = (values[:, None] < values[None]).sum(axis=1)
    level = (values[:, None] == values[None]).sum(axis=1)
    return above + (level + 1) / 2


def _blocks(rows: NDArray, size: int) -> Iterator[NDArray]:
    return (rows[first : first + size] for first in range(0, len(rows), size))
