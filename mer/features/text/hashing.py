"""Counts of words, hashed into a fixed number of dimensions."""

from collections.abc import Sequence

import numpy as np

from mer.features.text import bag_of_words

VERSION = 1


def hashed_words(texts: Sequence[str], dimensions: int = 768, marked: bool = False) -> np.ndarray:
    """Return L2-normalised counts of hashed lower-case words.

    Nothing is fitted, so no information about test rows can leak (Weinberger et al. 2009, "Feature hashing for large
    scale multitask learning"). Counts are normalised, because raw counts grow with the length of the text.

    Args:
        texts: inputs (mer/features/text/dialogue.py); all turns but the last are context.
        marked: whether turns begin with their speaker.

    Returns:
        shape (len(texts), dimensions), float32 in [0, 1]; a text without words is all zeros.
    """
    return bag_of_words.counts(texts, dimensions, marked)


EXTRACTOR = bag_of_words.extractor(VERSION, hashed_words, "shared")
