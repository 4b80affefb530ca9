"""Fusion by concatenation, a baseline."""

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.inputs import Inputs
from mer.models.random_numbers import Dropout


def encoders(widths: dict[str, int], hidden: int, dropout: float) -> nn.ModuleDict:
    """Return key -> h = D(relu(P x + p)); shapes (n, width) -> (n, hidden)."""
    return nn.ModuleDict(
        {m: nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), Dropout(hidden, dropout)) for m, d in widths.items()}
    )


class ConcatFusion(Fusion):
    """Project each input, concatenate, and classify by a hidden layer.

        h_m    = D(relu(P_m x_m + p_m))                             (n, g)
        logits = C D(relu(U [h_1; ...] + u)) + c                    (n, classes)

    The model-agnostic fusion of features in Baltrušaitis et al. 2019 (arXiv:1705.09406), in the size of the others.

    Args:
        inputs: names, widths and modalities.
        hidden: g.
    """

    def __init__(self, inputs: Inputs, classes: int, hidden: int = 64, dropout: float = 0.1) -> None:
        super().__init__(inputs)
        self.encode = encoders(self.fused, hidden, dropout)
        self.merge = nn.Sequential(nn.Linear(hidden * len(self.fused), hidden), nn.ReLU(), Dropout(hidden, dropout))
        self.classify = nn.Linear(hidden, classes)

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: input -> float of shape (n, width).
            present: input -> bool of shape (n,); None: all are present.
        """
        values, present = self.prepare_inputs(inputs, present)  # (n, d_m) and (n, 1) per input
        linear = {m: layers[0] for m, layers in self.encode.items()}
        projected = self.first_layer(linear, values, present)  # (n, g)
        encoded = [self.encode[m][1:](x) for m, x in projected.items()]  # (n, g) each
        merged = self.merge(torch.cat(encoded, dim=1))  # (n, g)
        return self.classify(merged)  # (n, classes)


NETWORK = ConcatFusion
