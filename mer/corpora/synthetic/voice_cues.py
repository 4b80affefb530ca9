"""The cues by which a synthetic voice expresses an emotion, and how speakers and corpora differ in them.

Emotions change ten cues in the directions that reviews of vocal expression agree on: Juslin & Laukka (2003,
Psychological Bulletin 129, table 7), Scherer (2003, Speech Communication 40, table 1) and, for boredom, disgust and the
raised formants of a smile, Banse & Scherer (1996) and Tartter (1980). The sizes of the changes are our choice.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mer.corpora.synthetic.clip import RATE, Clip, seeded
from mer.corpora.synthetic.spectral_frames import FREQUENCIES

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
OCTAVES = np.log2(np.maximum(FREQUENCIES, 300) / 1000).astype(np.float32)
"""The distance of each frequency from 1 kHz, in octaves; below 300 Hz that of 300 Hz."""


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


def drawn_cues(
    clip: Clip, properties: CorpusProperties, offset: np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    """Return the value of each cue in one recording.

    Args:
        properties: as from `corpus_properties`.
        offset: as from `speaker_offset`.
        rng: random generator of the recording.
    """
    strength = clip.strength * rng.uniform(0.6, 1.3)
    values = strength * properties.cues[clip.emotion] + offset + SPREAD * rng.standard_normal(len(CUES))
    cue = dict(zip(CUES, values.tolist(), strict=True))
    cue["tempo"] += properties.tempo
    limits = {
        "pitch": (-7, 14), "span": (-1.2, 1.4), "tempo": (-0.5, 0.5), "energy": (-14, 14), "tilt": (-5, 5),
        "rough": (0, 2), "breath": (-10, 14), "rise": (-6, 9), "open": (-0.25, 0.3), "smile": (-0.15, 0.15),
    }  # fmt: skip
    return {name: float(np.clip(value, *limits[name])) for name, value in cue.items()}
