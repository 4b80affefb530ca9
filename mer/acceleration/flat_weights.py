"""All parameters of a network as one vector: a training step is a dozen operations instead of a dozen per parameter."""

import torch
from torch import Tensor, nn


def flatten_parameters(parameters: list[nn.Parameter]) -> nn.Parameter:
    """Return a vector of all parameters, which are views of its parts from then on."""
    vector = torch.cat([p.detach().reshape(-1) for p in parameters])
    for parameter, values in zip(parameters, vector.split([p.numel() for p in parameters]), strict=True):
        parameter.data = values.view_as(parameter)
    return nn.Parameter(vector)


def set_clipped_gradient(vector: nn.Parameter, gradients: tuple[Tensor, ...], max_norm: float) -> None:
    """Write the parameters' gradients into `vector.grad`, scaled so that their norm is at most `max_norm`."""
    with torch.no_grad():
        torch.cat([gradient.reshape(-1) for gradient in gradients], out=vector.grad)
        norm = torch.linalg.vector_norm(vector.grad)
        vector.grad.mul_((max_norm / (norm + 1e-6)).clamp_(max=1.0))
