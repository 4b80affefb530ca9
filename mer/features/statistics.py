"""Descriptive statistics of vectors: their principal plane, and the variance of each dimension between groups."""

import numpy as np


def evenly_spaced(rows: np.ndarray, max_rows: int = 3000) -> np.ndarray:
    """Return at most `max_rows` of the rows, evenly spaced.

    >>> evenly_spaced(np.arange(10), 3)
    array([0, 4, 9])
    """
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), max_rows)).astype(int)] if len(rows) else rows


def principal_plane(vectors: np.ndarray) -> np.ndarray:
    """Return standardised vectors on their first two principal components; shape (n, 2).

    All coordinates are 0 for fewer than three vectors, for fewer than two dimensions, and for equal vectors.

    >>> principal_plane(np.ones((4, 3))).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    if min(len(vectors), vectors.shape[1] + 1) < 3 or not np.ptp(vectors, axis=0).any():
        return np.zeros((len(vectors), 2))
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    return PCA(2, random_state=0).fit_transform(StandardScaler().fit_transform(vectors))


def variance_explained(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the share of each dimension's variance that lies between groups: eta squared, in [0, 1].

    eta^2 = sum_g n_g (m_g - m)^2 / sum_i (x_i - m)^2; 0 if a dimension does not vary.

    Args:
        vectors: shape (n, width).
        groups: the group of each vector, shape (n,).

    Returns:
        shape (width,).

    >>> variance_explained(np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 1.0], [1.0, 2.0]]), np.array(["a", "a", "b", "b"]))
    array([1., 0.])
    """
    x = np.asarray(vectors, np.float64)
    total = ((x - x.mean(axis=0)) ** 2).sum(axis=0)
    between = np.zeros(x.shape[1])
    for name in np.unique(groups):
        members = x[groups == name]
        between += len(members) * (members.mean(axis=0) - x.mean(axis=0)) ** 2
    return np.divide(between, total, out=np.zeros_like(total), where=total > 0)
