"""A small source-filter synthesiser: voiced babble whose manner moves with an emotion.

A clip is a chain of syllables. A glottal pulse train (the KLGLOTT88 polynomial, Klatt & Klatt 1990) with
jitter follows an f0 contour made of declination, syllable accents and a final rise or fall; breath is noise
of the same envelope; five formants wander between the vowels of Peterson & Barney (1952); some syllables
begin with frication. One short-time spectrum carries formants, spectral tilt and the recording channel, so
that a second of speech costs about two milliseconds.

Emotions move ten cues in the directions that reviews of vocal expression agree on: Juslin & Laukka (2003,
Psychological Bulletin 129, table 7), Scherer (2003, Speech Communication 40, table 1) and, for boredom,
disgust and the raised formants of a smile, Banse & Scherer (1996) and Tartter (1980). The sizes are ours.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

RATE = 16_000
"""Hz, at which everything is synthesised"""
FRAME, HOP = 512, 128
STEP = 80
"""samples between the points of a contour (5 ms)"""

CUES = ("pitch", "span", "tempo", "energy", "tilt", "rough", "breath", "rise", "open", "smile")
"""semitones; log ratio; log ratio; dB; dB per octave; 0..2; dB; semitones; log ratio of F1; of all"""
EMOTIONS = {
    "neutral": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "happiness": (3.5, 0.45, 0.10, 3.0, 1.2, 0.0, -1.0, 1.5, 0.05, 0.06),
    "sadness": (-1.5, -0.50, -0.22, -5.0, -2.2, 0.2, 5.0, -1.5, -0.09, -0.03),
    "surprise": (5.0, 0.70, 0.00, 2.0, 0.3, -0.1, 2.0, 5.0, 0.10, -0.02),
    "fear": (4.5, -0.30, 0.24, -1.5, 1.0, 0.6, 4.0, 0.5, -0.08, 0.03),
    "disgust": (-1.2, 0.00, -0.18, -1.0, -0.6, 1.0, -1.0, -1.5, 0.09, -0.06),
    "anger": (2.0, 0.35, 0.10, 6.0, 2.6, 0.7, -4.0, -1.0, 0.12, 0.00),
    "calm": (-0.6, -0.20, -0.10, -1.5, -0.6, 0.0, 1.0, -0.4, 0.00, 0.00),
    "boredom": (-1.8, -0.60, -0.25, -2.5, -1.0, 0.1, 0.0, -1.0, -0.05, -0.02),
}
SPREAD = np.array((1.3, 0.20, 0.08, 1.6, 0.7, 0.25, 2.0, 1.0, 0.04, 0.02))
"""standard deviation of each cue from clip to clip"""
OWN_WAY, OWN_WEIGHT = 0.6, 0.2
"""how far corpora lie apart in what an emotion does to the voice, per unit of shift: an offset in units of
SPREAD for every emotion and cue, and a log weight for every cue"""
HABIT = np.array((0.9, 0.08, 0.04, 0.8, 0.4, 0.1, 1.0, 0.3, 0.015, 0.022))
"""how far speakers lie apart in each cue whatever they feel, per unit of shift"""

# F1, F2, F3 in Hz of ten vowels of men
VOWELS = np.array(
    [
        (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
        (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
    ],
    dtype=float,
)  # fmt: skip
UPPER = (3500.0, 4500.0)
BANDWIDTHS = np.array((70, 95, 130, 220, 300), dtype=np.float32)
FREQUENCIES = np.fft.rfftfreq(FRAME, 1 / RATE).astype(np.float32)
WINDOW = np.sqrt(np.hanning(FRAME + 1)[:-1] / 2).astype(np.float32)
OCTAVES = np.log2(np.maximum(FREQUENCIES, 300) / 1000).astype(np.float32)


@dataclass(frozen=True)
class Clip:
    """What one clip is to sound like; `name` and the seed decide every random draw of it."""

    corpus: str
    name: str
    path: str
    """relative to the raw folder"""
    speaker: str
    gender: str
    """female, male"""
    emotion: str
    """the emotion that the voice acts: a key of EMOTIONS"""
    sentence: str
    """the same sentence has the same syllables"""
    strength: float = 1.0
    """of the emotion, 1 = full"""
    syllables: tuple[int, int] = (5, 7)
    rate: int = RATE
    """of the file, in Hz"""
    seconds: float | None = None
    """the length of the whole file where it is prescribed: room noise fills what speech leaves"""


@dataclass(frozen=True)
class Manner:
    """The way of a corpus: what its emotions do to the cues, and how it was recorded."""

    cues: dict[str, np.ndarray]
    channel: np.ndarray
    """gain at each of FREQUENCIES"""
    gain: float
    """dB"""
    noise: float
    """dB relative to full scale"""
    tempo: float
    """log ratio"""


def seeded(seed: int, *names: str) -> np.random.Generator:
    """Return the generator that belongs to `names` under `seed`, whatever else is drawn before it."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def _even(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw with mean 0 and variance 1 but bounded, so that no seed gives a monstrous corpus."""
    return rng.uniform(-np.sqrt(3), np.sqrt(3), shape)


@lru_cache(maxsize=64)
def corpus_way(seed: int, corpus: str, shift: float) -> Manner:
    """Return how `corpus` differs from the others; at shift 0 not at all."""
    rng = seeded(seed, "corpus", corpus)
    weight = np.exp(OWN_WEIGHT * shift * _even(rng, len(CUES)))
    # drawn for every emotion in a fixed order: the table may grow at its end without moving the others
    cues = {
        emotion: weight * np.array(cue) + OWN_WAY * shift * SPREAD * _even(rng, len(CUES))
        for emotion, cue in EMOTIONS.items()
    }
    knots = np.linspace(0, RATE / 2, 8)
    equaliser = np.interp(FREQUENCIES, knots, 1.5 * shift * _even(rng, 8)) - 0.6 * shift * abs(OCTAVES)
    gain, noise, tempo = _even(rng, 3)
    return Manner(
        cues=cues,
        channel=(10 ** (np.clip(equaliser, -40, 20) / 20)).astype(np.float32),
        gain=float(np.clip(2 * shift * gain, -12, 5)),
        noise=float(np.clip(-62 + 2.5 * shift * noise, -75, -45)),
        tempo=float(0.06 * shift * tempo),
    )


@lru_cache(maxsize=512)
def speaker_habit(seed: int, corpus: str, speaker: str, shift: float) -> np.ndarray:
    """Return a speaker's own offset of each cue; at shift 0 none."""
    return shift * HABIT * _even(seeded(seed, "speaker", corpus, speaker), len(CUES))


def speak(clip: Clip, *, seed: int, shift: float) -> np.ndarray:
    """Synthesise a clip at 16 kHz.

    Args:
        clip: what to say and how.
        seed: of the whole set.
        shift: how far speakers and corpora lie apart, 0..4.

    Returns:
        float32, one channel, |x| < 1.
    """
    rng = seeded(seed, clip.corpus, clip.name)
    way = corpus_way(seed, clip.corpus, shift)
    cue = _cues(clip, way, speaker_habit(seed, clip.corpus, clip.speaker, shift), rng)
    lead, tail = rng.uniform(0.03, 0.08, 2)
    room = None if clip.seconds is None else clip.seconds - lead - 0.02
    durations, vowels, fricative = _syllables(clip, cue["tempo"], room, rng)
    voice = _voice(durations, vowels, fricative, cue, clip.gender, way.channel, rng)
    seconds = clip.seconds or lead + len(voice) / RATE + tail
    sound = _noise(round(seconds * RATE), way, rng)
    start = round(lead * RATE)
    voice = voice[: len(sound) - start]
    level = 10 ** ((-25 + cue["energy"] + way.gain) / 20) / (np.sqrt(np.mean(voice**2)) + 1e-9)
    sound[start : start + len(voice)] += np.float32(level) * voice
    return 0.95 * np.tanh(sound / 0.95)  # loud emotions meet a soft limiter, not the ceiling of 16 bits


def _cues(clip: Clip, way: Manner, habit: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    strength = clip.strength * rng.uniform(0.6, 1.3)
    values = strength * way.cues[clip.emotion] + habit + SPREAD * rng.standard_normal(len(CUES))
    cue = dict(zip(CUES, values.tolist(), strict=True))
    cue["tempo"] += way.tempo
    limits = {
        "pitch": (-7, 14), "span": (-1.2, 1.4), "tempo": (-0.5, 0.5), "energy": (-14, 14), "tilt": (-5, 5),
        "rough": (0, 2), "breath": (-10, 14), "rise": (-6, 9), "open": (-0.25, 0.3), "smile": (-0.15, 0.15),
    }  # fmt: skip
    return {name: float(np.clip(value, *limits[name])) for name, value in cue.items()}


def _syllables(
    clip: Clip, tempo: float, room: float | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each syllable's length in seconds, its vowel and whether it begins with frication."""
    fixed = seeded(0, "sentence", clip.sentence)
    low, high = clip.syllables
    count = int(fixed.integers(low, high + 1))
    vowels = VOWELS[fixed.integers(0, len(VOWELS), count)]
    fricative = fixed.random(count) < 0.4
    length = fixed.uniform(0.75, 1.25, count) * rng.uniform(0.88, 1.12, count)
    durations = length * np.exp(-tempo) / 5.7
    if room is not None:
        durations *= min(1.0, room / durations.sum())
    return durations, vowels, fricative


def _voice(durations, vowels, fricative, cue, gender, channel, rng) -> np.ndarray:
    """Return the bare voice, without room or level."""
    ends = np.cumsum(durations)
    times = np.arange(0, ends[-1], STEP / RATE)
    centres = ends - durations / 2
    n = len(times) * STEP
    loudness, frication = _envelopes(times, durations, ends, centres, fricative, rng)
    loudness, frication = _per_sample(loudness, n), _per_sample(frication, n)
    f0 = _per_sample(_f0(times, centres, durations, cue, gender, rng), n)
    source = _source(f0, loudness, cue, rng)
    hiss = rng.standard_normal(n, dtype=np.float32) * frication
    spectrum = _frames(source) * _formants(times, centres, durations, vowels, cue, gender, n)
    hump = np.exp(-0.5 * ((FREQUENCIES - 4800) / 1300) ** 2)
    spectrum += _frames(hiss) * (0.25 * hump)
    tilt = 10 ** (np.float32(cue["tilt"]) * OCTAVES / 20)
    return _overlap(spectrum * (tilt * channel), n)


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
    # a rough voice lets every other cycle come weaker, which is heard as creak
    pulse *= 1 - np.float32(min(0.5, 0.3 * cue["rough"])) * (cycle % 2).astype(np.float32)
    breath = 10 ** ((-24 + cue["breath"]) / 20)
    noise = rng.standard_normal(len(f0), dtype=np.float32) * np.float32(breath)
    return loudness * (pulse + noise * (0.6 + 0.4 * (opened < 1)))


def _formants(times, centres, durations, vowels, cue, gender, n) -> np.ndarray:
    """Return the response of the vocal tract in every frame: frames × frequencies, complex."""
    tract = (1.0 if gender == "male" else 1.16) * np.exp(cue["smile"])
    at = np.arange(_frame_count(n)) * HOP / RATE
    knots = np.column_stack([centres - durations / 5, centres + durations / 5]).ravel()
    tracks = [np.interp(at, knots, np.repeat(vowels[:, k], 2)) for k in range(3)]
    tracks[0] = tracks[0] * np.exp(cue["open"])
    tracks += [np.full(len(at), upper) for upper in UPPER]
    response = np.ones((len(at), len(FREQUENCIES)), np.complex64)
    square = FREQUENCIES**2
    for track, bandwidth in zip(tracks, BANDWIDTHS, strict=True):
        centre = (track * tract).astype(np.float32)[:, None] ** 2
        response *= centre - square + 1j * (bandwidth * FREQUENCIES)
        response /= centre  # kept near 1, since five squares of Hz would overflow
    return 1 / response


def _noise(n: int, way: Manner, rng) -> np.ndarray:
    """Return the room: noise that falls by 3 dB or so per octave, through the channel."""
    white = rng.standard_normal(n, dtype=np.float32)
    falling = np.convolve(white, np.array([0.6, 0.3, 0.2, 0.1], np.float32))[:n]
    return falling * np.float32(10 ** (way.noise / 20))


def _per_sample(contour: np.ndarray, n: int) -> np.ndarray:
    return np.interp(np.arange(n), np.arange(len(contour)) * STEP, contour).astype(np.float32)


def _frame_count(n: int) -> int:
    return -(-n // HOP) + FRAME // HOP - 1


def _frames(signal: np.ndarray) -> np.ndarray:
    count = _frame_count(len(signal))
    padded = np.zeros((count - 1) * HOP + FRAME, np.float32)
    padded[FRAME - HOP : FRAME - HOP + len(signal)] = signal
    return fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * WINDOW)


def _overlap(spectrum: np.ndarray, n: int) -> np.ndarray:
    frames = (fft.irfft(spectrum, FRAME) * WINDOW).reshape(len(spectrum), FRAME // HOP, HOP)
    out = np.zeros((len(spectrum) + FRAME // HOP - 1, HOP), np.float32)
    for part in range(FRAME // HOP):
        out[part : part + len(spectrum)] += frames[:, part]
    return out.ravel()[FRAME - HOP : FRAME - HOP + n]
