"""What the samples of one recording give away: how finely they were counted, and how the file was cut."""

import numpy as np

COLUMNS = ("bits", "comb", "lead_still_s", "trail_still_s", "click_db",
           *(f"{end}_{step}_db" for end in ("start", "stop") for step in range(3)))  # fmt: skip
"""
bits: that samples are counted in: 99 of 100 that are not 0 lie on that grid.
comb: how unevenly often neighbouring 16-bit values occur, beyond chance: samples that were counted, scaled and counted
    again leave values out or take them twice. 0 is even.
lead_still_s, trail_still_s: for how long the first and the last sample are repeated; 0 below a millisecond.
click_db: the first sample, relative to the 5 ms that it begins.
start_0_db, …, stop_0_db, …: how much softer the first (last) 5 ms are than the 15 after (before), these than the
    next 40 ms, and these than the next 60. A fade shows here, as does a cut within a word.
"""

_MOST_BITS = 24
_ON_GRID = 0.01
"""share of samples that need not lie on the grid: some processing clips, or adds a click"""
_SMALLEST, _LARGEST = 8, 256
"""16-bit values up to the median one, within these, are counted for the comb: there is none to see in fewer"""
_SMOOTH = 9
_EVEN, _SURE = 0.02, 4.0
"""combs below this, or below so many standard deviations of chance, are none"""
_MOST_SAMPLES = 2**20
"""counted of a recording, evenly spaced: a long one must not take several times its own memory"""
_STILL_SECONDS = 0.001
_EDGE_SECONDS = (0.005, 0.02, 0.06, 0.12)
_FAINT = 1e-10


def measure(samples: np.ndarray, mono: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return `COLUMNS` of a recording, float64.

    Args:
        samples: (n, channels), n >= 1, finite, full scale is 1.
        mono: their mean over channels.
        rate_hz: of the samples.

    >>> fine = np.random.default_rng(0).normal(0, 0.05, 8_000)
    >>> for bits in (16, 12):
    ...     coarse = np.round(fine * 2 ** (bits - 1)) / 2 ** (bits - 1)
    ...     found = measure(coarse[:, None].astype("float32"), coarse, 16_000)
    ...     print(found[0], found[1] > 1)
    16.0 False
    12.0 True
    """
    edges = [*_steps(mono, rate_hz), *_steps(mono[::-1], rate_hz)]
    first = mono[: max(1, round(rate_hz * _EDGE_SECONDS[0]))]
    click = _level(mono[:1]) - _level(first)
    still = [_still(side, rate_hz) for side in (mono, mono[::-1])]
    some = samples.ravel()[:: -(-samples.size // _MOST_SAMPLES)]
    return np.array([_bits(some), _comb(some), *still, click, *edges], float)


def _bits(samples: np.ndarray) -> float:
    counted = np.rint(samples[samples != 0].astype(np.float64) * 2 ** (_MOST_BITS - 1)).astype(np.int64)
    counted = counted[counted != 0]
    if not len(counted):
        return 0.0
    steps = np.log2(counted & -counted)
    return _MOST_BITS - np.quantile(steps, _ON_GRID, method="lower")


def _comb(samples: np.ndarray) -> float:
    values = np.rint(samples * 32_768).astype(np.int64)
    if not (values != 0).any():
        return 0.0
    reach = int(min(np.median(np.abs(values[values != 0])), _LARGEST))
    if reach < _SMALLEST:
        return 0.0
    often = np.bincount(values[np.abs(values) <= reach] + reach, minlength=2 * reach + 1)
    usual = np.convolve(np.pad(often, _SMOOTH // 2, mode="edge"), np.full(_SMOOTH, 1 / _SMOOTH), "valid")
    if not usual.any():
        return 0.0
    beyond = (np.square(often - usual) - usual).sum() / np.square(usual).sum()  # of chance, the variance is the mean
    chance = _SURE * np.sqrt(2 / len(often)) / usual.mean()
    return beyond if beyond > max(_EVEN, chance) else 0.0


def _still(mono: np.ndarray, rate_hz: int) -> float:
    moved = np.flatnonzero(mono != mono[0])
    seconds = (moved[0] if len(moved) else len(mono)) / rate_hz
    return seconds if seconds >= _STILL_SECONDS else 0.0


def _steps(mono: np.ndarray, rate_hz: int) -> np.ndarray:
    ends = [max(number + 1, round(rate_hz * seconds)) for number, seconds in enumerate(_EDGE_SECONDS)]
    levels = [_level(mono[first:last]) for first, last in zip([0, *ends], ends, strict=False)]
    return np.diff(levels)


def _level(part: np.ndarray) -> float:
    power = np.square(part, dtype=np.float64).mean() if len(part) else 0.0
    return float(10 * np.log10(max(power, _FAINT)))
