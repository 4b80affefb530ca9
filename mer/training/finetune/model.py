"""A fusion network with the encoders that were trained with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mer.features import Features
from mer.features.extractor import Unavailable
from mer.training.adaptation.rows import Source
from mer.training.finetune.encoders import Encoder
from mer.training.networks.trained import TrainedNetwork
from mer.training.scaling.normaliser import Normaliser
from mer.training.scaling.standardise import Standardiser

ROWS = 512
"""The number of rows whose recordings an encoder reads at a time in evaluation mode."""


@dataclass
class FinetunedNetwork:
    """A fusion network and encoders; a `TrainedModel`.

    Attributes:
        head: the fusion network on the vectors of all inputs.
        open_encoders: function that returns input -> encoder.
        choice: None, because settings are not chosen on folds: that would take too long.
    """

    head: TrainedNetwork
    open_encoders: Callable[[], Mapping[str, Encoder]]
    choice: None = None

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        """Input -> its trained encoder."""
        return self.open_encoders()

    @property
    def network(self):
        """The fusion network."""
        return self.head.network

    @property
    def standardiser(self) -> Standardiser:
        """Shift and scale of each input."""
        return self.head.standardiser

    @property
    def history(self) -> list[dict]:
        """One dict per epoch."""
        return self.head.history

    @property
    def temperature(self) -> float:
        """The number by which logits are divided before they become probabilities."""
        return self.head.temperature

    @temperature.setter
    def temperature(self, value: float) -> None:
        self.head.temperature = value

    @property
    def normaliser(self) -> Normaliser:
        """The stages of `training.normalisation`; none, because encoders are trained with `normalisation: training`."""
        return self.head.normaliser

    @normaliser.setter
    def normaliser(self, value: Normaliser) -> None:
        self.head.normaliser = value

    @property
    def source(self) -> Source | None:
        """Statistics for `training.adaptation`."""
        return self.head.source

    @source.setter
    def source(self, value: Source | None) -> None:
        self.head.source = value

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return float64 of shape (len(rows), classes); -inf for a class that was not trained."""
        return self.head.logits(self.encoded(features, rows), np.arange(len(rows)))

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return class probabilities, float64 of shape (len(rows), classes); each row sums to 1."""
        return self.head.predict(self.encoded(features, rows), np.arange(len(rows)))

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays of the fusion network; encoders are stored as folders."""
        return self.head.tensors()

    def encoded(self, features: Features, rows: np.ndarray) -> Features:
        """Return the features of some rows with the vectors of the trained encoders.

        If the features have no items of an input, its vectors are those of the trained encoder already
        (mer/evaluation/checkpoint.py and mer/predict extract them so).
        """
        arrays = {name: features.arrays[name][rows] for name in self.standardiser.moments}
        present = {name: features.present[name][rows] for name in arrays}
        for name in [name for name in arrays if name in features.items]:
            numbers = rows[present[name]]
            vectors, valid = _vectors(self.encoders[name], features, name, numbers)
            own = np.zeros((len(rows), vectors.shape[1]), np.float32)
            kept = np.flatnonzero(present[name])[valid]
            own[kept] = vectors[valid]
            arrays[name], present[name] = own, np.isin(np.arange(len(rows)), kept)
        return replace(features, arrays=arrays, present=present, items={})


def _vectors(encoder: Encoder, features: Features, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of rows and which of them are valid; shapes (len(rows), width) and (len(rows),)."""
    items, width = features.items[name], features.arrays[name].shape[1]
    vectors, valid = np.zeros((len(rows), width), np.float32), np.ones(len(rows), bool)
    for first in range(0, len(rows), ROWS):
        part = rows[first : first + ROWS]
        for n, vector in enumerate(encoder.vectors(items.select(part)), first):
            if isinstance(vector, Unavailable):
                valid[n] = False
            else:
                vectors[n] = vector
    return vectors, valid
