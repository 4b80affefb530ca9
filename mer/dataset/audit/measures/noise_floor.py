"""The noise floor of a recording: the spectral shape of its pauses, its hum, and its spectral lines and notches.

A pause carries no emotion. If pauses predict the class, the reason is the channel: the room, the microphone, the mains,
a filter or a codec. The level of the noise is left out. If all files were normalised to the same level of speech, it
depends on how loud the speech was, and therefore on emotion.
"""

import numpy as np
import scipy.fft

QUIET_SHARE = 5
"""The percentile of levels up to which frames are quiet. In closely cut clips, higher ones contain speech."""
HIGHEST_HZ = 8_000.0
"""The highest frequency that is measured, in Hz."""
SHAPE = tuple(f"floor_{band:02}" for band in range(24))
"""The columns of the spectrum of the quiet frames in dB, minus its mean: eight equal bands up to 1 kHz, then 16 bands
of equal ratio up to 8 kHz."""
HUM = tuple(f"hum_{line:02}" for line in range(64))
"""The columns of hum, every 7.8 Hz up to 500 Hz: the floor relative to neighbouring frequencies in dB, minus the
mean."""
LINES = tuple(f"line_{line:03}" for line in range(120))
"""The columns of lines and notches: the same from 500 to 8,000 Hz, as means over 62.5 Hz."""
COLUMNS = (*SHAPE, *HUM, *LINES)

_SHORT_SECONDS, _LONG_SECONDS = 0.032, 0.128
_MAX_FRAMES = 512
"""The largest number of quiet frames of 32 ms."""
_LONG_FRAMES, _LONG_QUIET = 32, 8
"""The number of evenly spaced frames of 128 ms, and of the softest ones among them. The numbers do not depend on the
duration, because the minimum of more frames would be lower."""
_LINE_SHARE = 30
"""The percentile over time of each frequency's power that shows lines and notches."""
_NEIGHBOURS = 15
"""The number of neighbouring frequencies (117 Hz) whose median is subtracted."""
_MIN_POWER = 1e-12
"""The power of digital silence."""


def measure(mono: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return `COLUMNS` of a recording, float64.

    The shape is that of the softest frames. Hum needs frames of 128 ms, but few pauses are as long. Each frequency
    therefore has its own floor, the minimum over the softest frames, as in minimum statistics [Martin 2001].

    Args:
        mono: samples of shape (n,), n >= 1.
        rate_hz: the sampling rate. Frequencies above half of it count as silent.

    >>> hum = 1e-3 * np.sin(2 * np.pi * 50 * np.arange(32_000) / 16_000)
    >>> noise = np.random.default_rng(0).normal(0, 1e-3, 32_000)
    >>> lines = dict(zip(COLUMNS, measure(hum + noise, 16_000)))
    >>> max(lines, key=lines.get), round(50 / 7.8125)
    ('hum_06', 6)
    """
    return np.concatenate([_shape(mono, rate_hz), *_lines(mono, rate_hz)])


def _shape(mono: np.ndarray, rate_hz: int) -> np.ndarray:
    size = 2 * max(1, round(rate_hz * _SHORT_SECONDS / 2))
    frames = _frames(mono, size)
    levels = _decibels(np.einsum("ij,ij->i", frames, frames) / size)
    quiet = _evenly_spaced(np.flatnonzero(levels <= np.percentile(levels, QUIET_SHARE)))
    power = _power(frames[quiet], size).mean(axis=0)
    edges = np.concatenate([np.linspace(0, 1_000, 9)[:-1], np.geomspace(1_000, HIGHEST_HZ, 17)])
    bins = np.searchsorted(np.arange(size // 2 + 1) * rate_hz / size, edges)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    shape = _decibels((sums[bins[1:]] - sums[bins[:-1]]) / np.maximum(np.diff(bins), 1))
    return shape - shape.mean()


def _lines(mono: np.ndarray, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    size = max(2, round(rate_hz * _LONG_SECONDS))
    padded = np.pad(mono, (0, max(0, size - len(mono)))).astype("float32")
    starts = np.linspace(0, len(padded) - size, _LONG_FRAMES).astype(int)
    power = _power(np.lib.stride_tricks.sliding_window_view(padded, size)[starts], size)
    quiet = power[np.argsort(power.sum(axis=1), kind="stable")[:_LONG_QUIET]]
    lowest = (_LONG_FRAMES - 1) * _LINE_SHARE // 100
    hum = _above_neighbours(quiet.min(axis=0))[: len(HUM)]
    lines = (
        _above_neighbours(np.partition(power, lowest, axis=0)[lowest])[len(HUM) :].reshape(len(LINES), -1).mean(axis=1)
    )
    return hum - hum.mean(), lines - lines.mean()


def _above_neighbours(power: np.ndarray) -> np.ndarray:
    """Return a spectrum relative to the median of its neighbourhood, up to `HIGHEST_HZ`; dB."""
    from scipy.ndimage import median_filter  # takes a second to import

    n_frequencies = round(HIGHEST_HZ * _LONG_SECONDS)
    level = _decibels(power[:n_frequencies])
    level = np.pad(level, (0, n_frequencies - len(level)), constant_values=_decibels(0.0))
    return level - median_filter(level, _NEIGHBOURS, mode="mirror")


def _frames(mono: np.ndarray, size: int) -> np.ndarray:
    """Return half-overlapping views of a recording, (frames, size)."""
    padded = np.pad(mono, (0, max(0, size - len(mono)))).astype("float32")
    return np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]


def _evenly_spaced(numbers: np.ndarray) -> np.ndarray:
    return numbers[:: -(-len(numbers) // _MAX_FRAMES)]


def _power(frames: np.ndarray, size: int) -> np.ndarray:
    spectrum = scipy.fft.rfft(frames * np.hanning(size).astype("float32"), axis=1)
    return (spectrum.real**2 + spectrum.imag**2) / size**2


def _decibels(power: np.ndarray | float) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, _MIN_POWER))
