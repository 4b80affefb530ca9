"""Random numbers that depend on nothing but a key: the same on every device, in every engine, after every resume.

A generator's state would have to be saved and to be drawn from in one order; here a number is a hash of its key and
its place, so a training that was killed goes on bit by bit, and runs that are trained side by side draw what they
would draw alone.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_FIRST, _SECOND, _STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15
"""multipliers of SplitMix64 (Steele, Lea and Flood 2014), which makes keys"""
_MIX, _REMIX, _STRIDE = 0x7FEB352D, 0x846CA68B, 0x9E3779B9
"""multipliers of the 32-bit finaliser that Wellons found by search (lowbias32, 2018), which makes numbers: processors
multiply 32-bit numbers side by side, and many do not 64-bit ones; the last is 2³² over the golden ratio"""
LEVELS = 256
"""of a random number: a byte, so that one hash makes four"""


def key(*numbers: int) -> int:
    """Return one key for a sequence of numbers, for example seed and epoch; 64 bits, signed.

    >>> key(0, 1) != key(1, 0)
    True
    """
    state = np.zeros(1, np.uint64)
    for number in numbers:
        state = _mixed(state, np.array([number % (1 << 64)], np.uint64))
    return int(state.astype(np.int64)[0])


def keys(*numbers: int, count: int) -> np.ndarray:
    """Return what a step draws by: the lower halves of `key(*numbers, 0)`, `key(*numbers, 1)`, …; int32 (count,).

    Among 100,000 steps a few have keys so close that one's numbers are a part of the other's, at other places.
    """
    begun = np.array([key(*numbers) % (1 << 64)], np.uint64)
    return _mixed(begun, np.arange(count, dtype=np.uint64)).astype(np.uint32).view(np.int32)


def _mixed(state: np.ndarray, number: np.ndarray) -> np.ndarray:
    """A step of SplitMix64 with a number put in; uint64, which wraps around."""
    state = (state ^ number) + np.uint64(_STEP)
    state = (state ^ state >> np.uint64(30)) * np.uint64(_FIRST)
    state = (state ^ state >> np.uint64(27)) * np.uint64(_SECOND)
    return state ^ state >> np.uint64(31)


def _signed(number: int) -> int:
    """A 32-bit pattern as the integer that torch holds it in."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _folded(numbers: Tensor, bits: int) -> Tensor:
    """x ^ x >> bits in place; the shift is made logical by masking the copies of the sign."""
    return numbers.bitwise_xor_((numbers >> bits).bitwise_and_((1 << (32 - bits)) - 1))


def uniform(keys: Tensor, count: int) -> Tensor:
    """Return `count` integers from 0 to 255 by every key, all equally likely; uint8 of shape (..., count).

    Args:
        keys: int32 of shape (...).
    """
    places = torch.arange(-(-count // 4), dtype=torch.int32, device=keys.device).mul_(_signed(_STRIDE))
    words = places + keys[..., None]
    words = _folded(_folded(words, 16).mul_(_signed(_MIX)), 15).mul_(_signed(_REMIX))
    return _folded(words, 16).view(torch.uint8)[..., :count]


def keep(keys: Tensor, count: int, rate: float) -> Tensor:
    """Return what is kept where a share `rate` is not; bool of shape (..., count)."""
    dropped = round(rate * LEVELS)
    if dropped == LEVELS:  # compared with a byte, 256 is 0
        return torch.zeros((*keys.shape, count), dtype=torch.bool, device=keys.device)
    return uniform(keys, count) >= dropped


def multipliers(keys: Tensor, count: int, rate: float | Tensor) -> Tensor:
    """Return 0 for a share `rate`, rounded to a multiple of 1/256, and else 1 / (1 - rate); float32 (..., count).

    Args:
        rate: one for all, or that of each number, shape (count,).
    """
    if isinstance(rate, Tensor):
        dropped = torch.round(rate * LEVELS)
        scale = LEVELS / (LEVELS - dropped).clamp(min=1)
    else:
        dropped = round(rate * LEVELS)
        scale = LEVELS / max(1, LEVELS - dropped)
    return uniform(keys, count).to(torch.float32).ge_(dropped).mul_(scale)  # torch compares bytes far more slowly


class Dropout(nn.Module):
    """Zero a share of the values in training and scale the others by 1 / (1 - share).

    Args:
        width: how many values a row has.
        p: the share.

    Attributes:
        mask: what values are multiplied by, shape (n, width), set before a step by whoever wants to be able to repeat
            it (mer/training/networks/batches.py); while there is none, torch draws.
    """

    mask: Tensor | None

    def __init__(self, width: int, p: float) -> None:
        super().__init__()
        self.width, self.p = width, p
        self.register_buffer("mask", None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return values of the same shape."""
        if not self.training or self.p == 0:
            return x
        if self.mask is None:
            return functional.dropout(x, self.p)
        return x * self.mask.reshape(x.shape)
