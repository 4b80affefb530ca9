"""What is left of a recording where nobody speaks: the shape of its noise, its hum, its lines and notches.

A pause carries no emotion. What tells emotions apart there is the channel: the room, the microphone, the mains, a
filter, a codec. The level is left out: where all files were scaled to the same level of speech, the level of the noise
says how loud the speech was, which depends on the emotion.
"""

import numpy as np
import scipy.fft

QUIET_SHARE = 5
"""percentile of the frames' levels up to which they are quiet: where clips were cut close, the next ones hold speech"""
HIGHEST_HZ = 8_000.0
SHAPE = tuple(f"floor_{band:02}" for band in range(24))
"""spectrum of the quiet frames in dB, less its mean: eight equal bands up to 1 kHz, then two thirds of an octave in
three steps each"""
HUM = tuple(f"hum_{line:02}" for line in range(64))
"""up to 500 Hz, every 7.8 Hz: how far the floor stands out of its neighbourhood in dB, less the mean of all that"""
LINES = tuple(f"line_{line:03}" for line in range(120))
"""likewise from 500 to 8,000 Hz, means over 62.5 Hz: lines and notches, which are narrower than any formant"""
COLUMNS = (*SHAPE, *HUM, *LINES)

_SHORT_SECONDS, _LONG_SECONDS = 0.032, 0.128
_MOST_FRAMES = 512
"""of 32 ms: a few seconds of pauses say what there is to say"""
_LONG_FRAMES, _LONG_QUIET = 32, 8
"""of 128 ms, however long the clip is, evenly spaced, and the softest of them: the lowest of more would be lower"""
_LINE_SHARE = 30
"""percentile over time of each frequency's power in which lines and notches stand out"""
_NEAR = 15
"""frequencies, 117 Hz, of which the median is the neighbourhood"""
_FAINT = 1e-12
"""power that counts as digital silence"""


def measure(mono: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return `COLUMNS` of a recording, float64.

    The shape is that of the softest frames. Hum needs frames of 128 ms, and few pauses are as long: there each
    frequency has a floor of its own, its minimum over the softest frames, as in minimum statistics [Martin 2001].

    Args:
        mono: (n,), n >= 1.
        rate_hz: of the samples. What lies above half of it counts as silent.

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
    quiet = _some(np.flatnonzero(levels <= np.percentile(levels, QUIET_SHARE)))
    power = _power(frames[quiet], size).mean(axis=0)
    edges = np.concatenate([np.linspace(0, 1_000, 9)[:-1], np.geomspace(1_000, HIGHEST_HZ, 17)])
    bins = np.searchsorted(np.arange(size // 2 + 1) * rate_hz / size, edges)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    shape = _decibels((sums[bins[1:]] - sums[bins[:-1]]) / np.maximum(np.diff(bins), 1))
    return shape - shape.mean()


def _lines(mono: np.ndarray, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    size = max(2, round(rate_hz * _LONG_SECONDS))
    whole = np.pad(mono, (0, max(0, size - len(mono)))).astype("float32")
    starts = np.linspace(0, len(whole) - size, _LONG_FRAMES).astype(int)
    power = _power(np.lib.stride_tricks.sliding_window_view(whole, size)[starts], size)
    quiet = power[np.argsort(power.sum(axis=1), kind="stable")[:_LONG_QUIET]]
    lowest = (_LONG_FRAMES - 1) * _LINE_SHARE // 100
    hum = _standing_out(quiet.min(axis=0))[: len(HUM)]
    lines = _standing_out(np.partition(power, lowest, axis=0)[lowest])[len(HUM) :].reshape(len(LINES), -1).mean(axis=1)
    return hum - hum.mean(), lines - lines.mean()


def _standing_out(power: np.ndarray) -> np.ndarray:
    """How far a spectrum stands out of the median of its neighbourhood, up to `HIGHEST_HZ`; dB."""
    from scipy.ndimage import median_filter  # takes a second to import

    most = round(HIGHEST_HZ * _LONG_SECONDS)
    level = _decibels(power[:most])
    level = np.pad(level, (0, most - len(level)), constant_values=_decibels(0.0))
    return level - median_filter(level, _NEAR, mode="mirror")


def _frames(mono: np.ndarray, size: int) -> np.ndarray:
    """Views of a recording, half overlapping, (frames, size)."""
    whole = np.pad(mono, (0, max(0, size - len(mono)))).astype("float32")
    return np.lib.stride_tricks.sliding_window_view(whole, size)[:: size // 2]


def _some(numbers: np.ndarray) -> np.ndarray:
    return numbers[:: -(-len(numbers) // _MOST_FRAMES)]


def _power(frames: np.ndarray, size: int) -> np.ndarray:
    spectrum = scipy.fft.rfft(frames * np.hanning(size).astype("float32"), axis=1)
    return (spectrum.real**2 + spectrum.imag**2) / size**2


def _decibels(power: np.ndarray | float) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, _FAINT))
