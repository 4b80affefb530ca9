"""Recipes: what is done to one recording, drawn at random from a study's section `augmentation`.

A recipe depends on the section, on the recording and its possible partners, and on the number of the variant. It does
not depend on other recordings. Its address identifies the result.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mer import files
from mer.media.augmentation import alterations
from mer.media.augmentation.codecs import ENCODINGS, coded
from mer.params.augmentation import KINDS, Augmentation

VERSION = 1
"""The version of the alterations. It is raised whenever the same recipe gives other samples."""
VOICES = 4
"""The number of recordings that babble is mixed of, if there are as many."""
ADDRESS = "augmented:"
"""The beginning of the address of an altered recording."""

Read = Callable[[str], np.ndarray]
"""A function from the key of a recording to its samples, shape (n,)."""


@dataclass(frozen=True)
class Recipe:
    """The alterations of one recording.

    Attributes:
        key: the key of the recording.
        steps: kind and parameters of each alteration, in order; keys of partners are among the parameters.
        stream: identifies the random numbers of noise and reverberation.
    """

    key: str
    steps: tuple[tuple[str, dict[str, Any]], ...]
    stream: str = ""

    @property
    def address(self) -> str:
        """The key of the altered recording."""
        return ADDRESS + files.digest([VERSION, self.key, self.steps, self.stream])

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of all recordings that it is made from, the altered one first."""
        partners = (key for _, parameters in self.steps for key in parameters.get("partners", ()))
        return tuple(dict.fromkeys([self.key, *partners]))


def draw(
    section: Augmentation, key: str, variant: int, same_class: Sequence[str] = (), voices: Sequence[str] = ()
) -> Recipe | None:
    """Draw the alterations of one variant of a recording.

    Args:
        section: the section `augmentation`.
        key: the key of the recording, on which the random numbers depend.
        variant: number of the variant.
        same_class: keys of recordings of the same speaker and class, in ascending order, for copy-paste.
        voices: keys of recordings that may be mixed to babble, in ascending order.

    Returns:
        None if the section has alterations with partners only, and there is none.
    """
    generator = _generator("draw", section.seed, variant, key)
    partners = {"copy_paste": _Partners(same_class, key), "noise": _Partners(voices, key)}
    possible = [kind for kind in section.alterations if _is_possible(section, kind, partners)]
    if not possible:
        return None
    count = min(section.per_variant, len(possible))
    chosen = sorted(generator.choice(len(possible), count, replace=False))
    steps = tuple((kind, _parameters(section, kind, partners, generator)) for kind in (possible[i] for i in chosen))
    return Recipe(key, steps, files.digest([section.seed, variant]))


def apply(recipe: Recipe, read: Read, max_samples: int | None = None) -> np.ndarray:
    """Return the altered recording, float32 of shape (n,).

    Args:
        recipe: the alterations.
        read: reads the recording and its partners.
        max_samples: the length to which a longer result is cut.
    """
    samples, generator = read(recipe.key).astype(np.float64), _generator("apply", recipe.address)
    for kind, parameters in recipe.steps:
        samples = _STEPS[kind](samples, parameters, read, generator)
    return samples[:max_samples].astype(np.float32)


class _Partners:
    """Possible partners of a recording: sorted keys without its own. There may be many, so that they are not copied."""

    def __init__(self, keys: Sequence[str], own: str) -> None:
        self._keys, place = keys, bisect_left(keys, own)
        self._own = place if place < len(keys) and keys[place] == own else len(keys)

    def __len__(self) -> int:
        return len(self._keys) - (self._own < len(self._keys))

    def some(self, count: int, generator: np.random.Generator) -> list[str]:
        """Return some of them, each once."""
        chosen = generator.choice(len(self), min(count, len(self)), replace=False)
        return [self._keys[place + (place >= self._own)] for place in chosen]


def _is_possible(section: Augmentation, kind: str, partners: dict[str, _Partners]) -> bool:
    if kind == "noise" and section.noise.kinds != ("babble",):
        return True
    return kind not in partners or len(partners[kind]) > 0


def _parameters(
    section: Augmentation, kind: str, partners: dict[str, _Partners], generator: np.random.Generator
) -> dict[str, Any]:
    """Draw the parameters of one alteration; they are JSON types."""
    one = section.alterations[kind]
    if kind == "copy_paste":
        return {"way": str(generator.choice(one.ways)), "partners": partners[kind].some(1, generator)}
    if kind == "noise":
        kinds = [name for name in one.kinds if name != "babble" or len(partners[kind])]
        noise = str(generator.choice(kinds))
        voices = {"partners": partners[kind].some(VOICES, generator)} if noise == "babble" else {}
        return {"noise": noise, "snr": float(generator.uniform(*one.snr)), **voices}
    if kind == "codec":
        codec = str(generator.choice(one.kinds))
        return {"codec": codec, "kilobits": float(generator.choice(ENCODINGS[codec].kilobits))}
    return {name: float(generator.uniform(*limits)) for name, limits in one}


def _copy_paste(samples: np.ndarray, parameters: dict, read: Read, _: np.random.Generator) -> np.ndarray:
    other = alterations.at_level_of(read(parameters["partners"][0]).astype(np.float64), samples)
    if parameters["way"] == "concatenate":
        return np.concatenate([samples, other])
    mixture = samples + np.pad(other[: len(samples)], (0, max(0, len(samples) - len(other))))
    return alterations.at_level_of(mixture, samples)


def _speed(samples: np.ndarray, parameters: dict, _: Read, __: np.random.Generator) -> np.ndarray:
    return alterations.sped(samples, parameters["factor"])


def _pitch(samples: np.ndarray, parameters: dict, _: Read, __: np.random.Generator) -> np.ndarray:
    altered = alterations.transposed(samples, 2 ** (parameters["semitones"] / 12))[: len(samples)]
    return np.pad(altered, (0, len(samples) - len(altered)))


def _reverberation(samples: np.ndarray, parameters: dict, _: Read, generator: np.random.Generator) -> np.ndarray:
    ratio = parameters["direct_to_reverberant"]
    return alterations.at_level_of(alterations.reverberated(samples, parameters["t60"], ratio, generator), samples)


def _noise(samples: np.ndarray, parameters: dict, read: Read, generator: np.random.Generator) -> np.ndarray:
    if parameters["noise"] == "babble":
        voices = [read(key).astype(np.float64) for key in parameters["partners"]]
        other = alterations.babble(len(samples), voices, generator)
    elif parameters["noise"] == "pink":
        other = alterations.pink_noise(len(samples), generator)
    else:
        other = generator.normal(size=len(samples))
    return alterations.mixed(samples, other, parameters["snr"])


def _gain(samples: np.ndarray, parameters: dict, _: Read, __: np.random.Generator) -> np.ndarray:
    return alterations.amplified(samples, parameters["decibels"])


def _codec(samples: np.ndarray, parameters: dict, _: Read, __: np.random.Generator) -> np.ndarray:
    return coded(samples, parameters["codec"], parameters["kilobits"])


_STEPS = dict(
    zip(KINDS, (_copy_paste, _speed, _pitch, _reverberation, _noise, _gain, _codec), strict=True)
)  # of the same order as `KINDS`


def _generator(*identity: object) -> np.random.Generator:
    text = files.digest([VERSION, *identity])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))
