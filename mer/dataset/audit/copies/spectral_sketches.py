"""A recording as a coarse spectrogram and its loud moments as vectors, by which altered copies find each other.

Frequency is logarithmic, so that another pitch is a shift. What is more than 20 dB below the loudest frame counts as
silence, so that noise and music 10 dB below the voice change little. Each band is compared with its own mean over half
a second, so that equalisers, rooms and lasting tones cancel out, and with its neighbours, so that low-pass filters do.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from mer.dataset.audit.copies.fingerprints import RATE_HZ

WINDOW, HOP = 1_024, 256
"""samples: 128 ms and 32 ms"""
SECONDS_PER_FRAME = HOP / RATE_HZ
BANDS, PER_OCTAVE, LOWEST_HZ = 65, 16, 200
"""bands 75 cents apart, up to 3,200 Hz"""
FLOOR = 0.01
"""of the mean energy of a band in the loudest frame: what lies lower is silence"""
STEP = 0.04
"""nepers of energy between two of the 256 levels that are kept"""
WEIGHTLESS_DB = 25
"""below the loudest frame; frames weigh the more, the louder they are"""
AROUND = 10
"""frames before and after a moment that its vector describes"""
VECTOR = 72
"""numbers: 6 orders over time of 12 over the bands"""
APART = 3
"""frames between two moments at least"""
RICH = 6.0
"""length of a vector before it is brought to 1: hum, hiss and lasting tones hardly change, and have no moments"""
ROOM = (0.5, 6.0)
"""seconds in which its echo falls by 60 dB, and dB by which all of that is louder than the direct sound"""
BROAD = 11.0
"""bands that carry the changes: fewer do in dialling tones and beeps, about 12 at least in a spoken word"""
_SMOOTH_FRAMES, _SMOOTH_BANDS = 15, 17
_BLOCK = 256
"""frames transformed at once, which bounds the memory"""


@dataclass(frozen=True)
class Sketch:
    """What is kept of one recording of n frames.

    Attributes:
        levels: uint8 (n, BANDS), logarithm of the energy above `FLOOR`, in steps of `STEP`.
        weights: float32 (n,), 0..1.
        moments: int32 (m,), frames in which the sound is at its loudest for a while: about four a second in speech.
        vectors: float32 (m, VECTOR), unit length: what is heard around each moment.
        echoes: float32 (m, VECTOR), the same in a `ROOM`.
        bands: how many bands carry the changes, 0..BANDS; 0 in silence.
    """

    levels: np.ndarray
    weights: np.ndarray
    moments: np.ndarray
    vectors: np.ndarray
    echoes: np.ndarray
    bands: float


def sketch(samples: np.ndarray) -> Sketch:
    """Return the sketch of a recording; silence, steady sound and beeps have one without a moment.

    Args:
        samples: (n,) at `RATE_HZ`.

    >>> saw = np.repeat([120, 170, 210, 140], 2000) * np.arange(8000) / 8000 % 1 - 0.5
    >>> notes = saw * np.tile(np.hanning(2000), 4)
    >>> loud, soft = sketch(notes), sketch(notes / 5)
    >>> loud.levels.shape, loud.vectors.shape, np.abs(loud.vectors - soft.vectors).max() < 0.01
    ((32, 65), (4, 72), np.True_)
    """
    energies = _energies(samples)
    levels, weights = leveled(energies)
    levels = np.minimum(np.round(levels / STEP), 255).astype("uint8")
    bands = _carrying(levels, weights)
    moments = _moments(energies.sum(axis=1))[: None if bands >= BROAD else 0]
    vectors = _vectors(levels, moments)
    rich = np.linalg.norm(vectors, axis=1) > RICH
    moments, vectors = moments[rich].astype("int32"), vectors[rich]
    echoes = _vectors(echoing(levels, *ROOM)[0], moments) if len(moments) else vectors
    return Sketch(levels, weights, moments, _unit(vectors), _unit(echoes), bands)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))


def slowed(one: Sketch, speed: float) -> Sketch:
    """Return about the sketch of a recording that is played at another speed, below 1, its pitch with it; no echoes."""
    count = max(1, round(len(one.levels) / speed))
    at = np.minimum(np.arange(count) * speed, len(one.levels) - 1)
    before = at.astype("int64")
    after, part = np.minimum(before + 1, len(one.levels) - 1), (at - before).astype("float32")
    levels = one.levels[before] * (1 - part[:, None]) + one.levels[after] * part[:, None]
    source = np.arange(BANDS) - PER_OCTAVE * np.log2(speed)  # what is heard in a band lay higher
    low = np.floor(source).astype("int64")
    share = (source - low).astype("float32")
    levels = levels[:, np.minimum(low, BANDS - 1)] * (1 - share) + levels[:, np.minimum(low + 1, BANDS - 1)] * share
    levels = np.round(levels).astype("uint8")
    weights = one.weights[before] * (1 - part) + one.weights[after] * part
    moments = np.minimum(np.round(one.moments / speed), count - 1).astype("int32")
    vectors = _unit(_vectors(levels, moments)) if len(moments) else one.vectors
    return Sketch(levels, weights, moments, vectors, vectors[:0], one.bands)


def echoing(levels: np.ndarray, seconds: float, louder: float) -> tuple[np.ndarray, np.ndarray]:
    """Levels in nepers and weights of a recording in a room, of which `ROOM` is an example."""
    from scipy.signal import lfilter  # half a second, and most who audit a table listen to nothing

    energies = np.expm1(levels.astype("float32") * np.float32(STEP))
    decay = 10 ** (-6 * SECONDS_PER_FRAME / seconds)
    energies += lfilter([0, 10 ** (louder / 10) * (1 - decay)], [1, -decay], energies, axis=0)
    return leveled(energies)


def leveled(energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of energies above the floor, in nepers, and the weight of each frame; both 0 in silence."""
    loudness = energies.sum(axis=1)
    peak = float(loudness.max())
    if not peak > 0:
        return np.zeros_like(energies), np.zeros(len(energies), "float32")
    decibels = 10 * np.log10(np.maximum(loudness / peak, 1e-9))
    weights = np.clip(1 + decibels / WEIGHTLESS_DB, 0, 1).astype("float32")
    return np.log1p(energies * (BANDS / (FLOOR * peak))), weights


def whitened(levels: np.ndarray) -> np.ndarray:
    """Return nepers above each band's mean over half a second and above that of the bands beside it, float32."""
    changes = _changes(levels)
    return changes - uniform_filter1d(changes, _SMOOTH_BANDS, axis=1, mode="nearest")


def _carrying(levels: np.ndarray, weights: np.ndarray) -> float:
    """How many bands carry the changes: one over the sum of their squared shares."""
    powers = weights @ whitened(levels) ** 2
    total = float(powers.sum())
    return total**2 / float(powers @ powers) if total > 0 else 0.0


def _changes(levels: np.ndarray) -> np.ndarray:
    nepers = levels.astype("float32") * np.float32(STEP) if levels.dtype == np.uint8 else levels
    return nepers - uniform_filter1d(nepers, _SMOOTH_FRAMES, axis=0, mode="nearest")


def _energies(samples: np.ndarray) -> np.ndarray:
    """Energy in each band, float32 (frames, BANDS); the first frame is centred on the first sample."""
    padded = np.pad(samples.astype("float32"), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    energies = np.empty((len(frames), BANDS), "float32")
    for at in range(0, len(frames), _BLOCK):
        spectrum = scipy.fft.rfft(frames[at : at + _BLOCK] * _TAPER, axis=1)[:, : len(_BANK)]
        energies[at : at + _BLOCK] = (spectrum.real**2 + spectrum.imag**2) @ _BANK
    return energies


def _moments(loudness: np.ndarray) -> np.ndarray:
    """Frames that are the loudest among their neighbours and within 20 dB of the loudest of all."""
    smooth = uniform_filter1d(loudness, 3, mode="nearest")
    highest = maximum_filter1d(smooth, 2 * APART + 1, mode="nearest")
    return np.flatnonzero((smooth == highest) & (smooth > FLOOR * smooth.max()))


def _vectors(levels: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Slow changes over time and frequency around some moments, float32 (moments, VECTOR)."""
    patterns = np.pad(_changes(levels), ((AROUND, AROUND), (0, 0))) @ _OVER_BANDS
    around = np.lib.stride_tricks.sliding_window_view(patterns, 2 * AROUND + 1, axis=0)[moments]
    return (around @ _OVER_TIME).reshape(len(moments), VECTOR)


def _bank() -> np.ndarray:
    """Triangular filters, (frequencies, BANDS): as wide as a band, and at least a little wider than a bin."""
    spacing = RATE_HZ / WINDOW
    centres = LOWEST_HZ * 2 ** (np.arange(BANDS) / PER_OCTAVE)
    widths = np.maximum(centres * (2 ** (1 / PER_OCTAVE) - 1), 1.2 * spacing)
    frequencies = np.arange(int((centres[-1] + widths[-1]) / spacing) + 1) * spacing
    filters = np.maximum(0, 1 - np.abs(frequencies[:, None] - centres) / widths)
    return (filters / filters.sum(axis=0)).astype("float32")


def _cosines(count: int, orders: range) -> np.ndarray:
    """Orthonormal cosines of some orders, (count, orders)."""
    places = (np.arange(count) + 0.5) / count
    return (np.cos(np.pi * places[:, None] * np.array(orders)) * np.sqrt(2 / count)).astype("float32")


_TAPER = np.hanning(WINDOW).astype("float32")
_BANK = _bank()
_OVER_BANDS = _cosines(BANDS, range(1, 13))
_OVER_TIME = _cosines(2 * AROUND + 1, range(6)) * np.hanning(2 * AROUND + 3)[1:-1, None].astype("float32")
