"""What vectors look like, for people: a plane of them, and what their dimensions follow."""

import numpy as np


def evenly(rows: np.ndarray, most: int = 3000) -> np.ndarray:
    """Return at most so many rows, spread over all.

    >>> evenly(np.arange(10), 3)
    array([0, 4, 9])
    """
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)] if len(rows) else rows


def principal_plane(vectors: np.ndarray) -> np.ndarray:
    """Return standardised vectors on their first two principal components; shape (n, 2)."""
    if len(vectors) < 3:
        return np.zeros((len(vectors), 2))
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    return PCA(2, random_state=0).fit_transform(StandardScaler().fit_transform(vectors))


def explained(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return how much of each dimension's variance lies between groups: eta squared, in [0, 1].

    eta^2 = sum_g n_g (m_g - m)^2 / sum_i (x_i - m)^2; 0 where a dimension does not vary.

    Args:
        vectors: shape (n, width).
        groups: a name for each, shape (n,).

    Returns:
        shape (width,).

    >>> explained(np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 1.0], [1.0, 2.0]]), np.array(["a", "a", "b", "b"]))
    array([1., 0.])
    """
    x = np.asarray(vectors, np.float64)
    total = ((x - x.mean(axis=0)) ** 2).sum(axis=0)
    between = np.zeros(x.shape[1])
    for name in np.unique(groups):
        mine = x[groups == name]
        between += len(mine) * (mine.mean(axis=0) - x.mean(axis=0)) ** 2
    return np.divide(between, total, out=np.zeros_like(total), where=total > 0)
