"""A trained network that predicts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mer import models
from mer.features import Features
from mer.params.schema import Training
from mer.training.adaptation.rows import Source
from mer.training.calibration import probabilities
from mer.training.scaling.normaliser import NO_STAGES, Normaliser
from mer.training.scaling.standardise import Standardiser

if TYPE_CHECKING:
    from mer.training.choosing.choice import Choice

MAX_ROWS = 4096
"""The number of rows that are predicted at a time."""


@dataclass
class TrainedNetwork:
    """A trained network; a `TrainedModel`.

    Attributes:
        trained_classes: whether a class was trained, bool of shape (classes,); another one is never predicted.
        history: one dict per epoch: epoch, loss, rate, validation UAR per corpus, mean.
        multi_label: whether classes were trained as occurring together.
        temperature: number by which logits are divided before they become probabilities (calibration.py).
        source: statistics for `training.adaptation`; None if the system does not adapt.
        choice: how the number of epochs was chosen on folds; None without folds.
    """

    network: nn.Module
    standardiser: Standardiser
    trained_classes: np.ndarray
    device: str
    history: list[dict] = field(default_factory=list)
    multi_label: bool = False
    temperature: float = 1.0
    normaliser: Normaliser = NO_STAGES
    source: Source | None = None
    choice: "Choice | None" = None

    def batches(self, features: Features, rows: np.ndarray) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        """Yield rows as `batch_logits` takes them, to be stored if they are predicted more than once."""
        for first in range(0, len(rows), MAX_ROWS):
            inputs, present = tensors(features, rows[first : first + MAX_ROWS], self.standardiser, self.device)
            self.network.check(inputs, present)
            yield inputs, present

    def batch_logits(self, batches: Iterable[tuple[dict[str, Tensor], dict[str, Tensor]]]) -> np.ndarray:
        """Return float64 of shape (rows, classes); -inf for a class that was not trained."""
        self.network.eval()
        parts = [np.zeros((0, len(self.trained_classes)))]
        with torch.inference_mode():
            parts += [self.network(*batch).cpu().double().numpy() for batch in batches]  # MPS has no float64
        logits = np.concatenate(parts)
        logits[:, ~self.trained_classes] = -np.inf
        return logits

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return float64 of shape (len(rows), classes); -inf for a class that was not trained."""
        return self.batch_logits(self.batches(features, rows))

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return class probabilities, float64 of shape (len(rows), classes); each row sums to 1.

        Those of a multi-label model are each class's own probability over their sum.
        """
        return probabilities(self.logits(features, rows) / self.temperature, self.multi_label)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint stores besides the standardiser."""
        weights = {f"network.{name}": value.cpu().numpy() for name, value in self.network.state_dict().items()}
        return {**weights, "trained_classes": self.trained_classes}


@dataclass(frozen=True)
class Shape:
    """What determines the shape of a network besides its training parameters.

    Attributes:
        model: name of the network.
        widths, modalities: input -> width of its vectors; input -> its modality.
        layers: input -> number of encoder layers that its vectors hold.
        classes: number of classes.
        frames: input -> number of frames that its vectors hold.
    """

    model: str
    widths: dict[str, int]
    modalities: dict[str, str]
    layers: dict[str, int]
    classes: int
    frames: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, features: Features, model: str, inputs: Iterable[str], classes: int) -> "Shape":
        """Return the shape of a network for these inputs."""
        names = tuple(inputs)
        layers, frames = (
            {name: count for name, count in counts.items() if name in names}
            for counts in (features.layers, features.frames)
        )
        modalities = {name: features.modalities[name] for name in names}
        return cls(model, features.widths(names), modalities, layers, classes, frames)


def build_network(shape: Shape, training: Training) -> nn.Module:
    """Return an untrained network; its initial weights are drawn from torch's global generator."""
    inputs = models.Inputs(shape.widths, shape.modalities, shape.layers, training.missing, shape.frames)
    return models.build(
        shape.model, inputs, shape.classes, hidden=training.hidden, dropout=training.dropout, gate=training.gate
    )


def tensors(
    features: Features, rows: np.ndarray, standardiser: Standardiser, device: str
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return input -> standardised vectors, and input -> whether it is present."""
    inputs = {name: torch.as_tensor(x, device=device) for name, x in standardiser.apply(features, rows).items()}
    return inputs, {name: torch.as_tensor(features.present[name][rows], device=device) for name in inputs}
