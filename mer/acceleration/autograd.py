"""Layers whose gradients are computed with fewer matrix products than autograd would need.

Inputs of a network are data, so that no gradient with respect to them is needed. Values and gradients with respect to
the parameters are those of the plain layers.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def linear_with_substitute(layer: nn.Linear, x: Tensor, present: Tensor, substitute: Tensor) -> Tensor:
    """Return `layer(torch.where(present, x, substitute))`; shapes (n, d) -> (n, out).

    The gradient of the substitute is computed from the sum over the rows that it replaces. Autograd would compute one
    for every row, which costs as much as the layer itself.

    Args:
        present: bool of shape (n, 1).
        substitute: learned vector of shape (d,).
    """
    constant = substitute.detach()
    gradient_path = functional.linear(substitute - constant, layer.weight.detach())  # zeros that carry the gradient
    return layer(torch.where(present, x, constant)) + torch.where(present, 0.0, gradient_path)


def normed_linear(norm: nn.LayerNorm, linear: nn.Linear, x: Tensor) -> Tensor:
    """Return `linear(norm(x))`; shapes (n, d) -> (n, out).

    If x is data, the gradients of the norm's parameters follow from that of the weights. This saves a product as large
    as the layer's.
    """
    if x.requires_grad:
        return linear(norm(x))
    normalised = functional.layer_norm(x, norm.normalized_shape, eps=norm.eps)
    return _ScaledLinear.apply(normalised, norm.weight, norm.bias, linear.weight, linear.bias)


class _ScaledLinear(torch.autograd.Function):
    """y = W (s * x + t) + b, without a gradient with respect to x.

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
        scale_gradient = (products * weight).sum(dim=0)
        weight_gradient = torch.addcmul(products.mul_(scale), total[:, None], shift)
        return None, scale_gradient, total @ weight, weight_gradient, total
