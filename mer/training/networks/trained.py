"""A trained network that answers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from mer import models
from mer.features import Features
from mer.params.schema import Training
from mer.training.calibration import probabilities
from mer.training.scaling.standardise import Standardiser

ROWS = 4096
"""answered at once"""


@dataclass
class Fitted:
    """A trained model.

    Attributes:
        seen: which classes were trained, bool of shape (classes,); another is never answered.
        history: one dict per epoch: epoch, loss, rate, validation UAR per corpus, mean.
        multi_label: whether classes were trained as occurring together.
        temperature: what logits are divided by before they become probabilities (mer/training/calibration.py).
    """

    network: nn.Module
    standardiser: Standardiser
    seen: np.ndarray
    device: str
    history: list[dict] = field(default_factory=list)
    multi_label: bool = False
    temperature: float = 1.0

    def batches(self, features: Features, rows: np.ndarray) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        """Yield rows as `answers` takes them: whoever asks more than once keeps them."""
        for first in range(0, len(rows), ROWS):
            inputs, present = tensors(features, rows[first : first + ROWS], self.standardiser, self.device)
            self.network.check(inputs, present)
            yield inputs, present

    def answers(self, batches: Iterable[tuple[dict[str, Tensor], dict[str, Tensor]]]) -> np.ndarray:
        """Return float64 of shape (rows, classes); -inf for a class that was not trained."""
        self.network.eval()
        parts = [np.zeros((0, len(self.seen)))]
        with torch.inference_mode():
            parts += [self.network(*batch).cpu().double().numpy() for batch in batches]  # MPS has no float64
        found = np.concatenate(parts)
        found[:, ~self.seen] = -np.inf
        return found

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return float64 of shape (len(rows), classes); -inf for a class that was not trained."""
        return self.answers(self.batches(features, rows))

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return class probabilities, float64 of shape (len(rows), classes); each row sums to 1.

        Of a multi-label model they are each class's own probability over their sum.
        """
        return probabilities(self.logits(features, rows) / self.temperature, self.multi_label)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint stores besides the standardiser."""
        weights = {f"network.{name}": value.cpu().numpy() for name, value in self.network.state_dict().items()}
        return {**weights, "seen": self.seen}


def built(model: str, widths: dict[str, int], classes: int, training: Training, layers: dict[str, int]) -> nn.Module:
    """Return a network of the size that the parameters say."""
    return models.build(model, widths, classes, hidden=training.hidden, dropout=training.dropout, gate=training.gate,
                        missing=training.missing, layers=layers)  # fmt: skip


def tensors(
    features: Features, rows: np.ndarray, standardiser: Standardiser, device: str
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return standardised inputs and what is present, by modality."""
    inputs = {m: torch.as_tensor(x, device=device) for m, x in standardiser.apply(features, rows).items()}
    return inputs, {m: torch.as_tensor(features.present[m][rows], device=device) for m in inputs}
