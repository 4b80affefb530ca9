"""Confusion matrices, their recalls, and predictions among the classes of a test corpus."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def confusion(truth: ArrayLike, prediction: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Return how often each class was predicted as each class.

    Args:
        truth: class numbers, (n,)
        prediction: class numbers, (n,)
        classes: number of classes k

    Returns:
        counts, (k, k); rows are the truth, columns the prediction

    Raises:
        ValueError: different lengths, or a value outside 0..k-1

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
    """Return one confusion matrix per cluster, such as a speaker, dialogue or video.

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
        raise ValueError("some rows have no cluster (None or NaN); add the speaker or leave the rows out")
    names, index = np.unique(clusters, return_inverse=True)
    flat = (index * classes + truth) * classes + prediction
    counts = np.bincount(flat, minlength=len(names) * classes**2)
    return counts.reshape(len(names), classes, classes), names


def recalls(confusion: ArrayLike) -> NDArray[np.floating]:
    """Return the recall of each class, TP / (TP + FN).

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
    confusion = square(confusion)
    return ratio(diagonal(confusion), confusion.sum(-1))


def classes_present(confusion: ArrayLike) -> int | NDArray[np.int64]:
    """Return the number of classes with at least one clip in the truth, over which UAR averages.

    Args:
        confusion: counts, (..., k, k)

    Returns:
        a number in 0..k, or (...)

    Examples:
        >>> classes_present([[3, 1, 0], [1, 1, 0], [0, 0, 0]])
        2
    """
    present = (square(confusion).sum(-1) > 0).sum(-1)
    return int(present) if present.ndim == 0 else present


def restrict(probabilities: ArrayLike, allowed: ArrayLike) -> NDArray[np.int64]:
    """Return the most probable of the allowed classes, the first one of ties.

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
        raise ValueError(f"the mask has shape {allowed.shape}, but there are {probabilities.shape[-1]} classes")
    indices = np.flatnonzero(allowed) if allowed.dtype == bool else np.unique(allowed)
    if not len(indices) or indices[0] < 0 or indices[-1] >= probabilities.shape[-1]:
        raise ValueError(f"allowed classes are {indices.tolist()}; they must be in 0..{probabilities.shape[-1] - 1}")
    if np.isnan(probabilities).any():
        raise ValueError("some probabilities are NaN; leave these rows out")
    return indices[probabilities[:, indices].argmax(-1)]


def _class_numbers(truth: ArrayLike, prediction: ArrayLike, classes: int) -> list[NDArray[np.int64]]:
    arrays = [np.asarray(truth), np.asarray(prediction)]
    if arrays[0].ndim != 1 or arrays[0].shape != arrays[1].shape:
        raise ValueError(f"truth {arrays[0].shape} and prediction {arrays[1].shape} differ in length")
    for name, values in zip(("truth", "prediction"), arrays, strict=True):
        if values.size and (values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= classes):
            raise ValueError(f"{name} must contain integers in 0..{classes - 1}")
    return [values.astype(np.int64) for values in arrays]


def square(confusion: ArrayLike) -> NDArray:
    """Return confusions as an array of shape (..., k, k).

    Raises:
        ValueError: the last two axes differ
    """
    confusion = np.asarray(confusion)
    if confusion.ndim < 2 or confusion.shape[-1] != confusion.shape[-2]:
        raise ValueError(f"a confusion matrix is (..., k, k), not {confusion.shape}")
    return confusion


def diagonal(confusion: NDArray) -> NDArray:
    """Return the correct predictions of each class, (..., k)."""
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def ratio(part: NDArray, whole: NDArray) -> NDArray[np.floating]:
    """Return part / whole, and NaN for a whole of 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
