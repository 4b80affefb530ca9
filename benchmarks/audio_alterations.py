"""Alterations of recordings that are published a second time: each kind is a function of samples and a generator."""

import io
from collections.abc import Callable

import numpy as np
import scipy.signal
import soundfile

from mer.media.audio import RATE_HZ as RATE
from mer.media.augmentation.alterations import mixed, pink_noise, reverberated, sped, stretched, transposed

Chance = np.random.Generator


def vocoded(sound: np.ndarray, factor: float) -> np.ndarray:
    """Return a recording shortened by a factor at the same pitch, by a phase vocoder with 64-ms windows."""
    size, hop = 1_024, 256
    _, _, frames = scipy.signal.stft(sound, nperseg=size, noverlap=size - hop)
    times = np.arange(0, frames.shape[1] - 1, factor)
    at, part = times.astype(int), times % 1
    sizes = (1 - part) * np.abs(frames[:, at]) + part * np.abs(frames[:, at + 1])
    expected = 2 * np.pi * hop * np.arange(len(frames))[:, None] / size
    turns = np.angle(frames[:, at + 1]) - np.angle(frames[:, at]) - expected
    turns = expected + turns - 2 * np.pi * np.round(turns / (2 * np.pi))
    angles = np.angle(frames[:, :1]) + np.cumsum(turns, axis=1) - turns
    return scipy.signal.istft(sizes * np.exp(1j * angles), nperseg=size, noverlap=size - hop)[1]


def hall(sound: np.ndarray, chance: Chance) -> np.ndarray:
    """Return a recording with reverberation of 0.4-0.9 s, 3-9 dB louder than the direct sound."""
    seconds, louder = chance.uniform(0.4, 0.9), chance.uniform(3, 9)
    return reverberated(sound, seconds, -louder, chance)


def room(sound: np.ndarray, chance: Chance) -> np.ndarray:
    """Return a recording in a rectangular room with hard walls, by mirror images [Allen and Berkley 1979]."""
    sides = chance.uniform([3, 3, 2.4], [9, 7, 4])
    source, ear = chance.uniform(0.5, sides - 0.5, (2, 3))
    order = np.arange(-8, 9)
    response = np.zeros(round(0.6 * RATE))
    for mirrored in np.ndindex(2, 2, 2):
        offsets = [(1 - 2 * m) * s + 2 * order * side - e for m, s, side, e in zip(mirrored, source, sides, ear)]  # noqa: B905
        bounces = np.add.outer(np.add.outer(*(abs(order - m) + abs(order) for m in mirrored[:2])),
                               abs(order - mirrored[2]) + abs(order))  # fmt: skip
        metres = np.sqrt(np.add.outer(np.add.outer(offsets[0] ** 2, offsets[1] ** 2), offsets[2] ** 2))
        late = (metres / 343 * RATE).astype(int)
        heard = late < len(response)
        np.add.at(response, late[heard], (chance.uniform(0.8, 0.9) ** bounces / metres)[heard])
    return scipy.signal.fftconvolve(sound, response[np.flatnonzero(response)[0] :])[: len(sound)]


def tones(sound: np.ndarray, chance: Chance) -> np.ndarray:
    """Return a steady chord of pure tones."""
    times, root = np.arange(len(sound)) / RATE, chance.uniform(0.7, 1.4)
    return sum(np.sin(2 * np.pi * root * hz * times + chance.uniform(0, 6)) for hz in (220, 277, 330, 440, 554))


def chords(sound: np.ndarray, chance: Chance) -> np.ndarray:
    """Return plucked triads that change two to four times per second."""
    out, step = np.zeros(len(sound)), round(RATE * chance.uniform(0.25, 0.6))
    for start in range(0, len(out), step):
        times = np.arange(min(step, len(out) - start)) / RATE
        root = 110 * 2 ** (chance.integers(0, 24) / 12)
        partials = (np.sin(2 * np.pi * root * third * n * times) / n for third in (1, 1.26, 1.5) for n in range(1, 6))
        out[start : start + step] = sum(partials) * np.exp(-3 * times)
    return out


def band(sound: np.ndarray, chance: Chance) -> np.ndarray:
    """Return chords and a drum, four times per second."""
    music, step = chords(sound, chance), RATE // 4
    drum = np.resize(chance.normal(size=step) * np.exp(-np.arange(step) / (0.03 * RATE)), len(sound))
    return music / np.std(music) + drum / np.std(drum)


def pink(sound: np.ndarray, chance: Chance) -> np.ndarray:
    """Return noise with equal energy in each octave."""
    return pink_noise(len(sound), chance)


def babble(sound: np.ndarray, chance: Chance) -> np.ndarray:
    """Return six voices: other segments of the recording at other speeds."""
    return sum(np.roll(np.resize(sped(sound[::-1], speed), len(sound)), chance.integers(len(sound)))
               for speed in chance.uniform(0.7, 1.4, 6))  # fmt: skip


def low(sound: np.ndarray, hertz: float) -> np.ndarray:
    """Return a recording without the frequencies above a limit."""
    return scipy.signal.sosfiltfilt(scipy.signal.butter(6, hertz, fs=RATE, output="sos"), sound)


def half(sound: np.ndarray, which: int) -> np.ndarray:
    """Return the first, middle or last half."""
    size = len(sound) // 2
    start = (0, size // 2, len(sound) - size)[which]
    return sound[start : start + size]


def coded(sound: np.ndarray, kind: str = "OGG", subtype: str = "VORBIS") -> np.ndarray:
    """Return a recording after lossy coding."""
    file = io.BytesIO()
    loudest = max(1.0, float(np.abs(sound).max()))
    soundfile.write(file, sound / loudest, RATE, format=kind, subtype=subtype, compression_level=0.6)
    file.seek(0)
    return soundfile.read(file)[0]


def _any(chance: Chance) -> float:
    return chance.uniform(0.95, 1.05)


def _side(chance: Chance) -> float:
    return chance.choice([0.95, 1.05])


KINDS: dict[str, Callable[[np.ndarray, Chance], np.ndarray]] = {
    "speed .95": lambda sound, _: sped(sound, 0.95),
    "speed 1.05": lambda sound, _: sped(sound, 1.05),
    "pitch .95": lambda sound, _: transposed(sound, 0.95),
    "pitch 1.05": lambda sound, _: transposed(sound, 1.05),
    "pitch, vocoder": lambda sound, chance: transposed(sound, _side(chance), vocoded),
    "stretch .95": lambda sound, _: stretched(sound, 0.95),
    "stretch 1.05": lambda sound, _: stretched(sound, 1.05),
    "stretch, vocoder": lambda sound, chance: vocoded(sound, _side(chance)),
    "hall": hall,
    "room": room,
    "tones 10 dB": lambda sound, chance: mixed(sound, tones(sound, chance)),
    "chords 10 dB": lambda sound, chance: mixed(sound, chords(sound, chance)),
    "band 10 dB": lambda sound, chance: mixed(sound, band(sound, chance)),
    "white noise 10 dB": lambda sound, chance: mixed(sound, chance.normal(size=len(sound))),
    "pink noise 10 dB": lambda sound, chance: mixed(sound, pink(sound, chance)),
    "babble 10 dB": lambda sound, chance: mixed(sound, babble(sound, chance)),
    "low-pass 2 kHz": lambda sound, _: low(sound, 2_000),
    "low-pass 1.5 kHz": lambda sound, _: low(sound, 1_500),
    "first half": lambda sound, _: half(sound, 0),
    "middle half": lambda sound, _: half(sound, 1),
    "last half": lambda sound, _: half(sound, 2),
    "half, speed, ogg, upside down": lambda s, chance: coded(-0.3 * half(sped(s, _any(chance)), chance.integers(3))),
    "speed, pink noise, mp3": lambda s, chance: coded(mixed(sped(s, _any(chance)), pink(s, chance)), "MP3",
                                                      "MPEG_LAYER_III"),
    "stretch, hall, low-pass 2 kHz": lambda s, chance: low(hall(stretched(s, _any(chance)), chance), 2_000),
}  # fmt: skip
"""Name -> function of samples at `RATE` and a random generator that returns samples at `RATE`."""
