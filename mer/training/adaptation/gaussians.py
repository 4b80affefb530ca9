r"""Class-conditional Gaussians of a target's features, found by EM without a gradient and without labels.

The features of the unlabelled rows are standardised and projected to their first principal components. The model's
probabilities say how much each row belongs to each class; from these shares follow a mean of each class and one common
covariance (the M-step), and from the Gaussians the probabilities of the classes (the E-step), which the model's own are
then multiplied with (`adaptation.adapt`). A class that a row does not look like is so corrected by what the rows that
the model is sure about look like.

The features are those of the target alone. Gaussians of the model's logits, which are fewer numbers, would be simpler,
but the classes of another corpus lie elsewhere in that space (`benchmarks/adaptation.py`).
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

DIMENSIONS, ROWS_PER_DIMENSION = 30, 4
"""The largest number of principal components, and the smallest number of rows for each of them."""
SHRINKAGE = 0.1
"""The share of the covariance that is replaced by the mean variance in all directions, so that it can be inverted."""


def components(vectors: np.ndarray) -> np.ndarray:
    """Return the first principal components of rows, each feature standardised on these rows; shape (n, d).

    Args:
        vectors: shape (n, width), n at least 2.
    """
    x = vectors - vectors.mean(axis=0, dtype=np.float64)
    deviation = x.std(axis=0)
    x = x / np.where(deviation > 1e-8, deviation, np.inf)
    count = max(1, min(DIMENSIONS, len(x) // ROWS_PER_DIMENSION, x.shape[1]))
    if x.shape[1] < len(x):
        _, axes = np.linalg.eigh(x.T @ x)
        return x @ axes[:, ::-1][:, :count]
    values, axes = np.linalg.eigh(x @ x.T)
    return (axes * np.sqrt(np.maximum(values, 0)))[:, ::-1][:, :count]


def log_posteriors(x: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return logarithms of the classes' probabilities by Gaussians that are fitted to shares; classes count alike.

    Args:
        x: rows, shape (n, d).
        shares: of each row in each class, shape (n, classes).

    Returns:
        Shape (n, classes).

    >>> x, shares = np.array([[0.0], [0.2], [2.0], [2.2]]), np.array([[0.6, 0.4], [0.9, 0.1], [0.1, 0.9], [0.4, 0.6]])
    >>> log_posteriors(x, shares).argmax(axis=1)
    array([0, 0, 1, 1])
    """
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
    scores = x @ slopes - (means.T * slopes).sum(axis=0) / 2
    return scores - logsumexp(scores, axis=1, keepdims=True)
