"""Text features: the extraction of a manifest's transcripts, and one module per extractor."""

from mer.features import registry
from mer.features.extractor import specification
from mer.features.text.extract import extract, keys
from mer.features.text.transcripts import fill_in, transcribe
from mer.params.schema import TextFeatures

__all__ = ["extract", "fill_in", "keys", "spec", "transcribe"]


def spec(section: TextFeatures) -> dict:
    """Return everything besides the text that determines its vector."""
    return specification(section.extractor, registry.of_input(section), section)
