"""The extractors by modality and name. Each is imported when it is first used.

The names are those of the parameter `extractor` (mer/params/features.py). Each is a module of the modality's package
with the constant `EXTRACTOR`.
"""

import importlib
from typing import get_args

from mer.features.extractor import Extractor, Scaling
from mer.params.features import SECTIONS, Input


def names(modality: object) -> tuple[str, ...]:
    """Return the names of a modality's extractors; none for an unknown modality.

    >>> names("text"), names("taste")
    (('hashing', 'tfidf', 'encoder'), ())
    """
    section = SECTIONS.get(modality) if isinstance(modality, str) else None
    return get_args(section.model_fields["extractor"].annotation) if section else ()


def extractor(modality: str, name: str) -> Extractor:
    """Return an extractor.

    Raises:
        ValueError: the modality has no such extractor.

    >>> extractor("audio", "mfcc").trained
    False
    """
    if name not in names(modality):
        raise ValueError(f"{modality}: the extractor {name!r} does not exist; there are "
                         f"{', '.join(names(modality)) or 'none'}")  # fmt: skip
    return _module(modality, name).EXTRACTOR


def of_input(section: Input) -> Extractor:
    """Return the extractor of an input."""
    return extractor(section.modality, section.extractor)


def handmade(modality: object, name: object) -> bool:
    """Return whether an extractor was not trained; false if it does not exist.

    >>> [handmade("audio", name) for name in ("mfcc", "encoder", "tfidf", None)]
    [True, False, False, False]
    """
    return name in names(modality) and not extractor(modality, name).trained


def scaling(modality: str, name: str) -> Scaling:
    """Return how the vectors of an extractor are scaled.

    Raises:
        ValueError: the modality has no such extractor.

    >>> scaling("text", "tfidf"), scaling("audio", "mfcc")
    ('idf', 'each')
    """
    return extractor(modality, name).scaling


def _module(modality: str, name: str):
    """Import the module. Packages are written in full, so that mer/code_dependencies.py finds their modules."""
    if modality == "audio":
        return importlib.import_module(f"mer.features.audio.{name}")
    if modality == "text":
        return importlib.import_module(f"mer.features.text.{name}")
    return importlib.import_module(f"mer.features.video.{name}")
