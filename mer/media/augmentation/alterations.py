"""Alterations of waveforms: functions of samples at `RATE_HZ` that return samples.

They are those of `augmentation`, of robustness curves, and of the benchmark of the audit's search for altered copies.
"""

from collections.abc import Sequence

import numpy as np
import soxr

from mer.media.audio import RATE_HZ

WINDOW, HOP = 640, 320
"""The length and the distance of the windows of `stretched`, in samples: 40 and 20 ms."""
SEARCH = 160
"""The distance, in samples, within which `stretched` searches for the best fit of a window: 10 ms."""


def sped(samples: np.ndarray, factor: float) -> np.ndarray:
    """Return a recording at another speed, which changes its pitch as well."""
    return soxr.resample(samples, round(1_000_000 * factor), 1_000_000)


def stretched(samples: np.ndarray, factor: float) -> np.ndarray:
    """Return a recording shortened by a factor at the same pitch: 40-ms windows are overlapped at their best fit.

    This is overlap-add by waveform similarity [Verhelst and Roelands 1993]. It keeps the shape of each period. A phase
    vocoder changes the phases between harmonics, and with them the measures of voice quality that features hold.
    """
    taper = np.hanning(WINDOW)
    padded = np.pad(samples, (WINDOW, 4 * WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)
    out, weight = np.zeros((2, int(len(samples) / factor) + WINDOW))
    last = None
    for start in range(0, len(out) - WINDOW, HOP):
        at = int(start * factor) + WINDOW
        if last is not None:
            near = np.clip(at + np.arange(-SEARCH, SEARCH + 1, 2), 0, len(windows) - 1)
            at = int(near[np.argmax(windows[near] @ windows[min(last + HOP, len(windows) - 1)])])
        out[start : start + WINDOW] += taper * windows[at]
        weight[start : start + WINDOW] += taper
        last = at
    return (out / np.maximum(weight, 1e-3))[:-WINDOW]


def transposed(samples: np.ndarray, factor: float, stretch=stretched) -> np.ndarray:
    """Return a recording with its pitch raised by a factor, at about the same length.

    It is resampled and stretched to its length, so that formants move with the pitch, as in a smaller or larger person.
    """
    return stretch(sped(samples, factor), 1 / factor)


def mixed(samples: np.ndarray, other: np.ndarray, decibels: float = 10.0) -> np.ndarray:
    """Return a recording mixed with another sound.

    Args:
        samples: shape (n,).
        other: is repeated or cut to n samples.
        decibels: level of the recording above the other sound, in dB, over all samples.
    """
    other = np.resize(other, len(samples))
    return samples + other * np.sqrt(np.mean(samples**2) / (np.mean(other**2) + 1e-20)) * 10 ** (-decibels / 20)


def pink_noise(length: int, generator: np.random.Generator) -> np.ndarray:
    """Return noise with equal energy in each octave; shape (length,)."""
    spectrum = np.fft.rfft(generator.normal(size=length))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), length)


def babble(length: int, voices: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Return several voices at once, at the same level each, from random positions on; shape (length,)."""
    mixture = np.zeros(length)
    for voice in voices:
        segment = np.resize(np.roll(voice, generator.integers(max(1, len(voice)))), length)
        mixture += segment / (np.sqrt(np.mean(segment**2)) + 1e-10)
    return mixture


def reverberated(samples: np.ndarray, t60: float, decibels: float, generator: np.random.Generator) -> np.ndarray:
    """Return a recording in a synthetic room: direct sound, followed by noise that decays exponentially.

    Args:
        samples: shape (n,).
        t60: time in which the noise decays by 60 dB, in seconds.
        decibels: level of the direct sound above the noise, in dB.
    """
    import scipy.signal  # takes half a second

    size = round(RATE_HZ * t60)
    tail = generator.normal(size=size) * 10 ** (-3 * np.arange(size) / RATE_HZ / t60)
    tail *= 10 ** (-decibels / 20) / np.linalg.norm(tail)
    return scipy.signal.fftconvolve(samples, np.concatenate([[1], tail]))[: len(samples)]


def amplified(samples: np.ndarray, decibels: float) -> np.ndarray:
    """Return a recording at another level; what exceeds full scale is clipped.

    >>> amplified(np.array([0.1, -0.4]), 20.0)
    array([ 1., -1.])
    """
    return np.clip(samples * 10 ** (decibels / 20), -1.0, 1.0)


def at_level_of(samples: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return samples with the mean square of others."""
    return samples * np.sqrt(np.mean(reference**2) / (np.mean(samples**2) + 1e-20))
