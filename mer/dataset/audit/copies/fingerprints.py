"""Audio fingerprints: sequences of 32-bit words that are robust to cutting, resampling and encoding.

Each word describes how the spectrum changes within 8 ms: bit b is 1 if the energy step from band b to band b + 1 grows
[Haitsma and Kalker 2002, A Highly Robust Audio Fingerprinting System]. Gain cancels out. Windows of 128 ms tolerate a
cut between two hops. The bands lie within 250-3,400 Hz, which resampling to 8 kHz and lossy coding preserve. Two takes
of one sentence by one speaker differ in nearly half of the bits, copies in less than a quarter.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft

RATE_HZ = 8_000
WINDOW, HOP = 1_024, 64
"""The window and the hop in samples: 128 ms and 8 ms."""
SECONDS_PER_FRAME = HOP / RATE_HZ
BANDS = 33
LOWEST_HZ, HIGHEST_HZ = 250, 3_400
MIN_LOUDNESS_SHARE = 1e-4
"""The energy of an audible frame, as a share of the loudest one (-40 dB). Other frames are not compared, because
padding, pauses and noise differ between copies."""
WEAK = 3
"""The number of bits per word that are the most likely to differ in a copy."""
_BLOCK = 256
"""The number of frames that are transformed at once, which bounds the memory."""


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of one recording of n frames.

    Attributes:
        words: uint32 of shape (n,).
        audible: bool of shape (n,).
        weak: uint8 of shape (audible frames, WEAK): the numbers of each audible word's weak bits.
    """

    words: np.ndarray
    audible: np.ndarray
    weak: np.ndarray


def fingerprint(samples: np.ndarray) -> Fingerprint:
    """Return the fingerprint of a recording; that of silence has no audible frame.

    Args:
        samples: (n,) at `RATE_HZ`.

    >>> noise = np.random.default_rng(0).normal(size=8000).astype("float32")
    >>> loud, soft = fingerprint(noise), fingerprint(noise / 3)
    >>> loud.words.shape, np.mean(loud.words == soft.words) > 0.99
    ((125,), np.True_)
    """
    energies = _energies(samples)
    loudness = energies.sum(axis=1)
    peak = float(loudness.max())
    if not peak > 0:
        frames = len(energies) - 1
        return Fingerprint(np.zeros(frames, "uint32"), np.zeros(frames, bool), np.zeros((0, WEAK), "uint8"))
    audible = loudness > MIN_LOUDNESS_SHARE * peak
    steps = np.diff(np.log(energies + 1e-9 * peak), axis=1)
    changes = np.diff(steps, axis=0)
    words = np.packbits(changes > 0, axis=1, bitorder="little").view("<u4")[:, 0]
    audible = audible[1:] & audible[:-1]
    weak = np.argpartition(np.abs(changes[audible]), WEAK - 1, axis=1)[:, :WEAK].astype("uint8")
    return Fingerprint(words, audible, weak)


def reversed_print(original: Fingerprint) -> Fingerprint:
    """Return the fingerprint of the reversed recording, in which rising energies fall.

    >>> noise = np.random.default_rng(0).normal(size=8001).astype("float32")
    >>> np.mean(reversed_print(fingerprint(noise)).words == fingerprint(noise[::-1]).words) > 0.9
    np.True_
    """
    return Fingerprint(~original.words[::-1], original.audible[::-1], original.weak[::-1])


def _energies(samples: np.ndarray) -> np.ndarray:
    """Return the energy in each band, float32 (frames, BANDS); the first frame is centred on the first sample."""
    padded = np.pad(samples.astype("float32"), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    energies = np.empty((len(frames), BANDS), "float32")
    for at in range(0, len(frames), _BLOCK):
        power = np.abs(scipy.fft.rfft(frames[at : at + _BLOCK] * _TAPER, axis=1)) ** 2
        energies[at : at + _BLOCK] = np.add.reduceat(power[:, : _EDGES[-1]], _EDGES[:-1], axis=1)
    return energies


_TAPER = np.hanning(WINDOW).astype("float32")
_EDGES = np.round(np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1) / (RATE_HZ / WINDOW)).astype(int)
"""The frequency bins between bands; bands widen with frequency."""
