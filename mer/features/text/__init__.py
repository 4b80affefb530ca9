"""What is said: extractors, and how a manifest's texts get their vectors."""

from collections.abc import Callable, Sequence

import numpy as np

from mer.features.extractor import Extractor, Resources, Scaling, Unavailable, VectorFunction, specification
from mer.features.text import encoder, hashing, tfidf
from mer.features.text.extract import extract, keys
from mer.features.text.transcripts import fill_in, transcribe
from mer.params.schema import TextFeatures

__all__ = ["EXTRACTORS", "extract", "fill_in", "keys", "spec", "transcribe"]


def _bag(version: int, counts: Callable[[Sequence[str], int, bool], np.ndarray], scaling: Scaling) -> Extractor:
    """An extractor that counts words.

    They never are scaled each by itself: dividing a rare word by its tiny deviation would make it the loudest of all.
    """

    def describe(section: TextFeatures) -> dict:
        return {"width": section.dimensions} | ({"marked": True} if section.speakers != "none" else {})

    def open_extractor(section: TextFeatures, resources: Resources) -> VectorFunction:
        def compute(texts: Sequence[str]) -> list[np.ndarray | Unavailable]:
            vectors = counts(texts, section.dimensions, section.speakers != "none")
            return [v if v.any() else Unavailable("no words in the text") for v in vectors]

        return compute

    return Extractor(version=version, describe=describe, open=open_extractor, scaling=scaling, trained=False)


EXTRACTORS = {
    "hashing": _bag(hashing.VERSION, hashing.hashed_words, "shared"),
    "tfidf": _bag(tfidf.VERSION, tfidf.term_frequencies, "idf"),
    "encoder": Extractor(
        version=encoder.VERSION, describe=encoder.describe, open=encoder.open_extractor, scaling="each", trained=True
    ),
}


def spec(section: TextFeatures) -> dict:
    """Return everything that determines a linguistic vector besides the text."""
    return specification(section.extractor, EXTRACTORS[section.extractor], section)
