"""What is said: extractors, and how a manifest's texts get their vectors."""

from collections.abc import Callable, Sequence

import numpy as np

from mer.features.extractor import Absent, Compute, Extractor, Where, specification
from mer.features.linguistic import encoder, hashing, tfidf
from mer.features.linguistic.extract import extract, keys
from mer.features.linguistic.transcripts import fill_in, transcribe
from mer.params.schema import Linguistic

__all__ = ["EXTRACTORS", "extract", "fill_in", "keys", "spec", "transcribe"]


def _bag(version: int, counts: Callable[[Sequence[str], int, bool], np.ndarray]) -> Extractor:
    """An extractor that counts words."""

    def describe(section: Linguistic) -> dict:
        return {"width": section.dimensions} | ({"marked": True} if section.speakers != "none" else {})

    def open_(section: Linguistic, where: Where) -> Compute:
        def compute(texts: Sequence[str]) -> list[np.ndarray | Absent]:
            vectors = counts(texts, section.dimensions, section.speakers != "none")
            return [v if v.any() else Absent("no words in the text") for v in vectors]

        return compute

    return Extractor(version, describe, open_)


EXTRACTORS = {
    "hashing": _bag(hashing.VERSION, hashing.hashed_words),
    "tfidf": _bag(tfidf.VERSION, tfidf.term_frequencies),
    "encoder": Extractor(encoder.VERSION, encoder.describe, encoder.open_),
}


def spec(section: Linguistic) -> dict:
    """Return everything that determines a linguistic vector besides the text."""
    return specification(section.extractor, EXTRACTORS[section.extractor], section)
