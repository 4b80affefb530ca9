"""Standardise features per speaker or per corpus. This removes differences between speakers.

The method is *transductive*: it needs several unlabelled recordings of each test speaker. Tables mark scores with it.
"""

from dataclasses import replace

import numpy as np

from mer.features import Features

MIN_ROWS = 5
"""The smallest number of rows of a group that is scaled by itself; the rows of a smaller one are scaled with their
corpus."""
SCALED_MODALITIES = ("audio", "video")
"""The modalities that are scaled. Text is not: its words do not depend on the voice or the face of a speaker."""


def normalised(features: Features, groups: np.ndarray, wider: np.ndarray) -> Features:
    """Return features in which each dimension has mean 0 and deviation 1 within each group; text stays as it is.

    z = (x - mean_g) / deviation_g over the rows of group g that have the input; 0 if the feature is constant in the
    group. Schuller et al. 2010, "Cross-corpus acoustic emotion recognition: variances and strategies", compare it with
    other methods.

    Args:
        groups: group of each row, str of shape (rows,).
        wider: group of each row that is used if its own has fewer than `MIN_ROWS` rows, str of shape (rows,).
    """
    arrays, present = dict(features.arrays), features.present
    for name in (name for name in arrays if features.modalities[name] in SCALED_MODALITIES):
        values, rows_with_input = arrays[name], np.flatnonzero(present[name])
        scaled = np.zeros(values.shape, np.float32)
        small = np.zeros(len(values), bool)
        for rows in _rows_by_group(groups, rows_with_input):
            if len(rows) >= MIN_ROWS:
                scaled[rows] = _standardised(values[rows], values[rows])
            else:
                small[rows] = True
        for rows in _rows_by_group(wider, rows_with_input):
            if (few := rows[small[rows]]).size:
                scaled[few] = _standardised(values[few], values[rows])
        arrays[name] = scaled
    return replace(features, arrays=arrays)


def _rows_by_group(groups: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Return the row numbers of each group."""
    if not len(rows):
        return []
    _, codes = np.unique(groups[rows], return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(codes[order])) + 1)


def _standardised(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return values with the mean and deviation of the reference rows removed; 0 for a constant feature."""
    mean, deviation = reference.mean(axis=0, dtype=np.float64), reference.std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-6 * np.maximum(1.0, np.abs(mean))  # rounding errors of a constant
    return np.where(constant, 0.0, (values - mean) / np.where(constant, 1.0, deviation))
