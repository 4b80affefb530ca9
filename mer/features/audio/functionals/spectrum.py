"""Descriptors of the shape of each frame's spectrum. They do not depend on its level.

P(k), k = 0..384, is the power spectrum of a windowed frame (bins 20.8 Hz apart). One matrix product computes everything
that is linear in it: 32 mel bands, 32 equal bands of 250 Hz, and moments. Levels are in dB with a floor 60 dB below
the loudest band of the recording. Slopes, alpha ratio and Hammarberg index follow Eyben et al. 2016 ("The Geneva
minimalistic acoustic parameter set"), cepstra follow Davis & Mermelstein 1980, unless stated otherwise.

| descriptor | formula | unit, range |
|---|---|---|
| `cepstrum_1` … `14` | orthonormal DCT-II of the 32 log mel bands, without the 0th (the level) | dB, about ±100 |
| `centroid`, `deviation` | first moment and square root of the second central moment of P over frequency | kHz, 0-8 |
| `rolloff_50`, `rolloff_85` | frequency below which that share of the energy lies (interpolated linearly) | kHz, 0-8 |
| `flatness` | mean of the log mel bands minus the log of their mean | dB, -60-0 |
| `flux` | root mean square over mel bands of the change in dB from the previous frame | dB, 0-60 |
| `slope_0_500`, `slope_500_1500` | least-squares slope of 10 lg P in this range in Hz | dB/kHz, about ±200 |
| `alpha_ratio` | 10 lg of energy in 50-1000 Hz over 1-5 kHz | dB, ±60 |
| `hammarberg` | 10 lg of the strongest bin in 0-2 kHz over that in 2-5 kHz | dB, ±60 |
| `high_share` | 10 lg of energy in 4-8 kHz over all | dB, -60-0 |
| `resonance_1` … `3` | first moment of P within 200-1000, 1000-2500 and 2500-4000 Hz | kHz |
| `prominence` | prominence of the period in the log spectrum, see `prominence.py` | dB, 0-30 |

`bands` are 16 levels, each the mean of two neighbouring mel bands in dB.

The resonances are the centres of energy in the ranges of the first three formants. Formants are not tracked, so none
can be missed or confused with another. Frequencies below 46 Hz, which contain hum and no voice, are excluded from
everything except `slope_0_500`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from mer.features.audio.functionals import autocorrelation, frames, prominence

MELS = 32
"""The number of mel bands."""
CEPSTRA = 14
"""The number of cepstral coefficients."""
LOW_BINS = 73
"""The number of bins up to 1.5 kHz, which slopes and the first two harmonics need."""
PEAKS = ((3, 96), (96, 240), (120, 168))
"""Limits, in bins, of the ranges whose strongest bin is used: 0.05-2, 2-5 and 2.5-3.5 kHz."""
BANDS = 32
"""The number of equal bands of 250 Hz."""
BAND_NAMES = tuple(f"band_{i}" for i in range(1, MELS // 2 + 1))
EPSILON = 1e-12
"""The smallest energy, which keeps logarithms and ratios finite."""
RESONANCES = ((200, 1000), (1000, 2500), (2500, 4000))
"""The ranges of the resonances, in Hz."""
NAMES = (
    *(f"cepstrum_{i}" for i in range(1, CEPSTRA + 1)), "centroid", "deviation", "rolloff_50", "rolloff_85", "flatness",
    "flux", "slope_0_500", "slope_500_1500", "alpha_ratio", "hammarberg", "high_share", "resonance_1", "resonance_2",
    "resonance_3", "prominence",
)  # fmt: skip


@dataclass(frozen=True)
class Shapes:
    """The spectra of a recording's frames.

    Attributes:
        energy: mean square of each frame; shape (frames,).
        descriptors: values of `NAMES`; shape (frames, len(NAMES)).
        bands: levels in dB; shape (frames, len(BAND_NAMES)).
        autocorrelation: normalised autocorrelation at lags 0..LAGS-1 at 8 kHz; shape (frames, LAGS).
        low_db: bins up to 1.5 kHz in dB; shape (frames, LOW_BINS).
        third_db: strongest bin in 2.5-3.5 kHz in dB; shape (frames,).
    """

    energy: np.ndarray
    descriptors: np.ndarray
    bands: np.ndarray
    autocorrelation: np.ndarray
    low_db: np.ndarray
    third_db: np.ndarray


def describe(samples: np.ndarray) -> Shapes:
    """Return the descriptors of scaled samples."""
    count = 1 + len(samples) // frames.HOP
    shapes = (_weights().shape[1], LOW_BINS, autocorrelation.LAGS, len(PEAKS), 1)
    linear, low_db, correlation, peaks, prominences = (np.empty((count, width), np.float32) for width in shapes)
    for first, framed in frames.blocks(samples):
        block = slice(first, first + len(framed))
        transform = scipy.fft.rfft(framed, axis=1)
        power = transform.real**2 + transform.imag**2  # (frames, 385)
        np.matmul(power, _weights(), out=linear[block])
        levels = frames.decibels(np.maximum(power[:, : prominence.BINS], np.float32(EPSILON)))
        low_db[block] = levels[:, :LOW_BINS]
        correlation[block] = autocorrelation.autocorrelation(power)
        for at, (low_bin, high_bin) in enumerate(PEAKS):
            power[:, low_bin:high_bin].max(axis=1, out=peaks[block, at])
        prominences[block, 0] = prominence.prominence(levels)
    np.maximum(low_db, low_db.max() + np.float32(frames.FLOOR_DB), out=low_db)
    peaks_db = _decibels(peaks)
    energy = linear[:, MELS : MELS + BANDS].sum(axis=1)
    mels_db = _decibels(linear[:, :MELS])
    descriptors = np.column_stack([*_descriptors(linear, mels_db, low_db, peaks_db), prominences])
    bands = (mels_db[:, ::2] + mels_db[:, 1::2]) / 2
    return Shapes(energy, descriptors, bands, correlation, low_db, peaks_db[:, 2])


def _decibels(power: np.ndarray) -> np.ndarray:
    """Return 10 lg of powers, with a floor 60 dB below the largest value."""
    return frames.decibels(np.maximum(power, max(float(power.max()) * 10 ** (frames.FLOOR_DB / 10), EPSILON)))


def _descriptors(linear: np.ndarray, mels_db: np.ndarray, low_db: np.ndarray, peaks_db: np.ndarray) -> list[np.ndarray]:
    bands = linear[:, MELS : MELS + BANDS]
    first, second, *resonances = linear[:, MELS + BANDS :].T
    total = np.maximum(bands.sum(axis=1), EPSILON)
    centroid = first / total
    flux = np.sqrt((np.diff(mels_db, axis=0, prepend=mels_db[:1]) ** 2).mean(axis=1))
    mean_mel = _decibels(linear[:, :MELS].mean(axis=1))
    slopes = low_db @ _slopes()
    return [
        mels_db @ _dct(),
        centroid,
        np.sqrt(np.maximum(second / total - centroid**2, 0)),
        *_rolloff(bands / total[:, None]),
        np.minimum(mels_db.mean(axis=1) - mean_mel, 0),
        flux,
        slopes,
        _ratio_db(bands[:, :4].sum(axis=1), bands[:, 4:20].sum(axis=1)),
        peaks_db[:, 0] - peaks_db[:, 1],
        _ratio_db(bands[:, 16:].sum(axis=1), total),
        *map(_moment, resonances[::2], resonances[1::2], np.mean(RESONANCES, axis=1) / 1000),
    ]


def _ratio_db(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    floor = EPSILON + (part + whole) * 10 ** (frames.FLOOR_DB / 10)
    return frames.decibels((part + floor) / (whole + floor))


def _moment(weighted: np.ndarray, weight: np.ndarray, otherwise: float) -> np.ndarray:
    """Return the weighted mean; `otherwise` for a band without energy."""
    return (weighted + EPSILON * otherwise) / (weight + EPSILON)


def _rolloff(shares: np.ndarray) -> list[np.ndarray]:
    """Return the frequencies in kHz below which 50 and 85 % of the energy lie; `shares` has shape (frames, BANDS)."""
    below = shares @ np.triu(np.ones((BANDS, BANDS), np.float32))  # a cumulative sum; faster as a product
    width = frames.RATE_HZ / 2000 / BANDS
    frequencies = []
    for share in (0.5, 0.85):
        band = np.minimum((below < share).sum(axis=1), BANDS - 1)[:, None]
        inside = np.take_along_axis(shares, band, axis=1)
        missing = share - (np.take_along_axis(below, band, axis=1) - inside)
        frequencies.append(((band + np.clip(missing / np.maximum(inside, EPSILON), 0, 1)) * width)[:, 0])
    return frequencies


@lru_cache
def _weights() -> np.ndarray:
    """Return columns of mel triangles, equal bands, moments 1 and 2, and of each resonance its first moment and energy.

    They are scaled so that the equal bands add up to the energy of a frame.
    """
    hertz = np.linspace(0, frames.RATE_HZ / 2, frames.N_FFT // 2 + 1)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + hertz[-1] / 700), MELS + 2) / 2595) - 1)
    rising = (hertz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hertz[:, None]) / np.diff(edges)[1:]
    mels = np.maximum(0, np.minimum(rising, falling)) * (hertz > frames.HUM_HZ)[:, None]
    equal = np.arange(BANDS) == np.minimum(hertz * BANDS / hertz[-1], BANDS - 1).astype(int)[:, None]
    equal &= (hertz > frames.HUM_HZ)[:, None]
    kilo = (hertz / 1000 * (hertz > frames.HUM_HZ))[:, None]
    inside = [((hertz >= low) & (hertz < high))[:, None] for low, high in RESONANCES]
    resonances = [column for mask in inside for column in (kilo * mask, mask)]
    return (np.hstack([mels, equal, kilo, kilo**2, *resonances]) * (2 / frames.N_FFT)).astype(np.float32)


@lru_cache
def _slopes() -> np.ndarray:
    """Return the weights of least-squares slopes over 0-500 and 500-1500 Hz, in dB/kHz; shape (LOW_BINS, 2)."""
    kilo = np.arange(LOW_BINS) * frames.BIN_HZ / 1000
    columns = []
    for low, high in ((0.0, 0.5), (0.5, 1.5)):
        inside = (kilo >= low) & (kilo <= high)
        centred = np.where(inside, kilo - kilo[inside].mean(), 0)
        columns.append(centred / (centred**2).sum())
    return np.column_stack(columns).astype(np.float32)


@lru_cache
def _dct() -> np.ndarray:
    return scipy.fft.dct(np.eye(MELS), norm="ortho", axis=1)[:, 1 : CEPSTRA + 1].astype(np.float32)
