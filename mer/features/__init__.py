"""Extractors of audio, text and video, and the store of their vectors.

The package is also a function, `mer.features(files)`: a package and a function of one name cannot stand beside each
other, because the import of the package would replace the function.
"""

import sys
from types import ModuleType

from mer.features.augmented import AugmentedRows, augment
from mer.features.extractor import Resources
from mer.features.store import MissingVectors, Store
from mer.features.table import extract_table
from mer.features.text import fill_in, transcribe
from mer.features.vectors import Features, extract, keys, load, read_augmented, read_keys, save_keys, specs

__all__ = [
    "AugmentedRows",
    "Features",
    "MissingVectors",
    "Resources",
    "Store",
    "augment",
    "extract",
    "extract_table",
    "fill_in",
    "keys",
    "load",
    "read_augmented",
    "read_keys",
    "save_keys",
    "specs",
    "transcribe",
]  # fmt: skip


class _Features(ModuleType):
    def __call__(self, sources, sr: int | None = None, extractor: str = "functionals", **options):
        """Return the features of files, folders, arrays or texts as a table (`extract_table`).

        Args:
            sources: paths, arrays or texts, one or several.
            sr: the sampling rate of arrays, in Hz.
            extractor: the name of an extractor.
            options: further arguments of `extract_table`, such as parameters of the extractor.
        """
        return extract_table(sources, extractor, sampling_rate=sr, **options)


sys.modules[__name__].__class__ = _Features
