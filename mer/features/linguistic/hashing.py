"""Words hashed into a fixed number of counts."""

import numpy as np

VERSION = 1
TOKENS = r"(?u)\w+|[!?…]"
"""Words of any length ("I" counts), and the marks that carry tone."""


def hashed_words(texts: list[str], dimensions: int = 768) -> np.ndarray:
    """Return L2-normalised counts of hashed lower-case words.

    Nothing is fitted, so nothing can leak (Weinberger et al. 2009, "Feature hashing for large scale
    multitask learning"). Normalised, because raw counts would grow with the length of a turn.

    Returns:
        shape (len(texts), dimensions), float32 in [0, 1]; a text without words is all zeros.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(
        n_features=dimensions, alternate_sign=False, norm="l2", token_pattern=TOKENS, lowercase=True
    )
    return hasher.transform(texts).toarray().astype(np.float32)
