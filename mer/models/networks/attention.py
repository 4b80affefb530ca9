"""Attention over inputs, a baseline."""

import torch
from torch import Tensor, nn

from mer.models.fusion import Fusion
from mer.models.inputs import Inputs
from mer.models.networks.concat import encoders
from mer.models.random_numbers import Dropout


class AttentionFusion(Fusion):
    """A mean of the inputs whose weights depend on all of them.

        h_m    = D(relu(P_m x_m + p_m)), 0 if m is missing          (n, g)
        w      = softmax over the present m of V D(relu(U [h_1; ...] + u)) + v
        logits = C sum_m w_m h_m + c                                (n, classes)

    The attention of MERBench (Lian et al. 2024, arXiv:2401.03429) with shallower encoders, and with the softmax that it
    lacks: the weights of the present inputs sum to 1. If no input is present, the logits are c.

    Args:
        inputs: names, widths and modalities. `zeros` and `learned` are equivalent: nothing is filled in.
        hidden: g.
    """

    handles_missing = True

    def __init__(self, inputs: Inputs, classes: int, hidden: int = 64, dropout: float = 0.1) -> None:
        super().__init__(inputs)
        self.encode = encoders(self.fused, hidden, dropout)
        count = len(self.fused)
        self.weigh = nn.Sequential(
            nn.Linear(hidden * count, hidden), nn.ReLU(), Dropout(hidden, dropout), nn.Linear(hidden, count)
        ) if count > 1 else None  # fmt: skip
        self.classify = nn.Linear(hidden, classes)

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: input -> float of shape (n, width).
            present: input -> bool of shape (n,); None: all are present.
        """
        values, present = self.prepare_inputs(inputs, present)  # (n, d_m) and (n, 1) per input
        h = torch.stack([self.encode[m](x) for m, x in values.items()], dim=1)  # (n, inputs, g)
        mask = None if present is None else torch.cat(list(present.values()), dim=1)  # (n, inputs)
        if mask is not None:
            h = torch.where(mask[:, :, None], h, 0.0)
        if self.weigh is None:
            return self.classify(h[:, 0])  # (n, classes)
        scores = self.weigh(h.flatten(1))  # (n, inputs)
        if mask is not None:
            # Not -inf: the softmax of a row of nothing else would be NaN.
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = torch.softmax(scores, dim=1)  # (n, inputs)
        mean = (weights[:, None] @ h).squeeze(1)  # (n, g)
        return self.classify(mean)  # (n, classes)


NETWORK = AttentionFusion
