"""Linear layers by oneDNN on a CPU.

PyTorch computes linear layers with MKL, which uses AVX-512 on Intel's processors only. oneDNN, which is part of PyTorch
as well, uses it on all. Both compute in float32, and results differ by the rounding of sums.
"""

from functools import cache, partial
from typing import Any

TOLERANCE = 1e-4
"""The largest difference, in a product of sums of 64 normal numbers, at which oneDNN is used."""


def accelerate(model: Any) -> None:
    """Let the linear layers of a network on the CPU compute with oneDNN, if this PyTorch can."""
    import torch

    if not available():
        return
    for module in model.modules():
        if type(module) is torch.nn.Linear and _suits(module.weight):
            module.forward = partial(_forward, module)


def linear(x: Any, weight: Any, bias: Any | None) -> Any:
    """Return x @ weight.T + bias, shapes (..., n) -> (..., m); by oneDNN for float32 on a CPU if this PyTorch can."""
    import torch
    from torch.nn import functional

    if not (_suits(x) and available()):
        return functional.linear(x, weight, bias)
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias)):
        rows = _differentiable()(x.reshape(-1, x.shape[-1]), weight, bias)
        return rows.view(*x.shape[:-1], len(weight))  # outside of the function, so that it may be changed in place
    return _onednn(x, weight, bias, "none")


def linear_gelu(module: Any, activation: Any, x: Any) -> Any:
    """Return the activation of a linear layer's output, in one pass if it is the exact GELU.

    A layer with a hook computes its output first, so that the hook sees it.
    """
    import torch

    fused = isinstance(module.forward, partial) and type(activation).__name__ == "GELUActivation"
    if fused and not module._forward_hooks and not torch.is_grad_enabled():
        return _onednn(x, module.weight, module.bias, "gelu")
    return activation(module(x))


@cache
def available() -> bool:
    """Return whether this PyTorch has the operation of oneDNN, and whether its results are those of PyTorch."""
    import torch

    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(shape, generator=generator) for shape in ((3, 5, 64), (32, 64), (32,)))
    expected = torch.nn.functional.linear(x, weight, bias)
    try:
        with torch.inference_mode():
            plain, fused = (_onednn(x, weight, bias, name) for name in ("none", "gelu"))
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return False
    pairs = ((plain, expected), (fused, torch.nn.functional.gelu(expected)))
    return all(got.shape == want.shape and bool((got - want).abs().max() < TOLERANCE) for got, want in pairs)


@cache
def _differentiable() -> Any:
    """Return the linear layer of (rows, n) with gradients, which oneDNN's operation has not: each is a product, too."""
    import torch

    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, bias: Any | None) -> Any:
            ctx.save_for_backward(x, weight)
            ctx.has_bias = bias is not None
            return _onednn(x, weight, bias, "none")

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> tuple[Any, Any, Any]:
            x, weight = ctx.saved_tensors
            of_x = of_weight = of_bias = None
            if ctx.needs_input_grad[0]:
                of_x = _onednn(gradient, weight.t().contiguous(), None, "none")
            if ctx.needs_input_grad[1]:
                of_weight = _onednn(gradient.t().contiguous(), x.t().contiguous(), None, "none")
            if ctx.has_bias and ctx.needs_input_grad[2]:
                of_bias = gradient.sum(dim=0)
            return of_x, of_weight, of_bias

    return Linear.apply


def _suits(x: Any) -> bool:
    import torch

    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def _forward(module: Any, x: Any) -> Any:
    return linear(x, module.weight, module.bias)


def _onednn(x: Any, weight: Any, bias: Any | None, activation: str) -> Any:
    import torch

    algorithm = "none" if activation == "gelu" else ""  # `none` is the exact GELU, not an approximation
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], algorithm)
