"""The pooling of an encoder's frames with gradients; the formulas are those of mer/features/pretrained/pooling.py."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mer.params.features import AudioFeatures

MIN_VARIANCE = 1e-8
"""The smallest variance of which a root is taken: that of 0 has no finite slope."""


def mean_deviation(vectors: Tensor, count: int) -> Tensor:
    """Return mean and standard deviation of the vectors of frames that were drawn from a video, shape (2 width,).

    The population variance over all frames is estimated without bias from the drawn ones (Cochran 1977, Sampling
    Techniques, 2.3), so that training and evaluation have the same expectation of it. Of all frames it is exact.

    Args:
        vectors: shape (n, width).
        count: the number of frames of the video, at least n.

    >>> mean_deviation(torch.tensor([[1.0], [3.0]]), 2).tolist()
    [2.0, 1.0]
    """
    variance, mean = torch.var_mean(vectors.float(), dim=0, correction=0)
    drawn = len(vectors)
    if 1 < drawn < count:
        variance = variance * (drawn / (drawn - 1) * (count - 1) / count)
    root = variance.clamp_min(MIN_VARIANCE).sqrt()
    return torch.cat([mean, torch.where(variance > MIN_VARIANCE, root, variance.detach().sqrt())])


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
