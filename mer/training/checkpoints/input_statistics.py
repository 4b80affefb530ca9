"""What a model must carry to be asked about any file, away from its study: how inputs are made, where they usually lie.

How unlike the training data an input is: the share of its numbers that lie outside of where 99.8 % of the training rows
have theirs. A checkpoint keeps these bounds, and the share that one training row in 20 exceeds; it is found with bounds
of other rows, as a row is never far outside of bounds that it has set itself. benchmarks/unlike.py has what it notices,
and what other measures do.
"""

import base64
from collections.abc import Mapping

import numpy as np

from mer.features import Features
from mer.params import schema
from mer.params.features import Input

TAIL = 0.001
"""of the training rows lie below the lower bound of a number, and as many above the upper one"""
SELDOM = 0.05
"""of the training rows are called unlike the others"""
FOLDS, LEAST, MOST, AT_ONCE = 5, 50, 20_000, 256
"""folds of rows; the fewest that say where numbers usually lie; no more are looked at; numbers looked at together"""


def portable(model, features: Features, train: np.ndarray, inputs: Mapping[str, Input], data: schema.Data) -> dict:
    """Return the part of a model's card that prediction on one's own files needs.

    Args:
        model: what `grid.fit` returned.
        train: the rows that it was trained on.

    Returns:
        `inputs`: the parameters of extraction; `usual`: modality -> where its numbers lie, as from `usual`, for those
        that at least 50 rows have.
    """
    modalities = tuple(model.standardiser.moments)
    wanted = {"audio": "acoustic", "text": "linguistic", "video": "visual"}
    sections = {wanted[m]: inputs[m].model_dump(mode="json") for m in modalities}
    seconds = {"min_seconds": data.min_seconds, "max_seconds": data.max_seconds}
    found = {}
    for modality in modalities:
        rows = train[features.present[modality][train]]
        if len(rows) >= LEAST:
            found[modality] = usual(features.arrays[modality], rows[:: -(-len(rows) // MOST)])
    return {"inputs": {**sections, "data": seconds}, "usual": found}


def usual(vectors: np.ndarray, rows: np.ndarray) -> dict:
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
    for first in range(0, width, AT_ONCE):
        values = vectors[rows, first : first + AT_ONCE]
        for n in range(FOLDS):
            beyond[fold == n] += _beyond(values[fold == n], *_bounds(values[fold != n])).sum(axis=1)
        bounds.append(_bounds(values))
    low, high = np.concatenate(bounds, axis=1)
    return {"low": _coded(low), "high": _coded(high), "outside": float(np.quantile(beyond / width, 1 - SELDOM))}


def outside(known: Mapping[str, object], vectors: np.ndarray) -> np.ndarray:
    """Return the share of each vector's numbers that lie outside of the bounds; float64 of shape (n,).

    Args:
        known: as from `usual`, perhaps by way of a file.
        vectors: shape (n, width).

    Raises:
        ValueError: the bounds are none, or of another width.

    >>> known = usual(np.tile(np.arange(100.0)[:, None], (1, 4)), np.arange(100))
    >>> outside(known, np.array([[50, -9, 50, 200], [1, 2, 3, 4]])), known["outside"]
    (array([0.5, 0. ]), 0.0)
    """
    low, high = (np.frombuffer(base64.b64decode(known[name], validate=True), "<f4") for name in ("low", "high"))
    if len(low) != len(high) or len(low) != vectors.shape[1]:
        raise ValueError(f"bounds of {len(low)} and {len(high)} numbers for vectors of {vectors.shape[1]}")
    return _beyond(vectors, low, high).mean(axis=1)


def _bounds(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, (TAIL, 1 - TAIL), axis=0)


def _beyond(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (values < low) | (values > high)


def _coded(values: np.ndarray) -> str:
    """One line of a card instead of one for each number."""
    return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")
