"""Attention over modalities, a baseline."""

import torch
from torch import Tensor, nn

from mer.models.concat import encoders
from mer.models.fusion import Fusion
from mer.models.random_numbers import Dropout


class AttentionFusion(Fusion):
    """A mean of the modalities whose weights depend on all of them.

        h_m    = D(relu(P_m x_m + p_m)), 0 where m is missing       (n, g)
        w      = softmax over the m there of V D(relu(U [h_1; ...] + u)) + v
        logits = C sum_m w_m h_m + c                                (n, classes)

    The attention of MERBench (Lian et al. 2024, arXiv:2401.03429) with shallower encoders, and with the softmax that it
    lacks: the weights of what is there sum to 1. Nothing there is answered by c alone.

    Args:
        widths: modality -> width of its vectors, any subset of audio, video, text.
        hidden: g.
        missing: `none` (all modalities must be there); `zeros` and `learned` are alike, as nothing is filled in.
        layers: modality -> how many layers its vectors hold.
    """

    leaves_out = True

    def __init__(self, widths: dict[str, int], classes: int, hidden: int = 64, dropout: float = 0.1,
                 missing: str = "none", layers: dict[str, int] | None = None) -> None:  # fmt: skip
        super().__init__(widths, missing, layers)
        self.encode = encoders(self.fused, hidden, dropout)
        count = len(self.fused)
        self.weigh = nn.Sequential(
            nn.Linear(hidden * count, hidden), nn.ReLU(), Dropout(hidden, dropout), nn.Linear(hidden, count)
        ) if count > 1 else None  # fmt: skip
        self.classify = nn.Linear(hidden, classes)

    def forward(self, inputs: dict[str, Tensor], present: dict[str, Tensor] | None = None) -> Tensor:
        """Return logits of shape (n, classes).

        Args:
            inputs: modality -> float of shape (n, width).
            present: modality -> bool of shape (n,); None: all are there.
        """
        values, here = self.read(inputs, present)
        h = torch.stack([self.encode[m](value) for m, value in values.items()], dim=1)  # (n, modalities, g)
        there = None if here is None else torch.cat(list(here.values()), dim=1)  # (n, modalities)
        if there is not None:
            h = torch.where(there[:, :, None], h, 0.0)
        if self.weigh is None:
            return self.classify(h[:, 0])
        scores = self.weigh(h.flatten(1))
        if there is not None:
            # Not -inf: the softmax of a row of nothing else would be NaN.
            scores = scores.masked_fill(~there, torch.finfo(scores.dtype).min)
        return self.classify((torch.softmax(scores, dim=1)[:, None] @ h).squeeze(1))
