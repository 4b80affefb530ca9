"""Sentences in the form in which they are compared, and which of them are long enough to show a copy."""

import re
import unicodedata

import pandas as pd

MIN_WORDS = 5
"""The shortest sentence that is compared, in words. Shorter ones (“Oh my God!”) recur by chance."""
WORDS_PER_CHARACTER = 0.6
"""The number of words that a Chinese or Japanese character counts for, because spaces do not separate words there."""
MIN_SHARED = 3
"""The smallest number of shared long sentences that is not taken for chance."""
MIN_SHARED_SHARE = 0.02
"""The smallest share of shared sentences among the long ones that is not taken for chance."""
UNSPACED_CHARACTER = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
"""The pattern of a Chinese or Japanese character, which is compared like a word."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def normalised(text: str) -> str:
    """Return the words of a sentence without case, punctuation and invisible characters, with one kind of apostrophe.

    >>> normalised("Oh – It’s “FINE”,  isn't it?!")
    "oh it's fine isn't it"
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", without_invisible(text)).casefold())
    return " ".join(words).replace("’", "'")


def without_invisible(text: str) -> str:
    """Return text without characters of zero width, such as soft hyphens, which separate nothing."""
    return text if text.isascii() else "".join(c for c in text if unicodedata.category(c) != "Cf")


def word_counts(sentences: pd.Series) -> pd.Series:
    """Return the number of words of each sentence; float64.

    Args:
        sentences: sentences as from `normalised`. Each Chinese or Japanese character counts as `WORDS_PER_CHARACTER`.

    >>> word_counts(pd.Series(["so do i", "我们昨天去了那里"])).tolist()
    [3.0, 5.8]
    """
    return 1 + sentences.str.count(" ") + WORDS_PER_CHARACTER * sentences.str.count(UNSPACED_CHARACTER)


def long_sentences(sentences: pd.Series) -> pd.Series:
    """Return which sentences have at least `MIN_WORDS` words and are compared; a mask."""
    return word_counts(sentences) >= MIN_WORDS
