"""Random numbers that depend on nothing but a key: the same on every device, in every engine, after every resume.

A generator's state would have to be saved and to be drawn from in one order; here a number is a hash of its key and
its place, so a training that was killed goes on bit by bit, and runs that are trained side by side draw what they
would draw alone.
"""

import math

import torch
from torch import Tensor, nn

_FIRST, _SECOND, _STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15
"""multipliers of SplitMix64 (Steele, Lea and Flood 2014)"""
LEVELS = 256
"""of a random number: a byte, so that one hash makes eight"""


def _signed(number: int) -> int:
    """A 64-bit pattern as the integer that torch holds it in."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _hashed(numbers: Tensor) -> Tensor:
    """SplitMix64's finaliser, in place; a shift is made logical by masking the copies of the sign."""
    numbers.bitwise_xor_((numbers >> 30).bitwise_and_((1 << 34) - 1)).mul_(_signed(_FIRST))
    numbers.bitwise_xor_((numbers >> 27).bitwise_and_((1 << 37) - 1)).mul_(_signed(_SECOND))
    return numbers.bitwise_xor_((numbers >> 31).bitwise_and_((1 << 33) - 1))


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
    """Return `count` integers from 0 to 255, all equally likely; shape (count,), uint8.

    Args:
        keys: one key, int64 of shape ().
    """
    places = torch.arange(-(-count // 8), device=keys.device).mul_(_signed(_STEP))
    return _hashed(keys + places).view(torch.uint8)[:count]


def keep(keys: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
    """Return what is kept where a share `rate` is not; bool of this shape."""
    dropped = round(rate * LEVELS)
    if dropped == LEVELS:  # compared with a byte, 256 is 0
        return torch.zeros(shape, dtype=torch.bool, device=keys.device)
    return uniform(keys, math.prod(shape)).reshape(shape) >= dropped


class Dropout(nn.Module):
    """Zero a share of the values in training and scale the others by 1 / (1 - share); the key decides which.

    Args:
        p: the share, rounded to a multiple of 1/256.
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
        kept = LEVELS - round(self.p * LEVELS)
        return x * keep(self.key, x.shape, self.p).to(x.dtype).mul_(LEVELS / max(1, kept))
