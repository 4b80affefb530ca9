"""Scaling each speaker, or each corpus, by itself: what sounds alike in everybody stays, who it is goes.

It looks at the other recordings of the speaker whose emotion is asked for, though not at their labels. So it is
*transductive*: a score with it answers for somebody of whom a number of recordings is there, and is marked as such.
"""

from dataclasses import replace

import numpy as np

from mer.features import Features

FEWEST = 5
"""rows, to be scaled by themselves; fewer are scaled with all of their corpus"""
SCALED = ("audio", "video")
"""modalities; what somebody says is not divided by what that person usually says"""


def normalised(features: Features, groups: np.ndarray, wider: np.ndarray) -> Features:
    """Return features in which each dimension has mean 0 and deviation 1 within each group; text stays as it is.

    z = (x - mean_g) / deviation_g over the rows of group g where the modality is present; 0 where the group has but
    one value. (Schuller et al. 2010, "Cross-corpus acoustic emotion recognition: variances and strategies", find it
    the best of the simple ways across corpora.)

    Args:
        groups: of the rows, str of shape (rows,).
        wider: the groups that rows are scaled with where theirs has fewer than `FEWEST` rows.
    """
    arrays, present = dict(features.arrays), features.present
    for modality in (name for name in arrays if features.modalities[name] in SCALED):
        values, there = arrays[modality], np.flatnonzero(present[modality])
        scaled = np.zeros(values.shape, np.float32)
        small = np.zeros(len(values), bool)
        for rows in _together(groups, there):
            if len(rows) >= FEWEST:
                scaled[rows] = _standard(values[rows], values[rows])
            else:
                small[rows] = True
        for rows in _together(wider, there):
            if (few := rows[small[rows]]).size:
                scaled[few] = _standard(values[few], values[rows])
        arrays[modality] = scaled
    return replace(features, arrays=arrays)


def _together(groups: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each group."""
    if not len(rows):
        return []
    _, codes = np.unique(groups[rows], return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(codes[order])) + 1)


def _standard(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    mean, deviation = by.mean(axis=0, dtype=np.float64), by.std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-6 * np.maximum(1.0, np.abs(mean))  # what is left of a constant after rounding
    return np.where(constant, 0.0, (values - mean) / np.where(constant, 1.0, deviation))
