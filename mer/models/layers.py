"""First layers of networks: which layers of an encoder to listen to, and a normalised linear map."""

import torch
from torch import Tensor, nn
from torch.nn import functional


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


def normed_linear(norm: nn.LayerNorm, linear: nn.Linear, x: Tensor) -> Tensor:
    """Return `linear(norm(x))`; shapes (n, d) -> (n, out).

    Where x is data, nobody wants the gradient with respect to it, and the norm's own follow from that of the weights:
    this spares a product as large as the layer's, a third of its training.
    """
    if x.requires_grad:
        return linear(norm(x))
    plain = functional.layer_norm(x, norm.normalized_shape, eps=norm.eps)
    return _ScaledLinear.apply(plain, norm.weight, norm.bias, linear.weight, linear.bias)


class _ScaledLinear(torch.autograd.Function):
    """y = W (s * x + t) + b, of which no gradient with respect to x is asked.

    With M = (dL/dy)^T x, of the shape of W, and v = the sum of dL/dy over the rows:
    dL/dW = M diag(s) + v t^T, dL/ds = the sums of M * W over outputs, dL/dt = W^T v, dL/db = v.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, scale: Tensor, shift: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.linear(torch.addcmul(shift, x, scale), weight, bias)

    @staticmethod
    def setup_context(ctx, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:4])

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        x, scale, shift, weight = ctx.saved_tensors
        total = gradient.sum(dim=0)
        products = gradient.t() @ x
        of_scale = (products * weight).sum(dim=0)
        return None, of_scale, total @ weight, torch.addcmul(products.mul_(scale), total[:, None], shift), total
