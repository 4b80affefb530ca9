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
    from torch.nn import functional

    fast = _suits(x) and available()
    return _onednn(x, weight, bias, "none") if fast else functional.linear(x, weight, bias)


def linear_gelu(module: Any, activation: Any, x: Any) -> Any:
    """Return the activation of a linear layer's output, in one pass if it is the exact GELU.

    A layer with a hook computes its output first, so that the hook sees it.
    """
    fused = isinstance(module.forward, partial) and type(activation).__name__ == "GELUActivation"
    if fused and not module._forward_hooks:
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


def _suits(x: Any) -> bool:
    import torch

    return x.device.type == "cpu" and x.dtype == torch.float32


def _forward(module: Any, x: Any) -> Any:
    return linear(x, module.weight, module.bias)


def _onednn(x: Any, weight: Any, bias: Any | None, activation: str) -> Any:
    import torch

    algorithm = "none" if activation == "gelu" else ""  # `none` is the exact GELU, not an approximation
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], algorithm)
