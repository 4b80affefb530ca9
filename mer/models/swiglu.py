"""The gated linear unit of the networks `flexible_at` and `robust_at`."""

import torch
from torch import Tensor, nn


class SwiGLU(nn.Module):
    """y = silu(W1 x + b1) * (W2 x + b2) (Shazeer 2020, arXiv:2002.05202); shapes (..., d) -> (..., hidden).

    W1 and W2 are one matrix, whose Xavier bounds are therefore those of 2 * hidden outputs, as in the fork.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.both = nn.Linear(width, 2 * hidden)
        nn.init.xavier_uniform_(self.both.weight)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.both(x).chunk(2, dim=-1)
        return torch.nn.functional.silu(gate) * value
