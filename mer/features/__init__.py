"""Extractors of audio, text and video, and the store of their vectors."""

from mer.features.extractor import Resources
from mer.features.store import MissingVectors, Store
from mer.features.table import extract_table
from mer.features.text import fill_in, transcribe
from mer.features.vectors import Features, extract, keys, load, read_keys, save_keys, specs

__all__ = [
    "Features",
    "MissingVectors",
    "Resources",
    "Store",
    "extract",
    "extract_table",
    "fill_in",
    "keys",
    "load",
    "read_keys",
    "save_keys",
    "specs",
    "transcribe",
]  # fmt: skip
