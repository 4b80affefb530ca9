"""What every trained model can do, whether it is a network or a classical model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mer.features import Features
from mer.training.adaptation.rows import Source
from mer.training.scaling.normaliser import Normaliser
from mer.training.scaling.standardise import Standardiser

if TYPE_CHECKING:
    from mer.training.choosing.choice import Choice


class TrainedModel(Protocol):
    """A trained model, which predicts rows of a manifest from their features.

    Attributes:
        standardiser: shift and scale of each input, in the order in which the model takes its inputs.
        history: one dict per epoch of a network, or per setting of a classical model.
        temperature: number by which logits are divided before they become probabilities (calibration.py).
        normaliser: the stages of `training.normalisation`. The caller applies it to the features that are predicted,
            because it depends on all rows of a speaker or corpus.
        source: statistics for `training.adaptation`; None if the system does not adapt.
        choice: how the setting was chosen on folds; None without folds.
    """

    standardiser: Standardiser
    history: list[dict]
    temperature: float
    normaliser: Normaliser
    source: Source | None
    choice: "Choice | None"

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return one value per class, float64 of shape (len(rows), classes); -inf for a class that was not trained."""

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return class probabilities, float64 of shape (len(rows), classes); each row sums to 1."""

    def tensors(self) -> Mapping[str, np.ndarray]:
        """Return the arrays that a checkpoint stores besides the standardiser."""
