"""A small source-filter synthesiser: voiced babble whose prosody and voice quality depend on an emotion.

A recording is a chain of syllables. A glottal pulse train (the KLGLOTT88 polynomial, Klatt & Klatt 1990) with
jitter follows an f0 contour made of declination, syllable accents and a final rise or fall; breath is noise
of the same envelope; five formants wander between the vowels of Peterson & Barney (1952); some syllables
begin with frication. One short-time spectrum carries formants, spectral tilt and the recording channel, so
that a second of speech costs about two milliseconds.

Emotions change ten cues in the directions that reviews of vocal expression agree on: Juslin & Laukka (2003,
Psychological Bulletin 129, table 7), Scherer (2003, Speech Communication 40, table 1) and, for boredom, disgust and the
raised formants of a smile, Banse & Scherer (1996) and Tartter (1980). The sizes of the changes are our choice.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

RATE = 16_000
"""The sampling rate of the synthesis, in Hz."""
FRAME, HOP = 512, 128
"""The length and the distance of spectral frames, in samples."""
STEP = 80
"""The distance of the points of a contour, in samples (5 ms)."""

CUES = ("pitch", "span", "tempo", "energy", "tilt", "rough", "breath", "rise", "open", "smile")
"""The cues, in semitones; log ratio; log ratio; dB; dB per octave; 0 to 2; dB; semitones; log ratio of F1; log ratio of
all formants."""
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
"""The standard deviation of each cue between recordings."""
CORPUS_OFFSET, CORPUS_LOG_WEIGHT = 0.6, 0.2
"""The spread of corpora in the effect of an emotion on the voice, per unit of shift: an offset in units of SPREAD for
every emotion and cue, and a log weight for every cue."""
SPEAKER_SPREAD = np.array((0.9, 0.08, 0.04, 0.8, 0.4, 0.1, 1.0, 0.3, 0.015, 0.022))
"""The spread of speakers in each cue, whatever the emotion, per unit of shift."""

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
    """The description of one synthetic recording. All its random numbers depend on `name` and the seed."""

    corpus: str
    name: str
    path: str
    """The path of the file, relative to the raw folder."""
    speaker: str
    gender: str
    """One of female, male."""
    emotion: str
    """The emotion that the voice acts, a key of EMOTIONS."""
    sentence: str
    """The id of the sentence. The same sentence has the same syllables."""
    strength: float = 1.0
    """The strength of the emotion; 1 is full."""
    syllables: tuple[int, int] = (5, 7)
    """The smallest and the largest number of syllables."""
    rate: int = RATE
    """The sampling rate of the file, in Hz."""
    seconds: float | None = None
    """The duration of the whole file in seconds, if it is prescribed. Room noise fills the rest."""


@dataclass(frozen=True)
class CorpusProperties:
    """The properties of a corpus: the effect of emotions on the cues, and the recording channel."""

    cues: dict[str, np.ndarray]
    channel: np.ndarray
    """The gain at each of FREQUENCIES."""
    gain: float
    """The gain, in dB."""
    noise: float
    """The level of room noise, in dB relative to full scale."""
    tempo: float
    """The tempo, as a log ratio."""


@dataclass(frozen=True)
class Syllables:
    """The syllables of a recording."""

    durations: np.ndarray
    """The duration of each syllable in seconds, of shape (n,)."""
    vowels: np.ndarray
    """The first three formants of each syllable in Hz, of shape (n, 3)."""
    fricative: np.ndarray
    """Whether each syllable begins with frication, of shape (n,)."""


def seeded(seed: int, *names: str) -> np.random.Generator:
    """Return a random generator that depends on `seed` and `names` only."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def _even(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw bounded numbers with mean 0 and variance 1, so that no seed gives an extreme corpus."""
    return rng.uniform(-np.sqrt(3), np.sqrt(3), shape)


@lru_cache(maxsize=64)
def corpus_properties(seed: int, corpus: str, shift: float) -> CorpusProperties:
    """Return how `corpus` differs from the others. At shift 0 it does not differ."""
    rng = seeded(seed, "corpus", corpus)
    weight = np.exp(CORPUS_LOG_WEIGHT * shift * _even(rng, len(CUES)))
    # drawn in a fixed order, so that new emotions at the end of the table do not change the others
    cues = {
        emotion: weight * np.array(cue) + CORPUS_OFFSET * shift * SPREAD * _even(rng, len(CUES))
        for emotion, cue in EMOTIONS.items()
    }
    knots = np.linspace(0, RATE / 2, 8)
    equaliser = np.interp(FREQUENCIES, knots, 1.5 * shift * _even(rng, 8)) - 0.6 * shift * abs(OCTAVES)
    gain, noise, tempo = _even(rng, 3)
    return CorpusProperties(
        cues=cues,
        channel=(10 ** (np.clip(equaliser, -40, 20) / 20)).astype(np.float32),
        gain=float(np.clip(2 * shift * gain, -12, 5)),
        noise=float(np.clip(-62 + 2.5 * shift * noise, -75, -45)),
        tempo=float(0.06 * shift * tempo),
    )


@lru_cache(maxsize=512)
def speaker_offset(seed: int, corpus: str, speaker: str, shift: float) -> np.ndarray:
    """Return a speaker's offset of each cue; 0 at shift 0."""
    return shift * SPEAKER_SPREAD * _even(seeded(seed, "speaker", corpus, speaker), len(CUES))


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
    cue = _cues(clip, properties, speaker_offset(seed, clip.corpus, clip.speaker, shift), rng)
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


def _cues(clip: Clip, properties: CorpusProperties, offset: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    strength = clip.strength * rng.uniform(0.6, 1.3)
    values = strength * properties.cues[clip.emotion] + offset + SPREAD * rng.standard_normal(len(CUES))
    cue = dict(zip(CUES, values.tolist(), strict=True))
    cue["tempo"] += properties.tempo
    limits = {
        "pitch": (-7, 14), "span": (-1.2, 1.4), "tempo": (-0.5, 0.5), "energy": (-14, 14), "tilt": (-5, 5),
        "rough": (0, 2), "breath": (-10, 14), "rise": (-6, 9), "open": (-0.25, 0.3), "smile": (-0.15, 0.15),
    }  # fmt: skip
    return {name: float(np.clip(value, *limits[name])) for name, value in cue.items()}


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
    spectrum = _frames(source) * _formants(centres, syllables, cue, gender, n)
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
    # in a rough voice every other cycle is weaker, which sounds like creak
    pulse *= 1 - np.float32(min(0.5, 0.3 * cue["rough"])) * (cycle % 2).astype(np.float32)
    breath = 10 ** ((-24 + cue["breath"]) / 20)
    noise = rng.standard_normal(len(f0), dtype=np.float32) * np.float32(breath)
    return loudness * (pulse + noise * (0.6 + 0.4 * (opened < 1)))


def _formants(centres, syllables: Syllables, cue, gender, n) -> np.ndarray:
    """Return the response of the vocal tract in every frame: frames × frequencies, complex."""
    tract = (1.0 if gender == "male" else 1.16) * np.exp(cue["smile"])
    at = np.arange(_frame_count(n)) * HOP / RATE
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
    for shift in range(FRAME // HOP):
        out[shift : shift + len(spectrum)] += frames[:, shift]
    return out.ravel()[FRAME - HOP : FRAME - HOP + n]
