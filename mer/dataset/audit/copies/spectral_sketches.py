"""Spectral sketches: coarse spectrograms with vectors of their loud moments, to find altered copies.

Frequency is logarithmic, so that a transposition is a shift. Energy more than 20 dB below the loudest frame counts as
silence, so that noise and music 10 dB below the voice have little effect. Subtracting each band's mean over half a
second removes equalisers, rooms and steady tones; subtracting the mean of neighbouring bands removes low-pass filters.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from mer.dataset.audit.copies.fingerprints import RATE_HZ

WINDOW, HOP = 1_024, 256
"""The window and the hop in samples: 128 ms and 32 ms."""
SECONDS_PER_FRAME = HOP / RATE_HZ
BANDS, PER_OCTAVE, LOWEST_HZ = 65, 16, 200
"""The number of bands, the number per octave (75 cents each) and the lowest frequency; the highest is 3,200 Hz."""
SILENCE_SHARE = 0.01
"""The energy that counts as silence, as a share of the mean energy of a band in the loudest frame."""
NEPERS_PER_LEVEL = 0.04
"""The distance between two of the 256 stored levels, in nepers of energy."""
ZERO_WEIGHT_DB = 25
"""The level below the loudest frame at which a frame has weight 0, in dB. Louder frames have higher weights."""
CONTEXT_FRAMES = 10
"""The number of frames before and after a moment that its vector describes."""
VECTOR = 72
"""The length of a vector: 6 orders over time of 12 over the bands."""
MIN_DISTANCE = 3
"""The smallest distance between two moments, in frames."""
MIN_DETAIL = 6.0
"""The smallest norm of a vector before normalisation. Hum, hiss and steady tones hardly change and have no moments."""
ROOM = (0.5, 6.0)
"""The reverberation time (seconds to fall by 60 dB) and the echo relative to the direct sound (dB)."""
MIN_BANDWIDTH = 11.0
"""The smallest number of bands with changes. Dialling tones and beeps have fewer, a spoken word has at least about
12."""
_SMOOTH_FRAMES, _SMOOTH_BANDS = 15, 17
_BLOCK = 256
"""The number of frames that are transformed at once, which bounds the memory."""


@dataclass(frozen=True)
class Sketch:
    """The sketch of one recording of n frames.

    Attributes:
        levels: uint8 (n, BANDS), logarithm of the energy above `SILENCE_SHARE`, in steps of `NEPERS_PER_LEVEL`.
        weights: float32 (n,), 0..1.
        moments: int32 (m,), frames at which loudness has a local maximum: about four per second of speech.
        vectors: float32 (m, VECTOR), unit length: the spectrogram around each moment.
        echoes: float32 (m, VECTOR), the same with the echo of `ROOM`.
        bands: the effective number of bands with changes, 0..BANDS; 0 for silence.
    """

    levels: np.ndarray
    weights: np.ndarray
    moments: np.ndarray
    vectors: np.ndarray
    echoes: np.ndarray
    bands: float


def sketch(samples: np.ndarray) -> Sketch:
    """Return the sketch of a recording; that of silence, steady sounds and beeps has no moment.

    Args:
        samples: (n,) at `RATE_HZ`.

    >>> saw = np.repeat([120, 170, 210, 140], 2000) * np.arange(8000) / 8000 % 1 - 0.5
    >>> notes = saw * np.tile(np.hanning(2000), 4)
    >>> loud, soft = sketch(notes), sketch(notes / 5)
    >>> loud.levels.shape, loud.vectors.shape, np.abs(loud.vectors - soft.vectors).max() < 0.01
    ((32, 65), (4, 72), np.True_)
    """
    energies = _energies(samples)
    levels, weights = levels_and_weights(energies)
    levels = np.minimum(np.round(levels / NEPERS_PER_LEVEL), 255).astype("uint8")
    bands = _active_bands(levels, weights)
    moments = _moments(energies.sum(axis=1))[: None if bands >= MIN_BANDWIDTH else 0]
    vectors = _vectors(levels, moments)
    detailed = np.linalg.norm(vectors, axis=1) > MIN_DETAIL
    moments, vectors = moments[detailed].astype("int32"), vectors[detailed]
    echoes = _vectors(with_echo(levels, *ROOM)[0], moments) if len(moments) else vectors
    return Sketch(levels, weights, moments, _normalised(vectors), _normalised(echoes), bands)


def _normalised(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-9))


def slowed(original: Sketch, speed: float) -> Sketch:
    """Return approximately the sketch of a recording that is played more slowly (speed < 1), without echoes."""
    count = max(1, round(len(original.levels) / speed))
    positions = np.minimum(np.arange(count) * speed, len(original.levels) - 1)
    before = positions.astype("int64")
    after, fraction = np.minimum(before + 1, len(original.levels) - 1), (positions - before).astype("float32")
    levels = original.levels[before] * (1 - fraction[:, None]) + original.levels[after] * fraction[:, None]
    source = np.arange(BANDS) - PER_OCTAVE * np.log2(speed)  # the content of a band came from a higher one
    low = np.floor(source).astype("int64")
    share = (source - low).astype("float32")
    levels = levels[:, np.minimum(low, BANDS - 1)] * (1 - share) + levels[:, np.minimum(low + 1, BANDS - 1)] * share
    levels = np.round(levels).astype("uint8")
    weights = original.weights[before] * (1 - fraction) + original.weights[after] * fraction
    moments = np.minimum(np.round(original.moments / speed), count - 1).astype("int32")
    vectors = _normalised(_vectors(levels, moments)) if len(moments) else original.vectors
    return Sketch(levels, weights, moments, vectors, vectors[:0], original.bands)


def with_echo(levels: np.ndarray, seconds: float, echo_db: float) -> tuple[np.ndarray, np.ndarray]:
    """Return levels (nepers) and weights of a recording with an echo; see `ROOM` for the parameters."""
    from scipy.signal import lfilter  # takes half a second, and most audits of tables read no audio

    energies = np.expm1(levels.astype("float32") * np.float32(NEPERS_PER_LEVEL))
    decay = 10 ** (-6 * SECONDS_PER_FRAME / seconds)
    energies += lfilter([0, 10 ** (echo_db / 10) * (1 - decay)], [1, -decay], energies, axis=0)
    return levels_and_weights(energies)


def levels_and_weights(energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithm of energies above the floor (nepers) and the weight of each frame; both 0 in silence."""
    loudness = energies.sum(axis=1)
    peak = float(loudness.max())
    if not peak > 0:
        return np.zeros_like(energies), np.zeros(len(energies), "float32")
    decibels = 10 * np.log10(np.maximum(loudness / peak, 1e-9))
    weights = np.clip(1 + decibels / ZERO_WEIGHT_DB, 0, 1).astype("float32")
    return np.log1p(energies * (BANDS / (SILENCE_SHARE * peak))), weights


def whitened(levels: np.ndarray) -> np.ndarray:
    """Return nepers above each band's mean over half a second and above the mean of neighbouring bands, float32."""
    changes = _changes(levels)
    return changes - uniform_filter1d(changes, _SMOOTH_BANDS, axis=1, mode="nearest")


def _active_bands(levels: np.ndarray, weights: np.ndarray) -> float:
    """Return the effective number of bands with changes: 1 / sum of their squared shares."""
    powers = weights @ whitened(levels) ** 2
    total = float(powers.sum())
    return total**2 / float(powers @ powers) if total > 0 else 0.0


def _changes(levels: np.ndarray) -> np.ndarray:
    nepers = levels.astype("float32") * np.float32(NEPERS_PER_LEVEL) if levels.dtype == np.uint8 else levels
    return nepers - uniform_filter1d(nepers, _SMOOTH_FRAMES, axis=0, mode="nearest")


def _energies(samples: np.ndarray) -> np.ndarray:
    """Return the energy in each band, float32 (frames, BANDS); the first frame is centred on the first sample."""
    padded = np.pad(samples.astype("float32"), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    energies = np.empty((len(frames), BANDS), "float32")
    for at in range(0, len(frames), _BLOCK):
        spectrum = scipy.fft.rfft(frames[at : at + _BLOCK] * _TAPER, axis=1)[:, : len(_FILTER_BANK)]
        energies[at : at + _BLOCK] = (spectrum.real**2 + spectrum.imag**2) @ _FILTER_BANK
    return energies


def _moments(loudness: np.ndarray) -> np.ndarray:
    """Return frames that are louder than their neighbours and within 20 dB of the loudest frame."""
    smooth = uniform_filter1d(loudness, 3, mode="nearest")
    highest = maximum_filter1d(smooth, 2 * MIN_DISTANCE + 1, mode="nearest")
    return np.flatnonzero((smooth == highest) & (smooth > SILENCE_SHARE * smooth.max()))


def _vectors(levels: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Return slow changes over time and frequency around moments, float32 (moments, VECTOR)."""
    patterns = np.pad(_changes(levels), ((CONTEXT_FRAMES, CONTEXT_FRAMES), (0, 0))) @ _OVER_BANDS
    around = np.lib.stride_tricks.sliding_window_view(patterns, 2 * CONTEXT_FRAMES + 1, axis=0)[moments]
    return (around @ _OVER_TIME).reshape(len(moments), VECTOR)


def _filter_bank() -> np.ndarray:
    """Return triangular filters, (frequencies, BANDS), as wide as a band and at least 1.2 bins wide."""
    spacing = RATE_HZ / WINDOW
    centres = LOWEST_HZ * 2 ** (np.arange(BANDS) / PER_OCTAVE)
    widths = np.maximum(centres * (2 ** (1 / PER_OCTAVE) - 1), 1.2 * spacing)
    frequencies = np.arange(int((centres[-1] + widths[-1]) / spacing) + 1) * spacing
    filters = np.maximum(0, 1 - np.abs(frequencies[:, None] - centres) / widths)
    return (filters / filters.sum(axis=0)).astype("float32")


def _cosines(count: int, orders: range) -> np.ndarray:
    """Return orthonormal cosines of some orders, (count, orders)."""
    places = (np.arange(count) + 0.5) / count
    return (np.cos(np.pi * places[:, None] * np.array(orders)) * np.sqrt(2 / count)).astype("float32")


_TAPER = np.hanning(WINDOW).astype("float32")
_FILTER_BANK = _filter_bank()
_OVER_BANDS = _cosines(BANDS, range(1, 13))
_OVER_TIME = _cosines(2 * CONTEXT_FRAMES + 1, range(6)) * np.hanning(2 * CONTEXT_FRAMES + 3)[1:-1, None].astype(
    "float32"
)
