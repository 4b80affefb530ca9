"""Measures of one recording: level, pauses, recording conditions, faults and timbre.

Levels are those of the mean over channels, in dB relative to full scale.
"""

import numpy as np
import scipy.fft

from mer.dataset.audit.measures import noise_floor, sample_values

FRAME_SECONDS = 0.02
"""The length of the frames of which levels are measured, in seconds; frames do not overlap."""
FLOOR_DB = -100.0
"""The lowest level, in dB; digital silence has this level."""
SPEECH_DB = 30.0
"""The level range of speech below the loud frames, in dB, unless noise comes closer."""
ABOVE_NOISE_DB = 6.0
"""The smallest level of speech above noise, in dB."""
MIN_PEAK = 0.1
"""The peak below which samples are not clipped, as a share of full scale."""
CEILING = 0.999
"""The share of full scale above which consecutive samples are clipped, even if a lossy codec has made them unequal."""
MIN_RUN = 3
"""The number of consecutive samples at the extreme that make it a ceiling instead of a peak."""
BANDWIDTH_DB = 60.0
"""The level below the maximum of the mean spectrum that limits the bandwidth, in dB."""
BANDS, LOWEST_HZ, HIGHEST_HZ = 12, 100.0, 7_900.0

TIMBRE = tuple(f"{what}_{band:02}" for what in ("band", "motion") for band in range(BANDS))
"""The columns of timbre: mean and standard deviation over time of each band's energy in dB, minus the mean over
bands."""
COLUMNS = ("seconds", "rate_hz", "channels", "level_db", "spread_db", "loudest_db", "contrast_db", "noise_db", "lead_s",
           "trail_s", "pauses", "end_db", "dc", "clipped", "bandwidth_hz", "weakest_db", "alike", "downmix_db",
           "peak_db", "crest_db", *TIMBRE, *sample_values.COLUMNS, *noise_floor.COLUMNS)  # fmt: skip
"""The columns:

seconds: the duration.
rate_hz, channels: the sampling rate and the number of channels of the file.
level_db, spread_db: mean power of the frames that are speech, and the standard deviation of their levels.
loudest_db: level of the loudest frame.
contrast_db: the difference between the 95th and the 10th percentile of levels.
noise_db: median level of the frames that are not speech.
lead_s, trail_s, pauses: silence before and after speech (s), and its share of the frames between the two.
end_db: level of the last 20 ms, relative to `level_db`.
dc: mean of the samples, as a share of full scale.
clipped: share of samples at a ceiling.
bandwidth_hz: see `BANDWIDTH_DB`.
weakest_db: level of the softest channel relative to the loudest one; 0 for a single channel.
alike: 1 if there are several channels and all are equal.
downmix_db: level of the mean over channels relative to the loudest channel; far below 0 if channels cancel out.
peak_db, crest_db: level of the largest sample, relative to full scale and to `level_db`.
Then come timbre (`TIMBRE`), quantisation and cutting (`sample_values.py`), and the noise floor (`noise_floor.py`).
"""

_WINDOW_SECONDS = 0.032
_BLOCK = 256
"""The number of frames that are transformed at once, which bounds the memory."""


def measure(samples: np.ndarray, rate_hz: int) -> dict[str, float]:
    """Return `COLUMNS` of a recording.

    Args:
        samples: (n, channels), n >= 1, finite, full scale is 1.
        rate_hz: the sampling rate.

    >>> tone = np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)[:, None].astype("float32")
    >>> values = measure(0.5 * tone, 16_000)
    >>> round(values["level_db"], 1), values["lead_s"], values["clipped"], values["alike"]
    (-9.0, 0.0, 0.0, 0.0)
    """
    mono = samples.mean(axis=1)
    measures = {"seconds": len(mono) / rate_hz, "rate_hz": rate_hz, "channels": samples.shape[1], "dc": mono.mean()}
    measures |= _loudness(mono, max(1, round(rate_hz * FRAME_SECONDS)))
    measures |= _spectrum(mono, rate_hz)
    measures |= _channels(samples, mono)
    measures["clipped"] = sum(_at_ceiling(side) for channel in samples.T for side in (channel, -channel)) / samples.size
    measures["peak_db"] = decibels(np.square(mono, dtype=np.float64).max())
    measures["crest_db"] = measures["peak_db"] - measures["level_db"]
    measures |= dict(zip(sample_values.COLUMNS, sample_values.measure(samples, mono, rate_hz), strict=True))
    measures |= dict(zip(noise_floor.COLUMNS, noise_floor.measure(mono, rate_hz), strict=True))
    return {name: float(measures[name]) for name in COLUMNS}


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
    (speech_frames,) = np.nonzero(speech)  # never empty: some frame is at least as loud as the 95th percentile
    level = decibels(power[speech].mean())
    return {
        "level_db": level,
        "spread_db": levels[speech].std(),
        "loudest_db": levels.max(),
        "contrast_db": loud - noise,
        "noise_db": noise if speech.all() else np.median(levels[~speech]),
        "lead_s": speech_frames[0] * FRAME_SECONDS,
        "trail_s": (len(levels) - 1 - speech_frames[-1]) * FRAME_SECONDS,
        "pauses": 1 - speech[speech_frames[0] : speech_frames[-1] + 1].mean(),
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
    """Return the number of samples at the upper ceiling in runs of at least `MIN_RUN`."""
    ceiling = min(channel.max(), CEILING)
    if ceiling < MIN_PEAK:
        return 0
    at = np.concatenate([[False], channel >= ceiling, [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(at))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= MIN_RUN].sum())
