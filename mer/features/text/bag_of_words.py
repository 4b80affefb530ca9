"""Hashed counts of words: of the turn itself, and apart from them of what was said before it.

Feature hashing (Weinberger et al. 2009) with one space of words for the target and one for its context, as in
Daumé (2007, "Frustratingly easy domain adaptation"): "no" that somebody else said is another word than "no".
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from mer.features.extractor import Extractor, Resources, Scaling, Unavailable, VectorFunction
from mer.features.text import dialogue
from mer.params.features import TextFeatures

TOKENS = r"(?u)\w+|[!?…]"
"""Words of any length ("I" counts), and the marks that carry tone."""
CONTEXT = 0.5
"""how much the whole context weighs against the target, however many turns it has"""


def counts(texts: Sequence[str], dimensions: int, marked: bool) -> np.ndarray:
    """Return counts of hashed lower-case words, of length 1.

    Target and context are brought to length 1 each, so that neither a long turn nor many turns drown the rest, and
    added up with the weights 1 and `CONTEXT`. Who speaks is one more word of a turn, in a bucket of its own.

    Args:
        texts: inputs (mer/features/text/dialogue.py).
        marked: whether turns begin with who speaks.

    Returns:
        shape (len(texts), dimensions), float32 in [0, 1]; a text without words is all zeros.
    """
    read = [dialogue.turns(text, marked) for text in texts]
    target = _hashed([_target(*turns[-1]) for turns in read], dimensions)
    before = [[word for turn in turns[:-1] for word in _context(*turn)] for turns in read]
    if not any(before):
        return target.toarray().astype(np.float32)
    from scipy import sparse

    target, context = target.tocsr(), _hashed(before, dimensions)
    spoken = np.diff(target.indptr) > 0  # what others said is no answer of one who said nothing
    weights = np.where(spoken & (np.diff(context.indptr) > 0), CONTEXT, 0.0)
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


def _target(mark: str | None, words: str) -> list[str]:
    """The words of a turn, and who speaks where it is said; a space within keeps it apart from any word."""
    found = re.findall(TOKENS, words.lower())
    return found if mark is None or not found else [*found, f"speaker {mark}"]


def _context(mark: str | None, words: str) -> list[str]:
    return [f"context {word}" for word in _target(mark, words)]
