"""The description of a synthetic recording, and the random numbers that depend on nothing else."""

import zlib
from dataclasses import dataclass

import numpy as np

RATE = 16_000
"""The sampling rate of the synthesis, in Hz."""


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


def seeded(seed: int, *names: str) -> np.random.Generator:
    """Return a random generator that depends on `seed` and `names` only."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
