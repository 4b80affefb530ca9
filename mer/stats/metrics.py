"""Metrics of classification, computed from confusion matrices so that speakers can be added and taken away.

**Which classes count.** A corpus need not hold every class of the model. Every macro average here is over
the classes *present in the truth* (support > 0); a prediction of a class that is absent from the truth is
still an error of the class that was spoken, but adds no recall or F1 of its own. (scikit-learn averages F1
over the union of truth and prediction unless told which labels to use.) State the number of classes, from
`classes_present`, beside every number.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Number = float | NDArray[np.floating]


def confusion(truth: ArrayLike, prediction: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count how often each class was answered as each class.

    Args:
        truth: class numbers, (n,)
        prediction: class numbers, (n,)
        classes: number of classes k

    Returns:
        counts, (k, k); rows are the truth, columns the prediction

    Raises:
        ValueError: the two differ in length, or hold something other than 0..k-1

    Examples:
        >>> confusion([0, 0, 1], [0, 1, 1], 2)
        array([[1, 1],
               [0, 1]])
    """
    truth, prediction = _class_numbers(truth, prediction, classes)
    return np.bincount(truth * classes + prediction, minlength=classes**2).reshape(classes, classes)


def cluster_confusions(
    truth: ArrayLike, prediction: ArrayLike, clusters: ArrayLike, classes: int
) -> tuple[NDArray[np.int64], NDArray]:
    """Count one confusion matrix per cluster: a speaker, dialogue or video.

    Args:
        truth: class numbers, (n,)
        prediction: class numbers, (n,)
        clusters: name of each row's cluster, (n,)
        classes: number of classes k

    Returns:
        counts, (s, k, k), and the sorted names of the clusters, (s,)

    Raises:
        ValueError: as for `confusion`, or a cluster has no name (None or NaN)

    Examples:
        >>> matrices, names = cluster_confusions([0, 0, 1], [0, 1, 1], ["b", "a", "a"], 2)
        >>> matrices.tolist(), names.tolist()
        ([[[0, 1], [0, 1]], [[1, 0], [0, 0]]], ['a', 'b'])
    """
    truth, prediction = _class_numbers(truth, prediction, classes)
    clusters = np.asarray(clusters)
    if clusters.shape != truth.shape:
        raise ValueError(f"{len(truth)} rows, but clusters have the shape {clusters.shape}")
    if clusters.dtype.kind in "Of" and any(name is None or name != name for name in clusters.tolist()):
        raise ValueError("some rows have no cluster (None or NaN): name the speaker or leave the rows out")
    names, index = np.unique(clusters, return_inverse=True)
    flat = (index * classes + truth) * classes + prediction
    counts = np.bincount(flat, minlength=len(names) * classes**2)
    return counts.reshape(len(names), classes, classes), names


def recalls(confusion: ArrayLike) -> NDArray[np.floating]:
    """Share of each class that was recognised, TP / (TP + FN).

    Args:
        confusion: counts, (..., k, k)

    Returns:
        values in [0, 1], (..., k); NaN for a class that is absent from the truth

    Raises:
        ValueError: the last two axes differ

    Examples:
        >>> recalls([[3, 1, 0], [1, 1, 0], [0, 0, 0]])
        array([0.75, 0.5 ,  nan])
    """
    confusion = _square(confusion)
    return _ratio(_diagonal(confusion), confusion.sum(-1))


def classes_present(confusion: ArrayLike) -> int | NDArray[np.int64]:
    """Number of classes with at least one clip in the truth, which is what UAR averages over.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        a number in 0..k, or (...)

    Examples:
        >>> classes_present([[3, 1, 0], [1, 1, 0], [0, 0, 0]])
        2
    """
    present = (_square(confusion).sum(-1) > 0).sum(-1)
    return int(present) if present.ndim == 0 else present


def uar(confusion: ArrayLike) -> Number:
    r"""Unweighted average recall: the mean of the recalls of the classes present in the truth.

    .. math:: \text{UAR} = \frac{1}{K} \sum_{k=1}^{K} \frac{\text{TP}_k}{\text{TP}_k + \text{FN}_k}

    over the K classes with support, as in the INTERSPEECH challenges [Schuller, Steidl and Batliner 2009].
    Guessing scores 1/K whatever the balance of classes.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN where no class is present

    Examples:
        >>> uar([[3, 1, 0], [1, 1, 0], [0, 0, 0]])
        0.625
    """
    return _present_mean(recalls(confusion))


def wa(confusion: ArrayLike) -> Number:
    """Weighted accuracy, as speech emotion recognition calls it: the share of clips that are right.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN where there are no clips

    Examples:
        >>> round(wa([[3, 1], [1, 1]]), 3)
        0.667
    """
    confusion = _square(confusion)
    return _scalar(_ratio(_diagonal(confusion).sum(-1), confusion.sum((-2, -1))))


def macro_f1(confusion: ArrayLike) -> Number:
    r"""Mean over the classes present in the truth of :math:`F_1 = 2 TP / (2 TP + FP + FN)`.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN where no class is present

    Examples:
        >>> macro_f1([[3, 1], [1, 1]])
        0.625
    """
    return _present_mean(_f1(_square(confusion)))


def weighted_f1(confusion: ArrayLike) -> Number:
    """Mean of the F1 of each class weighted by its support, the usual number for MELD.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        value in [0, 1], or (...); NaN where no class is present

    Examples:
        >>> round(weighted_f1([[3, 1], [1, 1]]), 3)
        0.667
    """
    confusion = _square(confusion)
    support = confusion.sum(-1)
    return _scalar(_ratio(np.nansum(_f1(confusion) * support, -1), support.sum(-1)))


def chance_corrected(uar: ArrayLike, k: ArrayLike) -> Number:
    """UAR on a scale where guessing is 0 and perfection 1: (UAR - 1/k) / (1 - 1/k).

    The only form in which UARs over different numbers of classes may be averaged.

    Args:
        uar: value or values in [0, 1]
        k: number of classes present in the truth

    Returns:
        value in [-1 / (k - 1), 1]; NaN where k is below 2, as nothing can be guessed

    Examples:
        >>> chance_corrected(0.625, 4)
        0.5
    """
    uar, k = np.broadcast_arrays(np.asarray(uar, float), np.asarray(k, float))
    return _scalar(_ratio(uar * k - 1, k - 1))


def restrict(probabilities: ArrayLike, allowed: ArrayLike) -> NDArray[np.int64]:
    """Answer with the most probable of the allowed classes (ties: the first).

    Args:
        probabilities: or logits, (n, k)
        allowed: mask (k,) of bool, or the numbers of the allowed classes

    Returns:
        class numbers in 0..k-1, (n,)

    Raises:
        ValueError: no class is allowed, one is not a class, or a probability is NaN

    Examples:
        >>> restrict([[0.5, 0.3, 0.2]], [1, 2])
        array([1])
    """
    probabilities, allowed = np.asarray(probabilities, float), np.asarray(allowed)
    if allowed.dtype == bool and allowed.shape != probabilities.shape[-1:]:
        raise ValueError(f"a mask of {allowed.shape} cannot choose among {probabilities.shape[-1]} classes")
    indices = np.flatnonzero(allowed) if allowed.dtype == bool else np.unique(allowed)
    if not len(indices) or indices[0] < 0 or indices[-1] >= probabilities.shape[-1]:
        raise ValueError(f"allowed classes {indices.tolist()}: choose among 0..{probabilities.shape[-1] - 1}")
    if np.isnan(probabilities).any():
        raise ValueError("some probabilities are NaN, and NaN would win every argmax")
    return indices[probabilities[:, indices].argmax(-1)]


def _class_numbers(truth: ArrayLike, prediction: ArrayLike, classes: int) -> list[NDArray[np.int64]]:
    arrays = [np.asarray(truth), np.asarray(prediction)]
    if arrays[0].ndim != 1 or arrays[0].shape != arrays[1].shape:
        raise ValueError(f"truth {arrays[0].shape} and prediction {arrays[1].shape} differ in length")
    for name, values in zip(("truth", "prediction"), arrays, strict=True):
        if values.size and (values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= classes):
            raise ValueError(f"{name} must hold whole numbers 0..{classes - 1}")
    return [values.astype(np.int64) for values in arrays]


def _square(confusion: ArrayLike) -> NDArray:
    confusion = np.asarray(confusion)
    if confusion.ndim < 2 or confusion.shape[-1] != confusion.shape[-2]:
        raise ValueError(f"a confusion matrix is (..., k, k), not {confusion.shape}")
    return confusion


def _diagonal(confusion: NDArray) -> NDArray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part: NDArray, whole: NDArray) -> NDArray[np.floating]:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _f1(confusion: NDArray) -> NDArray[np.floating]:
    support = confusion.sum(-1)
    f1 = _ratio(2 * _diagonal(confusion), support + confusion.sum(-2))
    return np.where(support > 0, f1, np.nan)


def _present_mean(values: NDArray) -> Number:
    return _scalar(_ratio(np.nansum(values, -1), np.isfinite(values).sum(-1)))


def _scalar(values: NDArray) -> Number:
    return float(values) if np.ndim(values) == 0 else values
