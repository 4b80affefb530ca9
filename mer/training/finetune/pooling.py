"""The pooling of an encoder's frames with gradients; the formulas are those of mer/features/pretrained/pooling.py."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mer.params.features import AudioFeatures

MIN_VARIANCE = 1e-8
"""The smallest variance of which a root is taken: that of 0 has no finite slope."""


def vector(layers: Sequence[Tensor], section: AudioFeatures) -> Tensor:
    """Return the vector of a recording, shape (width,): for each layer the mean, then the deviation, or frames.

    Args:
        layers: the frames of each layer that is read, shape (frames, width).
        section: the parameters of the input.
    """
    if section.keep == "frames":
        return frames(torch.stack(list(layers), dim=1).float(), section.max_frames)
    parts = []
    for layer in layers:
        variance, mean = torch.var_mean(layer.float(), dim=0, correction=0)
        parts += [mean] if section.pooling == "mean" else [mean, variance.clamp_min(MIN_VARIANCE).sqrt()]
    return torch.cat(parts)


def frames(states: Tensor, limit: int) -> Tensor:
    """Return at most `limit` means over neighbouring frames one after the other, and their number.

    Args:
        states: shape (frames, layers, width).

    >>> frames(torch.tensor([[[1.0]], [[3.0]], [[5.0]]]), 2).tolist()
    [2.0, 5.0, 2.0]
    """
    count = len(states)
    size = -(-count // limit)
    groups = -(-count // size)
    padded = functional.pad(states, (0, 0, 0, 0, 0, groups * size - count))
    sizes = torch.full((groups,), size, device=states.device)
    sizes[-1] = count - (groups - 1) * size
    means = padded.unflatten(0, (groups, size)).sum(dim=1) / sizes[:, None, None]
    values = functional.pad(means.flatten(), (0, (limit - groups) * states[0].numel()))
    return torch.cat([values, values.new_full((1,), groups)])
