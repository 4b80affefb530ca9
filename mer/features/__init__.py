"""Extractors (acoustic, linguistic) and the store of their vectors."""

from mer.features.extract import Features, acoustic_spec, extract_audio, extract_text, linguistic_spec, load
from mer.features.store import Store

__all__ = ["Features", "Store", "acoustic_spec", "extract_audio", "extract_text", "linguistic_spec", "load"]
