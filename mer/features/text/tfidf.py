"""TF-IDF in two parts: term frequencies, which are not fitted, and inverse document frequencies, which are.

The store holds term frequencies. The inverse document frequency is fitted on the training rows of each model only
(mer/training/scaling/standardise.py); fitted on a whole corpus it would carry information about test rows into
training. The product of both is not normalised again.

Terms are the words of `hashing`. Bigrams and character n-grams would put many more terms into the same buckets.
"""

from collections.abc import Sequence

import numpy as np

from mer.features.text import bag_of_words

VERSION = 1


def term_frequencies(texts: Sequence[str], dimensions: int, marked: bool = False) -> np.ndarray:
    """Return L2-normalised frequencies of hashed words; shape (len(texts), dimensions), float32 in [0, 1].

    Args:
        texts: inputs (mer/features/text/dialogue.py).
        marked: whether turns begin with their speaker.
    """
    return bag_of_words.counts(texts, dimensions, marked)


def inverse_document_frequency(documents: np.ndarray, texts: float) -> np.ndarray:
    """Return ln((1 + n) / (1 + df)) + 1 of each term (Spärck Jones 1972, smoothed as in scikit-learn).

    Args:
        documents: df, the number of texts that contain each term, shape (terms,).
        texts: n, the number of texts.

    Returns:
        shape (terms,), at least 1; largest for a term that no text contains.

    Example:
        >>> inverse_document_frequency(np.array([1, 2]), 2).round(3).tolist()
        [1.405, 1.0]
    """
    return np.log((1 + texts) / (1 + documents)) + 1


EXTRACTOR = bag_of_words.extractor(VERSION, term_frequencies, "idf")
