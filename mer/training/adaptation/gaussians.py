r"""Class-conditional Gaussians of a target's rows, found by EM without a gradient and without labels.

A row is described by the first principal components of its features, and by the model's log-probabilities of the
classes; each of these numbers is standardised on the unlabelled rows. The model's probabilities say first how much each
row belongs to each class. From these shares follow the mean and the frequency of each class and one common covariance
(M-step), and from the Gaussians new shares (E-step), which take the place of the model's probabilities. A class that a
row does not look like is so corrected by what the rows that the model is sure about look like.

More steps follow the target more, and the model less: they gain more where the classes of the target are about equally
frequent, and harm more where they are not. How many steps are used is found out inside the training corpora
(`trial.fit`). All features are those of the target alone.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import log_softmax

DIMENSIONS, ROWS_PER_DIMENSION = 30, 4
"""The largest number of principal components, and the smallest number of rows for each of them."""
SHRINKAGE = 0.3
"""The share of the covariance that is replaced by the mean variance in all directions, so that it can be inverted."""
EQUAL_SHARE = 0.5
"""The weight of equal frequencies of the classes beside the frequencies that are found. Features of another corpus that
are moved as a whole make one class seem frequent."""
MIN_DEVIATION = 1e-8
"""The standard deviation at or below which a feature or component is constant and counts as 0."""


def components(vectors: np.ndarray) -> np.ndarray:
    """Return the first principal components of rows, each feature standardised on these rows; shape (n, d).

    Args:
        vectors: shape (n, width), n at least 2.
    """
    x = _standardised(vectors)
    count = max(1, min(DIMENSIONS, len(x) // ROWS_PER_DIMENSION, x.shape[1]))
    if x.shape[1] < len(x):
        _, axes = np.linalg.eigh(x.T @ x)
        return x @ axes[:, ::-1][:, :count]
    values, axes = np.linalg.eigh(x @ x.T)
    return (axes * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :count]


def described(vectors: np.ndarray, log_probabilities: np.ndarray) -> np.ndarray:
    """Return the numbers by which Gaussians describe rows: components and log-probabilities, all standardised.

    Args:
        vectors: features, shape (n, width), n at least 2.
        log_probabilities: shape (n, classes).

    Returns:
        Shape (n, d + classes).
    """
    return np.hstack([_standardised(components(vectors)), _standardised(log_probabilities)])


def _standardised(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0, dtype=np.float64)
    deviation = centred.std(axis=0)
    return centred / np.where(deviation > MIN_DEVIATION, deviation, np.inf)


def log_posteriors(x: np.ndarray, shares: np.ndarray, steps: Sequence[int]) -> list[np.ndarray]:
    """Return logarithms of the classes' probabilities by Gaussians, after some numbers of steps of EM.

    Args:
        x: rows, shape (n, d).
        shares: of each row in each class, shape (n, classes).
        steps: numbers of steps, ascending, from 1.

    Returns:
        For each number of steps, shape (n, classes).

    >>> x, shares = np.array([[0.0], [0.2], [2.0], [2.2]]), np.array([[0.6, 0.4], [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]])
    >>> [one.argmax(axis=1).tolist() for one in log_posteriors(x, shares, [1, 2])]
    [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    found = []
    for step in range(1, steps[-1] + 1):
        logs = _step(x, shares)
        shares = np.exp(logs)
        if step in steps:
            found.append(logs)
    return found


def _step(x: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """One step of EM: the logarithms of new shares, shape (n, classes)."""
    sizes = np.maximum(shares.sum(axis=0), np.finfo(float).tiny)
    means = shares.T @ x / sizes[:, None]
    # within = total - between, which needs no array of rows by classes by dimensions
    centre = x.mean(axis=0)
    between = ((means - centre).T * sizes) @ (means - centre) / len(x)
    within = (x - centre).T @ (x - centre) / len(x) - between
    d = x.shape[1]
    isotropic = max(np.trace(within) / d, 1e-12) * np.eye(d)
    factor = cho_factor((1 - SHRINKAGE) * within + SHRINKAGE * isotropic)
    slopes = cho_solve(factor, means.T)  # (d, classes)
    frequencies = (1 - EQUAL_SHARE) * sizes / len(x) + EQUAL_SHARE / len(sizes)
    return log_softmax(x @ slopes - (means.T * slopes).sum(axis=0) / 2 + np.log(frequencies), axis=1)
