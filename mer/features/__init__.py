"""Extractors (acoustic, linguistic, visual) and the store of their vectors."""

from mer.features.extractor import Where
from mer.features.store import Store
from mer.features.vectors import Features, extract, keys, load, specs

__all__ = ["Features", "Store", "Where", "extract", "keys", "load", "specs"]
