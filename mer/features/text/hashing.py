"""Words hashed into a fixed number of counts."""

from collections.abc import Sequence

import numpy as np

from mer.features.text import bag_of_words

VERSION = 1


def hashed_words(texts: Sequence[str], dimensions: int = 768, marked: bool = False) -> np.ndarray:
    """Return L2-normalised counts of hashed lower-case words.

    Nothing is fitted, so nothing can leak (Weinberger et al. 2009, "Feature hashing for large scale
    multitask learning"). Normalised, because raw counts would grow with the length of a turn and with every turn
    of context. The code that this repository began with took raw counts of words of two letters and more, without
    marks, and read context as if it were the turn: `norm=None` and scikit-learn's own tokens would give them.

    Args:
        texts: inputs (mer/features/text/dialogue.py); what is not the last turn is context.
        marked: whether turns begin with who speaks.

    Returns:
        shape (len(texts), dimensions), float32 in [0, 1]; a text without words is all zeros.
    """
    return bag_of_words.counts(texts, dimensions, marked)


EXTRACTOR = bag_of_words.extractor(VERSION, hashed_words, "shared")
