"""By how much the predictions of an ONNX file differ from those of the checkpoint."""

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer.features import Features
from mer.training.checkpoints import checkpoint as checkpoints
from mer.training.checkpoints.card import Card
from mer.training.checkpoints.folder import Checkpoint
from mer.training.onnx import export

MAX_ROWS = 512
"""The largest number of rows that are compared."""


@dataclass(frozen=True)
class Difference:
    """The comparison of an ONNX file with its checkpoint.

    Attributes:
        rows: the number of predictions that were compared.
        left_out: whether the predictions are repeated without each of the inputs in turn.
        drawn: whether the vectors were drawn at random; else they are those of recordings.
        probability: the largest difference of a probability.
        classes: the number of predictions with another most probable class.
    """

    rows: int
    left_out: bool
    drawn: bool
    probability: float
    classes: int

    def sentence(self) -> str:
        """Return the result in a sentence."""
        of = "drawn vectors" if self.drawn else "utterances of the study"
        again = ", also without each of the inputs in turn" if self.left_out else ""
        return (
            f"In {self.rows:,} predictions from {of}{again}, probabilities differ by at most {self.probability:.1e} "
            f"between onnxruntime and MER, and the most probable class differs in {self.classes}."
        )


def difference(folder: Path, path: Path, features: Features | None = None) -> Difference:
    """Compare an ONNX file with its checkpoint.

    Args:
        folder: the checkpoint.
        path: the file.
        features: vectors of recordings; None draws vectors between the bounds of the training rows.

    Raises:
        ValueError: no row can be predicted.
    """
    model, stored = checkpoints.load(folder)
    own = drawn_features(stored.card) if features is None else features
    rows = np.linspace(0, count := len(next(iter(own.arrays.values()))), min(MAX_ROWS, count), endpoint=False)
    own = _with_missing(own, rows.astype(int), stored)
    rows = np.flatnonzero(stored.predictable(own.present))
    if not len(rows):
        raise ValueError("no row has the inputs that the model needs")
    scaled = checkpoints.normalised(model, stored, own, None)
    expected = checkpoints.predict_normalised(model, stored, scaled, rows)
    actual = export.run(path, own, rows)
    other = int((expected.argmax(axis=1) != actual.argmax(axis=1)).sum())
    return Difference(len(rows), len(own.arrays) > 1, features is None, float(np.abs(expected - actual).max()), other)


def drawn_features(card: Card, rows: int = MAX_ROWS) -> Features:
    """Return vectors drawn evenly between the bounds of the training rows, or between -1 and 1 without bounds."""
    generator, arrays = np.random.default_rng(0), {}
    for name in card.inputs:
        low, high = -np.ones(card.widths[name], np.float32), np.ones(card.widths[name], np.float32)
        if name in card.value_ranges:
            bounds = card.value_ranges[name]
            low, high = (np.frombuffer(base64.b64decode(text), "<f4") for text in (bounds.low, bounds.high))
        arrays[name] = generator.uniform(low, high, (rows, card.widths[name])).astype(np.float32)
        if name in card.frames:  # the last value of a vector is its number of frames
            arrays[name][:, -1] = generator.integers(1, card.frames[name] + 1, rows)
    present = {name: np.ones(rows, bool) for name in card.inputs}
    extractors = {name: spec["extractor"] for name, spec in card.features.items()}
    return Features(arrays, present, extractors, card.layers, card.modalities, card.frames)


def _with_missing(features: Features, rows: np.ndarray, stored: Checkpoint) -> Features:
    """Some rows, and the same rows again without each of the inputs in turn, if the model has several."""
    names = stored.card.inputs
    left_out = [None, *names] if len(names) > 1 else [None]
    present = {name: np.concatenate([features.present[name][rows] & (name != one) for one in left_out])
               for name in names}  # fmt: skip
    arrays = {name: np.concatenate([np.asarray(features.arrays[name][rows])] * len(left_out)) for name in names}
    arrays = {name: values * present[name][:, None] for name, values in arrays.items()}
    return Features(arrays, present, features.extractors, features.layers, features.modalities, features.frames)
