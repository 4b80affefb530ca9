"""Attention over the frames of an encoder."""

import torch
from torch import Tensor, nn

from mer.models.layer_mean import LayerMean


class FrameAttention(nn.Module):
    """A weighted mean over the frames of a recording, with learned weights; shapes (n, width) -> (n, d).

        x_t = mean over layers l of x_tl, with learned weights (`LayerMean`)
        a   = softmax over the recording's frames t of v . x_t
        h   = sum_t a_t x_t

    All v start at 0, so that the first mean is the plain one. Self-attentive pooling with one head and without a hidden
    layer (Lin et al. 2017, arXiv:1703.03130). Rows without frames give the plain mean.

    A vector holds `frames` times all layers of a frame one after the other, and then the number of frames that the
    recording has. Values of the frames after these do not matter.

    >>> attention = FrameAttention(frames=3, layers=1, width=2)
    >>> attention(torch.tensor([[1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 2.0]])).tolist()
    [[2.0, 3.0]]
    """

    def __init__(self, frames: int, layers: int, width: int) -> None:
        super().__init__()
        self.frames = frames
        self.average = LayerMean(layers) if layers > 1 else None
        self.direction = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        counts, frames = x[:, -1:], x[:, :-1].unflatten(1, (self.frames, -1))  # (n, 1), (n, frames, layers * d)
        if self.average is not None:
            frames = self.average(frames.flatten(0, 1)).unflatten(0, (-1, self.frames))  # (n, frames, d)
        beyond = torch.arange(self.frames, device=x.device) >= counts  # (n, frames)
        frames = frames.masked_fill((beyond & (counts > 0))[:, :, None], 0.0)
        # Not -inf: the softmax of a row of nothing else would be NaN.
        scores = (frames @ self.direction).masked_fill(beyond, torch.finfo(x.dtype).min)
        return (torch.softmax(scores, dim=1)[:, None] @ frames).squeeze(1)
