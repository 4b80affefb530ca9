"""Extractors (acoustic, linguistic, visual) and the store of their vectors."""

from mer.features.extractor import Where
from mer.features.store import Lacking, Store
from mer.features.text import fill_in, transcribe
from mer.features.vectors import Features, extract, keys, load, read_keys, save_keys, specs

__all__ = [
    "Features", "Lacking", "Store", "Where", "extract", "fill_in", "keys", "load", "read_keys", "save_keys", "specs",
    "transcribe",
]  # fmt: skip
