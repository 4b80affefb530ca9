"""Random numbers that depend on a key only: the same on every device, in every engine and after an interruption.

Each number is a hash of its key and its position. A generator would have a state, which would have to be saved, and an
order in which numbers are drawn. A killed training therefore resumes with the same bits, and the jobs of a stack draw
the same numbers as single jobs.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_FIRST, _SECOND, _STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15
"""The multipliers of SplitMix64 (Steele, Lea and Flood 2014), which computes keys."""
_MIX, _REMIX, _STRIDE = 0x7FEB352D, 0x846CA68B, 0x9E3779B9
"""The multipliers of lowbias32 (Wellons 2018), which computes numbers, and 2³² divided by the golden ratio. Many
processors multiply several 32-bit numbers at once, but not several 64-bit numbers."""
LEVELS = 256
"""The number of values of a random number, which is a byte: one hash gives four."""


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
    """Return the keys of training steps: the lower halves of `key(*numbers, 0)`, `key(*numbers, 1)`, …; int32 (count,).

    A few of 100,000 steps have keys so close that the numbers of one are among those of the other, at other positions.
    """
    state = np.array([key(*numbers) % (1 << 64)], np.uint64)
    return _mixed(state, np.arange(count, dtype=np.uint64)).astype(np.uint32).view(np.int32)


def _mixed(state: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return the state after one step of SplitMix64 with a number added; uint64, which wraps around."""
    state = (state ^ number) + np.uint64(_STEP)
    state = (state ^ state >> np.uint64(30)) * np.uint64(_FIRST)
    state = (state ^ state >> np.uint64(27)) * np.uint64(_SECOND)
    return state ^ state >> np.uint64(31)


def _signed(number: int) -> int:
    """Return a 32-bit pattern as a signed integer, as torch stores it."""
    return (number + (1 << 31)) % (1 << 32) - (1 << 31)


def _folded(numbers: Tensor, bits: int) -> Tensor:
    """Replace x by x ^ x >> bits and return it. The mask removes copies of the sign, so that the shift is logical."""
    return numbers.bitwise_xor_((numbers >> bits).bitwise_and_((1 << (32 - bits)) - 1))


def uniform(keys: Tensor, count: int) -> Tensor:
    """Return `count` equally likely integers from 0 to 255 for each key; uint8 of shape (..., count).

    Args:
        keys: int32 of shape (...).
    """
    positions = torch.arange(-(-count // 4), dtype=torch.int32, device=keys.device).mul_(_signed(_STRIDE))
    hashes = positions + keys[..., None]
    hashes = _folded(_folded(hashes, 16).mul_(_signed(_MIX)), 15).mul_(_signed(_REMIX))
    return _folded(hashes, 16).view(torch.uint8)[..., :count]


def keep(keys: Tensor, count: int, rate: float) -> Tensor:
    """Return which values are kept if a share `rate` is dropped; bool of shape (..., count)."""
    dropped = round(rate * LEVELS)
    if dropped == LEVELS:  # as a byte, 256 would be 0
        return torch.zeros((*keys.shape, count), dtype=torch.bool, device=keys.device)
    return uniform(keys, count) >= dropped


def multipliers(keys: Tensor, count: int, rate: float | Tensor) -> Tensor:
    """Return 0 for a share `rate`, rounded to a multiple of 1/256, and 1 / (1 - rate) otherwise; float32 (..., count).

    Args:
        rate: share for all numbers, or of each number, shape (count,).
    """
    if isinstance(rate, Tensor):
        dropped = torch.round(rate * LEVELS)
        scale = LEVELS / (LEVELS - dropped).clamp(min=1)
    else:
        dropped = round(rate * LEVELS)
        scale = LEVELS / max(1, LEVELS - dropped)
    return uniform(keys, count).to(torch.float32).ge_(dropped).mul_(scale)  # torch compares floats faster than bytes


class Dropout(nn.Module):
    """Set a share of the values to zero in training, and multiply the others by 1 / (1 - share).

    Args:
        width: number of values of a row.
        p: the share, in [0, 1).

    Attributes:
        mask: factor of each value, shape (n, width). Training sets it before each step, so that the step can be
            repeated (mer/training/networks/batches.py). Without a mask, torch draws one.
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
