"""Scaling of each group of rows, a speaker or a corpus, by itself. This removes differences between groups.

It is *transductive*: it needs several unlabelled recordings of each test speaker or of the test corpus. Tables mark
scores with it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MIN_ROWS = 5
"""The smallest number of rows of a group that is scaled by itself; the rows of a smaller one are scaled with their
corpus."""
UNKNOWN = ""
"""The group of a row whose speaker is unknown; the row is scaled with its corpus."""

Transform = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A function from the values of a group and from which of its rows are wanted to the scaled values of these."""


@dataclass(frozen=True)
class RowGroups:
    """The rows of a task that have an input, and their groups.

    Attributes:
        rows: numbers of the rows that have the input, int64 of shape (n,).
        own: group of each row of the task, str of shape (rows,).
        corpora: the corpus of each row, whose parts of a published split count as corpora; str of shape (rows,).
    """

    rows: np.ndarray
    own: np.ndarray
    corpora: np.ndarray


def scale_groups(values: np.ndarray, groups: RowGroups, transform: Transform) -> np.ndarray:
    """Return the values of which each group is scaled by itself.

    Groups of fewer than `MIN_ROWS` rows, and rows of an unknown group, are scaled as a part of their corpus.

    Args:
        values: shape (rows, width).

    Returns:
        float32 of shape (rows, width); rows that lack the input are zeros.
    """
    scaled, small = np.zeros(values.shape, np.float32), np.zeros(len(values), bool)
    for rows in rows_by_group(groups.own, groups.rows):
        if len(rows) >= MIN_ROWS and groups.own[rows[0]] != UNKNOWN:
            scaled[rows] = transform(values[rows], np.ones(len(rows), bool))
        else:
            small[rows] = True
    for rows in rows_by_group(groups.corpora, groups.rows):
        if small[rows].any():
            scaled[rows[small[rows]]] = transform(values[rows], small[rows])
    return scaled


def rows_by_group(groups: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Return the row numbers of each group, in the order of the groups' names."""
    if not len(rows):
        return []
    _, codes = np.unique(groups[rows], return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(codes[order])) + 1)


def standardised(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return z = (x - mean) / deviation of some rows of a group, float64; 0 for a feature that is constant in it.

    Schuller et al. 2010, "Cross-corpus acoustic emotion recognition: variances and strategies", compare it with other
    methods.
    """
    return apply_moments(values[wanted], *moments(values))


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of each feature, float64 of shape (width,); the deviation of a constant is 0."""
    mean, deviation = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-6 * np.maximum(1.0, np.abs(mean))  # rounding errors of a constant
    return mean, np.where(constant, 0.0, deviation)


def apply_moments(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the values without this mean and deviation, float64; 0 where the deviation is 0."""
    constant = deviation == 0
    return np.where(constant, 0.0, (values - mean) / np.where(constant, 1.0, deviation))
