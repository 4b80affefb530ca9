r"""CORAL: the correlations of each corpus are aligned with those of the training rows.

.. math:: z' = z (R_k + I)^{-1/2} (R + I)^{1/2}

with z the features standardised within corpus k, R_k their correlations there, and R the correlations within the
training corpora together [Sun, Feng and Saenko 2016, "Return of frustratingly easy domain adaptation", AAAI, with their
regularisation I]. There the training rows take on the correlations of the test corpus. Here every corpus takes on those
of the training rows, so that one model serves any test corpus.
"""

import numpy as np

from mer.training.scaling.by_group import RowGroups, rows_by_group, standardised


def apply(values: np.ndarray, groups: RowGroups, root: np.ndarray) -> np.ndarray:
    """Return values of which each corpus is aligned.

    Args:
        values: shape (rows, width).
        root: as from `fit`.

    Returns:
        float32 of shape (rows, width); rows that lack the input are zeros.
    """
    aligned = np.zeros(values.shape, np.float32)
    for rows in rows_by_group(groups.corpora, groups.rows):
        z = standardised(values[rows], np.ones(len(rows), bool))
        finite = np.isfinite(z).all()  # the training refuses other rows if it reads them
        aligned[rows] = z @ _power(z.T @ z / len(z), -0.5) @ root.astype(np.float64) if finite else z
    return aligned


def fit(values: np.ndarray, groups: RowGroups) -> np.ndarray:
    """Return (R + I) to the power 1/2, float32 of shape (width, width).

    Args:
        values: shape (rows, width).
        groups: `rows` are the training rows that have the input.
    """
    width, total = values.shape[1], max(1, len(groups.rows))
    products = np.zeros((width, width))
    for rows in rows_by_group(groups.corpora, groups.rows):
        z = standardised(values[rows], np.ones(len(rows), bool))
        products += z.T @ z
    return _power(products / total, 0.5).astype(np.float32)


def _power(correlations: np.ndarray, exponent: float) -> np.ndarray:
    """The regularised correlations to some power."""
    eigenvalues, vectors = np.linalg.eigh(correlations + np.eye(len(correlations)))
    return (vectors * np.maximum(eigenvalues, 1.0) ** exponent) @ vectors.T
