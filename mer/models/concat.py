"""Concatenation, the plainest fusion: a baseline."""

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.random_numbers import Dropout


def encoders(widths: dict[str, int], hidden: int, dropout: float) -> nn.ModuleDict:
    """Return modality -> h = D(relu(P x + p)); shapes (n, width) -> (n, hidden)."""
    return nn.ModuleDict(
        {m: nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), Dropout(hidden, dropout)) for m, d in widths.items()}
    )


class ConcatFusion(Fusion):
    """Project each modality, put one after the other, and classify by a hidden layer.

        h_m    = D(relu(P_m x_m + p_m))                             (n, g)
        logits = C D(relu(U [h_1; ...] + u)) + c                    (n, classes)

    The model-agnostic fusion of features in Baltrušaitis et al. 2019 (arXiv:1705.09406), in the size of the others.

    Args:
        widths: modality -> width of its vectors, any subset of audio, video, text.
        hidden: g.
        missing: `none` (all modalities must be there), `zeros`, or `learned` (a vector per modality).
        layers: modality -> how many layers its vectors hold.
    """

    def __init__(self, widths: dict[str, int], classes: int, hidden: int = 64, dropout: float = 0.1,
                 missing: str = "none", layers: dict[str, int] | None = None) -> None:  # fmt: skip
        super().__init__(widths, missing, layers)
        self.encode = encoders(self.fused, hidden, dropout)
        self.merge = nn.Sequential(nn.Linear(hidden * len(self.fused), hidden), nn.ReLU(), Dropout(hidden, dropout))
        self.classify = nn.Linear(hidden, classes)

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: modality -> float of shape (n, width).
            present: modality -> bool of shape (n,); None: all are there.
        """
        entered = self.enter({m: layers[0] for m, layers in self.encode.items()}, *self.read(inputs, present))
        return self.classify(self.merge(torch.cat([self.encode[m][1:](h) for m, h in entered.items()], dim=1)))
