"""Random numbers that depend on nothing but a key: the same on every device, in every engine, after every resume.

A generator's state would have to be saved and to be drawn from in one order; here a number is a hash of its key and
its place, so a training that was killed goes on bit by bit, and runs that are trained side by side draw what they
would draw alone.
"""

import torch
from torch import Tensor, nn

_FIRST, _SECOND, _STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15
"""multipliers of SplitMix64 (Steele, Lea and Flood 2014)"""
LEVELS = 1 << 16


def _signed(number: int) -> int:
    """A 64-bit pattern as the integer that torch holds it in."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _hashed(numbers: Tensor) -> Tensor:
    """SplitMix64's finaliser; a shift is made logical by masking the copies of the sign."""
    numbers = (numbers ^ ((numbers >> 30) & ((1 << 34) - 1))) * _signed(_FIRST)
    numbers = (numbers ^ ((numbers >> 27) & ((1 << 37) - 1))) * _signed(_SECOND)
    return numbers ^ ((numbers >> 31) & ((1 << 33) - 1))


def key(*numbers: int) -> int:
    """Return one key for a sequence of numbers, for example seed, step and number of the layer.

    >>> key(0, 1) != key(1, 0)
    True
    """
    state = 0
    for number in numbers:
        state = (state ^ number) + _STEP & (1 << 64) - 1
        state = (state ^ state >> 30) * _FIRST & (1 << 64) - 1
        state = (state ^ state >> 27) * _SECOND & (1 << 64) - 1
        state ^= state >> 31
    return _signed(state)


def uniform(keys: Tensor, count: int) -> Tensor:
    """Return `count` integers from 0 to 65,535, all equally likely; shape (count,), int64.

    Args:
        keys: one key, int64 of shape ().
    """
    hashed = _hashed(keys + torch.arange(-(-count // 4), device=keys.device) * _signed(_STEP))
    quarters = torch.stack([(hashed >> shift) & (LEVELS - 1) for shift in (0, 16, 32, 48)], dim=-1)
    return quarters.flatten()[:count]


class Dropout(nn.Module):
    """Zero a share `p` of the values in training and scale the others by 1/(1-p); the key decides which.

    Args:
        p: a multiple of 1/65,536 is exact.
    """

    key: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("key", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return values of the same shape."""
        if not self.training or self.p == 0:
            return x
        kept = uniform(self.key, x.numel()).reshape(x.shape) >= round(self.p * LEVELS)
        return x * (kept.to(x.dtype) / (1 - self.p))
