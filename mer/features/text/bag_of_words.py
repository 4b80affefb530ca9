"""Hashed counts of words of a turn, and separately those of the turns before it.

Feature hashing (Weinberger et al. 2009) with separate words for the target and for its context, after Daumé (2007,
"Frustratingly easy domain adaptation"): "no" in the context is another word than "no" in the target.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from mer.features.extractor import Extractor, Resources, Scaling, Unavailable, VectorFunction
from mer.features.text import dialogue
from mer.params.features import TextFeatures

TOKENS = r"(?u)\w+|[!?…]"
"""The pattern of tokens: words of any length, and the punctuation ! ? and …"""
CONTEXT = 0.5
"""The weight of the whole context relative to the target, whatever its number of turns."""


def counts(texts: Sequence[str], dimensions: int, marked: bool) -> np.ndarray:
    """Return L2-normalised counts of hashed lower-case words.

    Target and context are normalised to length 1 each, so that neither dominates by its number of words, and summed
    with the weights 1 and `CONTEXT`. The speaker of a turn is one more word with a bucket of its own.

    Args:
        texts: inputs (mer/features/text/dialogue.py).
        marked: whether turns begin with their speaker.

    Returns:
        shape (len(texts), dimensions), float32 in [0, 1]; a text without words is all zeros.
    """
    turns_of_texts = [dialogue.turns(text, marked) for text in texts]
    target = _hashed([_target(*turns[-1]) for turns in turns_of_texts], dimensions)
    earlier = [[word for turn in turns[:-1] for word in _context(*turn)] for turns in turns_of_texts]
    if not any(earlier):
        return target.toarray().astype(np.float32)
    from scipy import sparse

    target, context = target.tocsr(), _hashed(earlier, dimensions)
    has_words = np.diff(target.indptr) > 0  # a target without words has no vector, whatever its context
    weights = np.where(has_words & (np.diff(context.indptr) > 0), CONTEXT, 0.0)
    both = (target + sparse.diags_array(weights) @ context).toarray()
    lengths = np.where(weights > 0, np.linalg.norm(both, axis=1), 1.0)
    return (both / lengths[:, None]).astype(np.float32)


def extractor(version: int, counts: Callable[[Sequence[str], int, bool], np.ndarray], scaling: Scaling) -> Extractor:
    """Return an extractor that counts words.

    Counts are never scaled each by itself: division by the tiny deviation of a rare word would make it the largest.

    Args:
        counts: a function of texts, the number of dimensions and whether turns begin with their speaker; it returns
            the counts, shape (texts, dimensions).
    """

    def describe(section: TextFeatures) -> dict:
        return {"width": section.dimensions} | ({"marked": True} if section.speakers != "none" else {})

    def open_extractor(section: TextFeatures, resources: Resources) -> VectorFunction:
        def compute(texts: Sequence[str]) -> list[np.ndarray | Unavailable]:
            vectors = counts(texts, section.dimensions, section.speakers != "none")
            return [v if v.any() else Unavailable("no words in the text") for v in vectors]

        return compute

    return Extractor(version=version, describe=describe, open=open_extractor, scaling=scaling, trained=False)


def _hashed(bags: list[list[str]], dimensions: int):
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(n_features=dimensions, alternate_sign=False, norm="l2", analyzer=list)
    return hasher.transform(bags)


def _target(speaker: str | None, text: str) -> list[str]:
    """Return the words of a turn, and its speaker if known. The speaker's token contains a space, unlike any word."""
    words = re.findall(TOKENS, text.lower())
    return words if speaker is None or not words else [*words, f"speaker {speaker}"]


def _context(speaker: str | None, text: str) -> list[str]:
    return [f"context {word}" for word in _target(speaker, text)]
