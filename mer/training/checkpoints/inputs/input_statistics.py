"""Whether an input is unlike the training rows.

An input is unusual if many of its features lie outside the central 99.8 % of the training rows. The checkpoint stores
these bounds, and the share of outside features that 5 % of the training rows exceed. The share is estimated by
cross-validation: each row is compared with bounds computed from the other rows. benchmarks/unusual_inputs.py compares
this measure with others.
"""

import base64
from collections.abc import Mapping

import numpy as np

from mer.features import Features
from mer.params import schema
from mer.params.features import Input
from mer.training.checkpoints.card import ValueRange

TAIL_SHARE = 0.001
"""The share of the training rows that lie below the lower bound of a feature, and above the upper one."""
UNUSUAL_SHARE = 0.05
"""The share of the training rows that are called unusual."""
FOLDS, MIN_ROWS, MAX_ROWS, BLOCK_COLUMNS = 5, 50, 20_000, 256
"""The number of folds of rows, the smallest number of rows that gives value ranges, the largest number of rows that is
used, and the number of features that are processed together."""


def prediction_fields(features: Features, train: np.ndarray, inputs: Mapping[str, Input], data: schema.Data) -> dict:
    """Return the fields of a card that prediction on a user's own files needs.

    Args:
        features: the features that the model was trained on.
        train: the rows that it was trained on.
        inputs: the model's inputs with their parameters of extraction.

    Returns:
        `extraction`: input -> parameters of extraction; `data`: shortest and longest utterance in seconds;
        `value_ranges`: input -> its `ValueRange`, for inputs that at least 50 rows have and that
        are not frames.
    """
    durations = {"min_seconds": data.min_seconds, "max_seconds": data.max_seconds}
    ranges = {}
    for name in inputs:
        rows = train[features.present[name][train]]
        if len(rows) >= MIN_ROWS and name not in features.frames:  # the values of a frame differ from clip to clip
            ranges[name] = value_range(features.arrays[name], rows[:: -(-len(rows) // MAX_ROWS)])
    extraction = {name: section.model_dump(mode="json") for name, section in inputs.items()}
    return {"extraction": extraction, "data": durations, "value_ranges": ranges}


def value_range(vectors: np.ndarray, rows: np.ndarray) -> ValueRange:
    """Return the value range of some vectors.

    Args:
        vectors: shape (n, width).
        rows: numbers of at least 5 rows.
    """
    fold, beyond, bounds = np.arange(len(rows)) % FOLDS, np.zeros(len(rows)), []
    width = vectors.shape[1]
    for first in range(0, width, BLOCK_COLUMNS):
        values = vectors[rows, first : first + BLOCK_COLUMNS]
        for n in range(FOLDS):
            beyond[fold == n] += _outside(values[fold == n], *_bounds(values[fold != n])).sum(axis=1)
        bounds.append(_bounds(values))
    low, high = np.concatenate(bounds, axis=1)
    share = float(np.quantile(beyond / width, 1 - UNUSUAL_SHARE))
    return ValueRange(low=_encoded(low), high=_encoded(high), outside_share=share)


def outside_share(bounds: ValueRange, vectors: np.ndarray) -> np.ndarray:
    """Return the share of each vector's features that lie outside of the bounds; float64 of shape (n,).

    Args:
        vectors: shape (n, width).

    Raises:
        ValueError: the bounds are invalid or of another width.

    >>> bounds = value_range(np.tile(np.arange(100.0)[:, None], (1, 4)), np.arange(100))
    >>> outside_share(bounds, np.array([[50, -9, 50, 200], [1, 2, 3, 4]])), bounds.outside_share
    (array([0.5, 0. ]), 0.0)
    """
    low, high = (np.frombuffer(base64.b64decode(text, validate=True), "<f4") for text in (bounds.low, bounds.high))
    if len(low) != len(high) or len(low) != vectors.shape[1]:
        raise ValueError(f"bounds of {len(low)} and {len(high)} numbers for vectors of {vectors.shape[1]}")
    return _outside(vectors, low, high).mean(axis=1)


def _bounds(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, (TAIL_SHARE, 1 - TAIL_SHARE), axis=0)


def _outside(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (values < low) | (values > high)


def _encoded(values: np.ndarray) -> str:
    """One line of a card instead of one for each number."""
    return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")
