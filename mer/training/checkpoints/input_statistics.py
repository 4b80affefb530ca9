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

TAIL_SHARE = 0.001
"""of the training rows lie below the lower bound of a number, and as many above the upper one"""
UNUSUAL_SHARE = 0.05
"""of the training rows are called unlike the others"""
FOLDS, MIN_ROWS, MAX_ROWS, BLOCK_COLUMNS = 5, 50, 20_000, 256
"""folds of rows; the fewest that say where numbers usually lie; no more are looked at; numbers looked at together"""


def prediction_fields(
    model, features: Features, train: np.ndarray, inputs: Mapping[str, Input], data: schema.Data
) -> dict:
    """Return the part of a model's card that prediction on one's own files needs.

    Args:
        model: what `grid.fit_job` returned.
        train: the rows that it was trained on.

    Returns:
        `inputs`: input -> parameters of extraction; `data`: shortest and longest clip in seconds; `usual`: input ->
        where its numbers lie, as from `value_ranges`, for inputs that at least 50 rows have.
    """
    modalities = tuple(model.standardiser.moments)
    sections = {name: inputs[name].model_dump(mode="json") for name in modalities}
    seconds = {"min_seconds": data.min_seconds, "max_seconds": data.max_seconds}
    found = {}
    for modality in modalities:
        rows = train[features.present[modality][train]]
        if len(rows) >= MIN_ROWS:
            found[modality] = value_ranges(features.arrays[modality], rows[:: -(-len(rows) // MAX_ROWS)])
    return {"inputs": sections, "data": seconds, "usual": found}


def value_ranges(vectors: np.ndarray, rows: np.ndarray) -> dict:
    """Return where the numbers of some vectors lie.

    Args:
        vectors: shape (n, width).
        rows: at least 5 of them.

    Returns:
        `low`, `high`: the bounds of each number, float32 of shape (width,) as base64; `outside`: the share of a
        vector's numbers outside of them that 5 % of the rows exceed.
    """
    fold, beyond, bounds = np.arange(len(rows)) % FOLDS, np.zeros(len(rows)), []
    width = vectors.shape[1]
    for first in range(0, width, BLOCK_COLUMNS):
        values = vectors[rows, first : first + BLOCK_COLUMNS]
        for n in range(FOLDS):
            beyond[fold == n] += _outside(values[fold == n], *_bounds(values[fold != n])).sum(axis=1)
        bounds.append(_bounds(values))
    low, high = np.concatenate(bounds, axis=1)
    return {
        "low": _encoded(low),
        "high": _encoded(high),
        "outside": float(np.quantile(beyond / width, 1 - UNUSUAL_SHARE)),
    }


def outside_share(ranges: Mapping[str, object], vectors: np.ndarray) -> np.ndarray:
    """Return the share of each vector's numbers that lie outside of the bounds; float64 of shape (n,).

    Args:
        ranges: as from `value_ranges`, perhaps by way of a file.
        vectors: shape (n, width).

    Raises:
        ValueError: the bounds are none, or of another width.

    >>> ranges = value_ranges(np.tile(np.arange(100.0)[:, None], (1, 4)), np.arange(100))
    >>> outside_share(ranges, np.array([[50, -9, 50, 200], [1, 2, 3, 4]])), ranges["outside"]
    (array([0.5, 0. ]), 0.0)
    """
    low, high = (np.frombuffer(base64.b64decode(ranges[name], validate=True), "<f4") for name in ("low", "high"))
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
