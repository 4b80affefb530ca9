"""What is said: extractors, and how a manifest's texts get their vectors."""

from mer.features.extractor import Absent, Compute, Extractor, specification
from mer.features.linguistic import encoder, hashing
from mer.features.linguistic.extract import extract, keys
from mer.params.schema import Linguistic

__all__ = ["EXTRACTORS", "extract", "keys", "spec"]


def _hashing(section: Linguistic, _) -> Compute:
    def compute(texts):
        vectors = hashing.hashed_words(texts, section.dimensions)
        return [v if v.any() else Absent("no words in the text") for v in vectors]

    return compute


EXTRACTORS = {
    "hashing": Extractor(hashing.VERSION, lambda section: {"width": section.dimensions}, _hashing),
    "encoder": Extractor(encoder.VERSION, encoder.describe, encoder.open_),
}


def spec(section: Linguistic) -> dict:
    """Return everything that determines a linguistic vector besides the text."""
    return specification(section.extractor, EXTRACTORS[section.extractor], section)
