"""Metrics of classification, computed from confusion matrices or from probabilities.

Confusion matrices can be summed over speakers, and speakers can be left out.

**Classes.** A corpus need not contain every class of the model. Every macro average is over the classes that are
*present in the truth* (support > 0). A prediction of an absent class is an error of the true class, but has no recall
or F1 of its own. (scikit-learn averages F1 over the union of truth and prediction, unless `labels` is given.) State the
number of classes, from `classes_present`, next to every score.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.confusions import diagonal, ratio, recalls, square

Number = float | NDArray[np.floating]
"""One value, or an array of values."""


@dataclass(frozen=True)
class Metric:
    """One metric of the results."""

    name: str
    """The name in the column `metric` of the results."""
    title: str
    """The name in figures and tables."""
    function: Callable[..., Number]
    """The formula. Of confusions: it maps counts, (..., k, k), to values in [0, 1], (...). Of probabilities: it maps
    classes, (n,), and probabilities, (n, k), to one number. Of sets of labels: it maps two of them, (n, k), to one."""
    reads: Literal["confusions", "probabilities", "label sets"] = "confusions"
    """The argument of the formula."""
    chance_corrected: bool = False
    """Whether the results also contain `chance_corrected` values and tests against chance. Guessing must then score one
    over the number of classes."""


def uar(confusion: ArrayLike) -> Number:
    r"""Unweighted average recall: the mean of the recalls of the classes present in the truth.

    .. math:: \text{UAR} = \frac{1}{K} \sum_{k=1}^{K} \frac{\text{TP}_k}{\text{TP}_k + \text{FN}_k}

    over the K classes with support, as in the INTERSPEECH challenges [Schuller, Steidl and Batliner 2009].
    Guessing scores 1/K for any distribution of classes.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN if no class is present

    Examples:
        >>> uar([[3, 1, 0], [1, 1, 0], [0, 0, 0]])
        0.625
    """
    return _present_mean(recalls(confusion))


def wa(confusion: ArrayLike) -> Number:
    """Weighted accuracy, as speech emotion recognition calls it: the share of correct predictions.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN if there are no clips

    Examples:
        >>> round(wa([[3, 1], [1, 1]]), 3)
        0.667
    """
    confusion = square(confusion)
    return _scalar(ratio(diagonal(confusion).sum(-1), confusion.sum((-2, -1))))


def macro_f1(confusion: ArrayLike) -> Number:
    r"""Mean over the classes present in the truth of :math:`F_1 = 2 TP / (2 TP + FP + FN)`.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN if no class is present

    Examples:
        >>> macro_f1([[3, 1], [1, 1]])
        0.625
    """
    return _present_mean(_f1(square(confusion)))


def weighted_f1(confusion: ArrayLike) -> Number:
    """Mean of the F1 of each class weighted by its support, the usual number for MELD.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN if no class is present

    Examples:
        >>> round(weighted_f1([[3, 1], [1, 1]]), 3)
        0.667
    """
    confusion = square(confusion)
    support = confusion.sum(-1)
    return _scalar(ratio(np.nansum(_f1(confusion) * support, -1), support.sum(-1)))


def chance_corrected(uar: ArrayLike, k: ArrayLike) -> Number:
    """Return the UAR on a scale where guessing is 0 and perfection is 1: (UAR - 1/k) / (1 - 1/k).

    UARs over different numbers of classes can be averaged on this scale only.

    Args:
        uar: value or values in [0, 1]
        k: number of classes among which predictions choose; chance is 1/k

    Returns:
        value in [-1 / (k - 1), 1]; NaN if k is below 2, because there is nothing to guess

    Examples:
        >>> chance_corrected(0.625, 4)
        0.5
    """
    uar, k = np.broadcast_arrays(np.asarray(uar, float), np.asarray(k, float))
    return _scalar(ratio(uar * k - 1, k - 1))


def _f1(confusion: NDArray) -> NDArray[np.floating]:
    support = confusion.sum(-1)
    f1 = ratio(2 * diagonal(confusion), support + confusion.sum(-2))
    return np.where(support > 0, f1, np.nan)


def _present_mean(values: NDArray) -> Number:
    return _scalar(ratio(np.nansum(values, -1), np.isfinite(values).sum(-1)))


def _scalar(values: NDArray) -> Number:
    return float(values) if np.ndim(values) == 0 else values


METRICS = {
    metric.name: metric
    for metric in (
        Metric("UAR", "UAR", uar, chance_corrected=True),
        Metric("WA", "WA", wa),
        Metric("macro_F1", "macro F1", macro_f1),
        Metric("weighted_F1", "weighted F1", weighted_f1),
    )
}
"""The metrics of the results, by name. A new metric is added here only."""
CONFUSION_METRICS = {name: metric for name, metric in METRICS.items() if metric.reads == "confusions"}
"""The metrics of confusions. Only these are compared between systems, because their speakers can be exchanged."""
