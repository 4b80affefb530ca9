"""Metrics of utterances with several emotions at once, such as those of CMU-MOSEI.

Truth and predictions are sets of labels: bool of shape (n, labels). An utterance without an emotion has the empty set.
The first five are those that the paper prints for CMU-MOSEI (Ryumina et al. 2025; SMIL-SPCRAS/MER @ 75ae4e4,
`src/utils/metrics.py`), under names that say what they are. A constant answer scores high in some of them:
`constant_score` gives that score, which belongs beside each value.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mer.stats.confusions import ratio
from mer.stats.metrics import Metric


def balanced_accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    r"""Return the mean over labels of :math:`\frac{1}{2}(TP/P + TN/N)`, `wAcc` in the paper.

    A constant answer scores 0.5 [Tong et al. 2017, "Combating human trafficking with multimodal deep models"]. Labels
    that all utterances or none have are left out.

    Args:
        truth, predicted: bool of shape (n, labels)

    Returns:
        value in [0, 1]; NaN if every label is left out

    Examples:
        >>> truth = [[1, 0], [1, 0], [0, 0], [0, 1]]
        >>> balanced_accuracy(truth, [[1, 1], [0, 1], [0, 1], [0, 1]])
        0.625
        >>> balanced_accuracy(truth, np.ones((4, 2)))
        0.5
    """
    truth, predicted = _sets(truth, predicted)
    yes = ratio((truth & predicted).sum(0), truth.sum(0))
    no = ratio((~truth & ~predicted).sum(0), (~truth).sum(0))
    return _mean((yes + no) / 2)


def jaccard(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean over utterances of the Jaccard index |T ∩ P| / |T ∪ P|, `Acc` in the paper; 1 if both are empty.

    Source: Godbole and Sarawagi (2004), "Discriminative methods for multi-labeled classification".

    Args:
        truth, predicted: bool of shape (n, labels)

    Examples:
        >>> jaccard([[1, 1], [0, 0]], [[1, 0], [0, 0]])
        0.75
    """
    truth, predicted = _sets(truth, predicted)
    union = (truth | predicted).sum(1)
    return float(np.mean(np.where(union > 0, (truth & predicted).sum(1) / np.maximum(union, 1), 1.0)))


def example_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean over utterances of 2 |T ∩ P| / (|T| + |P|), `F1` in the paper; 1 if both are empty.

    Source: Godbole and Sarawagi (2004), as for `jaccard`.

    Args:
        truth, predicted: bool of shape (n, labels)

    Examples:
        >>> round(example_f1([[1, 1], [0, 0]], [[1, 0], [0, 0]]), 4)
        0.8333
    """
    truth, predicted = _sets(truth, predicted)
    sizes = truth.sum(1) + predicted.sum(1)
    return float(np.mean(np.where(sizes > 0, 2 * (truth & predicted).sum(1) / np.maximum(sizes, 1), 1.0)))


def positive_recall(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean over labels of TP / P, `UAR` in the paper; predicting every label always scores 1.

    Labels that no utterance has are left out.

    Args:
        truth, predicted: bool of shape (n, labels)

    Examples:
        >>> positive_recall([[1, 0], [1, 1]], [[1, 1], [0, 1]])
        0.75
    """
    truth, predicted = _sets(truth, predicted)
    return _mean(ratio((truth & predicted).sum(0), truth.sum(0)))


def yes_no_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean over labels of the F1 of yes and of no, weighted by their support, `wF1` in the paper.

    The published code has no function that runs for it; this is scikit-learn's `weighted avg` of each label's report.

    Args:
        truth, predicted: bool of shape (n, labels)

    Examples:
        >>> round(yes_no_f1([[1], [1], [0], [0]], [[1], [0], [0], [0]]), 4)
        0.7333
    """
    truth, predicted = _sets(truth, predicted)
    scores = (_f1(truth, predicted), _f1(~truth, ~predicted))
    return _mean((np.nan_to_num(scores[0]) * truth.sum(0) + np.nan_to_num(scores[1]) * (~truth).sum(0)) / len(truth))


def label_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean over the labels that occur of F1 = 2 TP / (2 TP + FP + FN), which counts false answers of yes.

    Args:
        truth, predicted: bool of shape (n, labels)

    Examples:
        >>> round(label_f1([[1, 0], [1, 1]], [[1, 1], [0, 1]]), 4)
        0.6667
    """
    truth, predicted = _sets(truth, predicted)
    return _mean(np.where(truth.any(0), _f1(truth, predicted), np.nan))


def constant_score(function: Callable[[NDArray, NDArray], float], truth: ArrayLike) -> float:
    """Return the highest score of one set of labels that is predicted for all utterances.

    The sets are those of the most frequent labels: none, the first, the first two, and so on.

    Args:
        function: one of the metrics
        truth: bool of shape (n, labels)

    Examples:
        >>> truth = [[1, 0], [1, 1], [0, 0]]
        >>> constant_score(positive_recall, truth), constant_score(balanced_accuracy, truth)
        (1.0, 0.5)
    """
    truth = np.asarray(truth, bool)
    rank = np.argsort(np.argsort(-truth.mean(0), kind="stable"))
    return max(function(truth, np.tile(rank < size, (len(truth), 1))) for size in range(truth.shape[1] + 1))


def _sets(truth: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    truth, predicted = np.asarray(truth, bool), np.asarray(predicted, bool)
    if truth.ndim != 2 or truth.shape != predicted.shape or not len(truth):
        raise ValueError(f"sets of labels are (n, labels) with n above 0, not {truth.shape} and {predicted.shape}")
    return truth, predicted


def _f1(truth: NDArray, predicted: NDArray) -> NDArray[np.floating]:
    return ratio(2.0 * (truth & predicted).sum(0), truth.sum(0) + predicted.sum(0))


def _mean(values: NDArray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


MULTI_LABEL_METRICS = {
    metric.name: metric
    for metric in (
        Metric("wAcc", "wAcc", balanced_accuracy, reads="label sets"),
        Metric("jaccard", "Jaccard accuracy", jaccard, reads="label sets"),
        Metric("example_F1", "example F1", example_f1, reads="label sets"),
        Metric("positive_recall", "recall of yes", positive_recall, reads="label sets"),
        Metric("yes_no_F1", "weighted F1 of yes and no", yes_no_f1, reads="label sets"),
        Metric("label_F1", "macro F1 of labels", label_f1, reads="label sets"),
    )
}
"""The metrics of sets of labels, by name. They are computed for systems that are trained on several classes at once."""
