"""Layers at a network's inputs."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def normed_linear(norm: nn.LayerNorm, linear: nn.Linear, x: Tensor) -> Tensor:
    """Return linear(norm(x)); shapes (n, d) -> (n, e). Twice the arithmetic less than that, where x has no gradient.

    W (g * z + b) + c = (W diag(g)) z + (W b + c), where z is x with mean 0 and deviation 1. So the gradients of g and b
    follow from that of the (e, d) weights, and none with respect to the n rows of z is computed for them.

    >>> norm, linear, x = nn.LayerNorm(3), nn.Linear(3, 2), torch.randn(4, 3)
    >>> torch.allclose(normed_linear(norm, linear, x), linear(norm(x)), atol=1e-6)
    True
    """
    z = functional.layer_norm(x, norm.normalized_shape, eps=norm.eps)
    return functional.linear(z, linear.weight * norm.weight, linear.bias + linear.weight @ norm.bias)


class LayerMean(nn.Module):
    """x = sum_l softmax(w)_l x_l over the layers l of an encoder; shapes (n, layers * d) -> (n, d).

    The vectors hold layer 0, then layer 1, and so on. The w start equal, so that the first mean is the plain one.
    Peters et al. 2018 (arXiv:1802.05365, without their factor), as SUPERB reads speech encoders (Yang et al. 2021,
    arXiv:2105.01051).

    >>> LayerMean(2)(torch.tensor([[1.0, 2.0, 3.0, 6.0]])).tolist()
    [[2.0, 4.0]]
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(layers))

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.weights, dim=0) @ x.unflatten(1, (len(self.weights), -1))
