"""A small source-filter synthesiser: voiced babble whose prosody and voice quality depend on an emotion.

A recording is a chain of syllables. A glottal pulse train (the KLGLOTT88 polynomial, Klatt & Klatt 1990) with
jitter follows an f0 contour made of declination, syllable accents and a final rise or fall; breath is noise
of the same envelope; five formants wander between the vowels of Peterson & Barney (1952); some syllables
begin with frication. One short-time spectrum carries formants, spectral tilt and the recording channel, so
that a second of speech costs about two milliseconds.
"""

from dataclasses import dataclass

import numpy as np

from mer.corpora.synthetic.clip import RATE, Clip, seeded
from mer.corpora.synthetic.spectral_frames import FREQUENCIES, HOP, frame_count, overlap_add, spectra
from mer.corpora.synthetic.voice_cues import OCTAVES, CorpusProperties, corpus_properties, drawn_cues, speaker_offset

STEP = 80
"""The distance of the points of a contour, in samples (5 ms)."""
VOWELS = np.array(
    [
        (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
        (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
    ],
    dtype=float,
)  # fmt: skip
"""The formants F1, F2 and F3 of ten vowels of men, in Hz; shape (10, 3)."""
UPPER = (3500.0, 4500.0)
"""The formants F4 and F5 of men, in Hz."""
BANDWIDTHS = np.array((70, 95, 130, 220, 300), dtype=np.float32)
"""The bandwidths of the five formants, in Hz."""


@dataclass(frozen=True)
class Syllables:
    """The syllables of a recording."""

    durations: np.ndarray
    """The duration of each syllable in seconds, of shape (n,)."""
    vowels: np.ndarray
    """The first three formants of each syllable in Hz, of shape (n, 3)."""
    fricative: np.ndarray
    """Whether each syllable begins with frication, of shape (n,)."""


def speak(clip: Clip, *, seed: int, shift: float) -> np.ndarray:
    """Synthesise a recording at 16 kHz.

    Args:
        clip: description of the recording.
        seed: seed of the whole set.
        shift: difference between speakers and between corpora, 0 to 4.

    Returns:
        float32 samples of shape (n,) with |x| < 1.
    """
    rng = seeded(seed, clip.corpus, clip.name)
    properties = corpus_properties(seed, clip.corpus, shift)
    cue = drawn_cues(clip, properties, speaker_offset(seed, clip.corpus, clip.speaker, shift), rng)
    lead, tail = rng.uniform(0.03, 0.08, 2)
    room = None if clip.seconds is None else clip.seconds - lead - 0.02
    syllables = _syllables(clip, cue["tempo"], room, rng)
    voice = _voice(syllables, cue, clip.gender, properties.channel, rng)
    seconds = clip.seconds or lead + len(voice) / RATE + tail
    samples = _noise(round(seconds * RATE), properties, rng)
    start = round(lead * RATE)
    voice = voice[: len(samples) - start]
    level = 10 ** ((-25 + cue["energy"] + properties.gain) / 20) / (np.sqrt(np.mean(voice**2)) + 1e-9)
    samples[start : start + len(voice)] += np.float32(level) * voice
    return 0.95 * np.tanh(samples / 0.95)  # a soft limiter, so that loud emotions do not clip


def _syllables(clip: Clip, tempo: float, room: float | None, rng: np.random.Generator) -> Syllables:
    """Draw the syllables of a recording."""
    fixed = seeded(0, "sentence", clip.sentence)
    low, high = clip.syllables
    count = int(fixed.integers(low, high + 1))
    vowels = VOWELS[fixed.integers(0, len(VOWELS), count)]
    fricative = fixed.random(count) < 0.4
    length = fixed.uniform(0.75, 1.25, count) * rng.uniform(0.88, 1.12, count)
    durations = length * np.exp(-tempo) / 5.7
    if room is not None:
        durations *= min(1.0, room / durations.sum())
    return Syllables(durations, vowels, fricative)


def _voice(syllables: Syllables, cue, gender, channel, rng) -> np.ndarray:
    """Return the voice without room noise and at an arbitrary level."""
    durations = syllables.durations
    ends = np.cumsum(durations)
    times = np.arange(0, ends[-1], STEP / RATE)
    centres = ends - durations / 2
    n = len(times) * STEP
    loudness, frication = _envelopes(times, durations, ends, centres, syllables.fricative, rng)
    loudness, frication = _per_sample(loudness, n), _per_sample(frication, n)
    f0 = _per_sample(_f0(times, centres, durations, cue, gender, rng), n)
    source = _source(f0, loudness, cue, rng)
    hiss = rng.standard_normal(n, dtype=np.float32) * frication
    spectrum = spectra(source) * _formants(centres, syllables, cue, gender, n)
    hump = np.exp(-0.5 * ((FREQUENCIES - 4800) / 1300) ** 2)
    spectrum += spectra(hiss) * (0.25 * hump)
    tilt = 10 ** (np.float32(cue["tilt"]) * OCTAVES / 20)
    return overlap_add(spectrum * (tilt * channel), n)


def _envelopes(times, durations, ends, centres, fricative, rng):
    """Return the loudness of voice and of frication at `times`."""
    count = len(durations)
    dip = np.where(np.append(fricative[1:], False), 0.02, rng.uniform(0.25, 0.6, count))
    dip[-1] = 0.0
    stress = rng.uniform(0.7, 1.0, count)
    knots = np.concatenate([[0.0], np.column_stack([centres, ends]).ravel()])
    heights = np.concatenate([[0.0], np.column_stack([stress, dip]).ravel()])
    onsets = ends - durations
    bump = np.exp(-0.5 * ((times[:, None] - onsets - 0.03) / 0.018) ** 2)
    return np.interp(times, knots, heights), (bump * fricative).sum(axis=1)


def _f0(times, centres, durations, cue, gender, rng) -> np.ndarray:
    """Return f0 in Hz at `times`."""
    span = np.exp(cue["span"])
    place = times / times[-1]
    accent = rng.uniform(0.3, 1.6, len(centres)) * rng.choice((-0.3, 1.0), len(centres), p=(0.3, 0.7))
    shape = np.exp(-0.5 * ((times[:, None] - centres) / (0.35 * durations)) ** 2)
    semitones = cue["pitch"] + span * (2.0 * (0.5 - place) + 1.8 * (shape * accent).sum(axis=1))
    semitones += cue["rise"] * np.clip((place - 0.6) / 0.4, 0, 1)
    semitones += (0.12 + 0.5 * cue["rough"]) * rng.standard_normal(len(times))  # jitter
    base = 118.0 if gender == "male" else 205.0
    return np.clip(base * 2 ** (semitones / 12), 55, 620)


def _source(f0: np.ndarray, loudness: np.ndarray, cue: dict[str, float], rng) -> np.ndarray:
    phase = np.cumsum(f0, dtype=np.float64) / RATE
    cycle = np.floor(phase)
    opened = ((phase - cycle) / 0.62).astype(np.float32)
    pulse = np.where(opened < 1, opened * (2 - 3 * opened), np.float32(0))
    # in a rough voice every other cycle is weaker, which sounds like creak
    pulse *= 1 - np.float32(min(0.5, 0.3 * cue["rough"])) * (cycle % 2).astype(np.float32)
    breath = 10 ** ((-24 + cue["breath"]) / 20)
    noise = rng.standard_normal(len(f0), dtype=np.float32) * np.float32(breath)
    return loudness * (pulse + noise * (0.6 + 0.4 * (opened < 1)))


def _formants(centres, syllables: Syllables, cue, gender, n) -> np.ndarray:
    """Return the response of the vocal tract in every frame: frames × frequencies, complex."""
    tract = (1.0 if gender == "male" else 1.16) * np.exp(cue["smile"])
    at = np.arange(frame_count(n)) * HOP / RATE
    fifth = syllables.durations / 5
    knots = np.column_stack([centres - fifth, centres + fifth]).ravel()
    tracks = [np.interp(at, knots, np.repeat(syllables.vowels[:, k], 2)) for k in range(3)]
    tracks[0] = tracks[0] * np.exp(cue["open"])
    tracks += [np.full(len(at), upper) for upper in UPPER]
    response = np.ones((len(at), len(FREQUENCIES)), np.complex64)
    square = FREQUENCIES**2
    for track, bandwidth in zip(tracks, BANDWIDTHS, strict=True):
        centre = (track * tract).astype(np.float32)[:, None] ** 2
        response *= centre - square + 1j * (bandwidth * FREQUENCIES)
        response /= centre  # kept near 1, because five squares of Hz would overflow
    return 1 / response


def _noise(n: int, properties: CorpusProperties, rng) -> np.ndarray:
    """Return room noise that falls by about 3 dB per octave, without the channel."""
    white = rng.standard_normal(n, dtype=np.float32)
    falling = np.convolve(white, np.array([0.6, 0.3, 0.2, 0.1], np.float32))[:n]
    return falling * np.float32(10 ** (properties.noise / 20))


def _per_sample(contour: np.ndarray, n: int) -> np.ndarray:
    return np.interp(np.arange(n), np.arange(len(contour)) * STEP, contour).astype(np.float32)
