"""TF-IDF in two halves: term frequencies, which need no fitting, and what training rows say about terms.

The store keeps the frequencies. The inverse document frequency is fitted where a model is trained, on its training
rows and nothing else (mer/training/scaling/standardise.py); fitted over a whole corpus it would carry test turns into
training. The product keeps the length of the frequencies, 1, weighted; it is not brought to length 1 again.

Terms are single words, those of `hashing`. Bigrams and character n-grams put ten to a hundred times as many terms
into the same buckets: on MELD (trained on its training part, validation UAR, logistic regression) words give .370 at
768 dimensions and .402 at 4,096, words with bigrams .338 and .395, n-grams of 2 to 4 characters .371 and .389.
"""

from collections.abc import Sequence

import numpy as np

from mer.features.text import bag_of_words

VERSION = 1


def term_frequencies(texts: Sequence[str], dimensions: int, marked: bool = False) -> np.ndarray:
    """Return frequencies of hashed words, of length 1; shape (len(texts), dimensions), float32 in [0, 1].

    Args:
        texts: inputs (mer/features/text/dialogue.py).
        marked: whether turns begin with who speaks.
    """
    return bag_of_words.counts(texts, dimensions, marked)


def inverse_document_frequency(documents: np.ndarray, texts: float) -> np.ndarray:
    """Return ln((1 + n) / (1 + df)) + 1 of each term (Spärck Jones 1972, smoothed as in scikit-learn).

    Args:
        documents: df, how many of the texts to fit on have the term, shape (terms,).
        texts: n, how many there are.

    Returns:
        shape (terms,), at least 1; largest for a term that none of the texts has.

    Example:
        >>> inverse_document_frequency(np.array([1, 2]), 2).round(3).tolist()
        [1.405, 1.0]
    """
    return np.log((1 + texts) / (1 + documents)) + 1


EXTRACTOR = bag_of_words.extractor(VERSION, term_frequencies, "idf")
