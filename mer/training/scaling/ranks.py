r"""Ranks as normal quantiles: a value becomes the quantile of the normal distribution at its share of smaller values.

.. math:: z = \Phi^{-1}\left(\frac{r - 1/2}{n}\right)

with r the rank among n rows, the mean rank for equal values [Hazen 1914, "Storage to be provided in impounding
reservoirs", plotting position]. It removes any monotonic distortion of a feature, and outliers with it.
"""

import numpy as np
from scipy.special import ndtri

TABLE_ROWS = 255
"""The number of quantiles of the training rows that a model stores of each feature."""


def normal_ranks(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of some rows of a group, ranked among all of its rows; a constant becomes 0.

    Args:
        values: of the group, shape (n, width).
        wanted: which rows are returned, bool of shape (n,).

    >>> normal_ranks(np.array([[1.0], [7.0], [2.0], [2.0]]), np.ones(4, bool)).round(2).ravel().tolist()
    [-1.15, 1.15, 0.0, 0.0]
    """
    from scipy.stats import rankdata  # slow to import

    return ndtri((rankdata(values, axis=0)[wanted] - 0.5) / len(values))


def fit_table(values: np.ndarray) -> np.ndarray:
    """Return quantiles of each feature, of the type of the values and of shape (TABLE_ROWS, width), ascending.

    They are values of rows, so that equal values stay equal. Without rows they are 0.
    """
    if not len(values):
        return np.zeros((TABLE_ROWS, values.shape[1]), values.dtype)
    return np.quantile(values, _shares(), axis=0, method="inverted_cdf")


def apply_table(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of values at their share among the rows of a table.

    A value outside of the table becomes its first or last quantile, about 2.9 deviations from 0.

    Args:
        values: shape (n, width).
        table: as from `fit_table`.

    >>> table = fit_table(np.array([[0.0], [0.0], [0.0], [4.0]]))
    >>> apply_table(np.array([[0.0], [4.0]]), table).round(3).ravel().tolist()
    [-0.32, 1.148]
    """
    shares, z = _shares(), np.empty(values.shape)
    for column in range(values.shape[1]):
        x, known = values[:, column], table[:, column]
        below = np.interp(x, known, shares)
        above = -np.interp(-x, -known[::-1], -shares[::-1])
        z[:, column] = (below + above) / 2  # the middle of equal values
    return ndtri(z)


def _shares() -> np.ndarray:
    return (np.arange(TABLE_ROWS) + 0.5) / TABLE_ROWS
