"""Measures of sample values: how finely a recording is quantised, and how its file was cut."""

import numpy as np

COLUMNS = ("bits", "comb", "lead_still_s", "trail_still_s", "click_db",
           *(f"{end}_{step}_db" for end in ("start", "stop") for step in range(3)))  # fmt: skip
"""The columns:

bits: the resolution; 99 % of the samples that are not 0 lie on its grid.
comb: the unevenness of the histogram of 16-bit values beyond chance. Samples that were quantised, scaled and quantised
    again leave values out or use them twice. 0 is even.
lead_still_s, trail_still_s: the time for which the first and the last sample are repeated; 0 below a millisecond.
click_db: the level of the first sample, relative to the first 5 ms.
start_0_db, …, stop_0_db, …: the level differences between the first (last) 5 ms, the adjacent 15 ms, the next 40 ms and
    the next 60 ms. They show fades and cuts within a word.
"""

_MAX_BITS = 24
_OFF_GRID_SHARE = 0.01
"""The share of samples that may lie off the grid, because some processing clips or adds a click."""
_MIN_REACH, _MAX_REACH = 8, 256
"""The smallest and the largest median of 16-bit values up to which the histogram is computed."""
_SMOOTHING = 9
"""The width of the moving average over the histogram, in values."""
_MIN_COMB, _DEVIATIONS = 0.02, 4.0
"""The smallest comb, and the smallest number of standard deviations of chance, that count."""
_MAX_SAMPLES = 2**20
"""The largest number of samples that are counted, evenly spaced, which bounds the memory."""
_MIN_STILL_SECONDS = 0.001
_EDGE_SECONDS = (0.005, 0.02, 0.06, 0.12)
_MIN_POWER = 1e-10


def measure(samples: np.ndarray, mono: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return `COLUMNS` of a recording, float64.

    Args:
        samples: (n, channels), n >= 1, finite, full scale is 1.
        mono: the mean over channels, (n,).
        rate_hz: the sampling rate.

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
    sampled = samples.ravel()[:: -(-samples.size // _MAX_SAMPLES)]
    return np.array([_bits(sampled), _comb(sampled), *still, click, *edges], float)


def _bits(samples: np.ndarray) -> float:
    counts = np.rint(samples[samples != 0].astype(np.float64) * 2 ** (_MAX_BITS - 1)).astype(np.int64)
    counts = counts[counts != 0]
    if not len(counts):
        return 0.0
    steps = np.log2(counts & -counts)
    return _MAX_BITS - np.quantile(steps, _OFF_GRID_SHARE, method="lower")


def _comb(samples: np.ndarray) -> float:
    values = np.rint(samples * 32_768).astype(np.int64)
    if not (values != 0).any():
        return 0.0
    reach = int(min(np.median(np.abs(values[values != 0])), _MAX_REACH))
    if reach < _MIN_REACH:
        return 0.0
    histogram = np.bincount(values[np.abs(values) <= reach] + reach, minlength=2 * reach + 1)
    smooth = np.convolve(np.pad(histogram, _SMOOTHING // 2, mode="edge"), np.full(_SMOOTHING, 1 / _SMOOTHING), "valid")
    if not smooth.any():
        return 0.0
    unevenness = (np.square(histogram - smooth) - smooth).sum() / np.square(
        smooth
    ).sum()  # by chance, the variance equals the mean
    chance = _DEVIATIONS * np.sqrt(2 / len(histogram)) / smooth.mean()
    return unevenness if unevenness > max(_MIN_COMB, chance) else 0.0


def _still(mono: np.ndarray, rate_hz: int) -> float:
    moved = np.flatnonzero(mono != mono[0])
    seconds = (moved[0] if len(moved) else len(mono)) / rate_hz
    return seconds if seconds >= _MIN_STILL_SECONDS else 0.0


def _steps(mono: np.ndarray, rate_hz: int) -> np.ndarray:
    ends = [max(number + 1, round(rate_hz * seconds)) for number, seconds in enumerate(_EDGE_SECONDS)]
    levels = [_level(mono[first:last]) for first, last in zip([0, *ends], ends, strict=False)]
    return np.diff(levels)


def _level(samples: np.ndarray) -> float:
    power = np.square(samples, dtype=np.float64).mean() if len(samples) else 0.0
    return float(10 * np.log10(max(power, _MIN_POWER)))
