"""What is measured of one recording: its level, its pauses, how it was recorded, what is broken, how it sounds.

None of it knows the emotion, and all of it is cheap: a hundred hours take some minutes. Levels are in dB relative to
full scale, of the mean over channels.
"""

import numpy as np
import scipy.fft

from mer.dataset.audit.measures import noise_floor
from mer.dataset.audit.measures import sample_values as counted

FRAME_SECONDS = 0.02
"""of the levels, without overlap"""
FLOOR_DB = -100.0
"""what is softer, digital silence above all, counts as this soft"""
SPEECH_DB = 30.0
"""speech lies within this much of the loud frames, unless noise comes closer"""
ABOVE_NOISE_DB = 6.0
AUDIBLE = 0.1
"""peak, as a share of full scale, below which nobody clips and a few equal samples mean nothing"""
CEILING = 0.999
"""of full scale: samples in a row above it are clipped, too, where a lossy codec has made them unequal"""
RUN = 3
"""samples in a row at the extreme that make it a ceiling and not a peak"""
BANDWIDTH_DB = 60.0
"""a recording reaches up to where its mean spectrum falls this far below its highest point"""
BANDS, LOWEST_HZ, HIGHEST_HZ = 12, 100.0, 7_900.0

TIMBRE = tuple(f"{what}_{band:02}" for what in ("band", "motion") for band in range(BANDS))
"""each band's energy over time in dB, less the mean over bands: mean and standard deviation. How it sounds, roughly"""
COLUMNS = ("seconds", "rate_hz", "channels", "level_db", "spread_db", "loudest_db", "contrast_db", "noise_db", "lead_s",
           "trail_s", "pauses", "end_db", "dc", "clipped", "bandwidth_hz", "weakest_db", "alike", "downmix_db",
           "peak_db", "crest_db", *TIMBRE, *counted.COLUMNS, *noise_floor.COLUMNS)  # fmt: skip
"""
seconds
rate_hz, channels: of the file.
level_db, spread_db: mean power of the frames that are speech, and the standard deviation of their levels.
loudest_db: level of the loudest frame.
contrast_db: between the 95th and the 10th percentile of levels: what speech rises above the noise.
noise_db: median level of the frames that are not speech.
lead_s, trail_s, pauses: silence before and after speech, and its share of the frames between the two.
end_db: level of the last frame's length, relative to `level_db`.
dc: mean of the samples, as a share of full scale.
clipped: share of samples at a ceiling.
bandwidth_hz: see `BANDWIDTH_DB`.
weakest_db: level of the softest channel relative to the loudest one; 0 of a single channel.
alike: 1 where there are several channels and all are equal.
downmix_db: level of the mean over channels relative to the loudest channel; far below 0 where channels cancel out.
peak_db, crest_db: of the largest sample, as of full scale and relative to `level_db`.
Then how it sounds (`TIMBRE`), how it was counted and cut (`samples.py`), and what it is where nobody speaks
(`background.py`).
"""

_WINDOW_SECONDS = 0.032
_BLOCK = 256
"""frames transformed at once: they stay in the cache, and an hour needs no more memory than a minute"""


def measure(samples: np.ndarray, rate_hz: int) -> dict[str, float]:
    """Return `COLUMNS` of a recording.

    Args:
        samples: (n, channels), n >= 1, finite, full scale is 1.
        rate_hz: of the samples.

    >>> tone = np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)[:, None].astype("float32")
    >>> found = measure(0.5 * tone, 16_000)
    >>> round(found["level_db"], 1), found["lead_s"], found["clipped"], found["alike"]
    (-9.0, 0.0, 0.0, 0.0)
    """
    mono = samples.mean(axis=1)
    found = {"seconds": len(mono) / rate_hz, "rate_hz": rate_hz, "channels": samples.shape[1], "dc": mono.mean()}
    found |= _loudness(mono, max(1, round(rate_hz * FRAME_SECONDS)))
    found |= _spectrum(mono, rate_hz)
    found |= _channels(samples, mono)
    found["clipped"] = sum(_at_ceiling(side) for channel in samples.T for side in (channel, -channel)) / samples.size
    found["peak_db"] = decibels(np.square(mono, dtype=np.float64).max())
    found["crest_db"] = found["peak_db"] - found["level_db"]
    found |= dict(zip(counted.COLUMNS, counted.measure(samples, mono, rate_hz), strict=True))
    found |= dict(zip(noise_floor.COLUMNS, noise_floor.measure(mono, rate_hz), strict=True))
    return {name: float(found[name]) for name in COLUMNS}


def decibels(power: np.ndarray | float) -> np.ndarray:
    """Return power in dB, not below `FLOOR_DB`.

    >>> decibels(np.array([1.0, 0.01, 0.0])).tolist()
    [0.0, -20.0, -100.0]
    """
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))


def _loudness(mono: np.ndarray, size: int) -> dict[str, float]:
    whole = mono[: len(mono) // size * size] if len(mono) >= size else np.pad(mono, (0, size - len(mono)))
    power = np.square(whole.reshape(-1, size), dtype=np.float64).mean(axis=1)
    levels = decibels(power)
    noise, loud = np.percentile(levels, (10, 95))
    speech = levels > max(loud - SPEECH_DB, min(noise + ABOVE_NOISE_DB, loud - 10))
    (where,) = np.nonzero(speech)  # never empty: some frame is at least as loud as the 95th percentile
    level = decibels(power[speech].mean())
    return {
        "level_db": level,
        "spread_db": levels[speech].std(),
        "loudest_db": levels.max(),
        "contrast_db": loud - noise,
        "noise_db": noise if speech.all() else np.median(levels[~speech]),
        "lead_s": where[0] * FRAME_SECONDS,
        "trail_s": (len(levels) - 1 - where[-1]) * FRAME_SECONDS,
        "pauses": 1 - speech[where[0] : where[-1] + 1].mean(),
        "end_db": decibels(np.square(mono[-size:], dtype=np.float64).mean()) - level,
    }


def _spectrum(mono: np.ndarray, rate_hz: int) -> dict[str, float]:
    half = max(1, round(rate_hz * _WINDOW_SECONDS / 2))
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(mono, half).astype("float32"), 2 * half)[::half]
    taper, hertz = np.hanning(2 * half).astype("float32"), np.arange(half + 1) * rate_hz / (2 * half)
    edges = np.searchsorted(hertz, np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1))
    total, bands = np.zeros(half + 1), np.empty((len(frames), BANDS), "float32")
    for at in range(0, len(frames), _BLOCK):
        spectrum = scipy.fft.rfft(frames[at : at + _BLOCK] * taper, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        total += power.sum(axis=0)
        for band in range(BANDS):
            bands[at : at + _BLOCK, band] = power[:, edges[band] : edges[band + 1]].sum(axis=1)
    (present,) = np.nonzero(total >= total.max() * 10 ** (-BANDWIDTH_DB / 10))
    return {"bandwidth_hz": hertz[present[-1]], **dict(zip(TIMBRE, _timbre(bands), strict=True))}


def _timbre(bands: np.ndarray) -> np.ndarray:
    energy = bands.sum(axis=1)
    loud = max(float(np.percentile(energy, 95)), 1e-9)
    levels = 10 * np.log10(bands[energy >= 1e-3 * min(loud, energy.max())] + 1e-6 * loud)
    levels -= levels.mean(axis=1, keepdims=True)
    return np.concatenate([levels.mean(axis=0), levels.std(axis=0)])


def _channels(samples: np.ndarray, mono: np.ndarray) -> dict[str, float]:
    levels = [decibels(np.square(channel, dtype=np.float64).mean()) for channel in samples.T]
    return {
        "weakest_db": min(levels) - max(levels),
        "alike": len(levels) > 1 and (samples == samples[:, :1]).all(),
        "downmix_db": decibels(np.square(mono, dtype=np.float64).mean()) - max(levels),
    }


def _at_ceiling(channel: np.ndarray) -> int:
    """How many samples lie at the upper ceiling, `RUN` or more in a row."""
    ceiling = min(channel.max(), CEILING)
    if ceiling < AUDIBLE:
        return 0
    at = np.concatenate([[False], channel >= ceiling, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(at))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= RUN].sum())
