"""The weighted mean over the layers of an encoder."""

import torch
from torch import Tensor, nn


class LayerMean(nn.Module):
    """x = sum_l softmax(w)_l x_l over the layers l of an encoder; shapes (n, layers * d) -> (n, d).

    The vectors hold layer 0, then layer 1, and so on. All w start equal, so that the first mean is the plain one.
    Peters et al. 2018 (arXiv:1802.05365, without their factor), used for speech encoders in SUPERB (Yang et al. 2021,
    arXiv:2105.01051).

    >>> LayerMean(2)(torch.tensor([[1.0, 2.0, 3.0, 6.0]])).tolist()
    [[2.0, 4.0]]
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.weights, dim=0) @ x.unflatten(1, (len(self.weights), -1))
