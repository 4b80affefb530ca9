"""Find sentences that differ in a word or two: misspelt, added, left out, or in another order.

Sentences are bags of words. Two sentences with few different words share three of their rarest words, or all words but
one. Only sentences that share either are compared, so that no sentence is compared with all others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mer.dataset.audit.sentences import text_normalisation

WORDS_PER_EDIT = 5
"""The number of words per allowed edit: one edit in 5 words, two in 10."""
MISSPELLING_COST = 0.5
"""The cost of a misspelt word, relative to a word that is added or left out. A replaced word is one left out and one
added."""
MAX_DIFFERENT_WORDS = 4
"""The largest number of words of a sentence that the other does not have, including misspelt ones."""
MIN_SHARED_WORDS = 3
"""The number of rarest words that two sentences must share to be compared."""
MAX_GROUP = 40
"""The largest number of sentences that share such words. Words of more sentences are a common phrase."""
MAX_GROUP_BUT_ONE = 300
"""The same for sentences that differ in one word."""
LONG_WORD_LETTERS = 6
"""The number of letters from which two of them may be wrong."""
_BLOCK_PAIRS = 200_000
"""The number of pairs that are compared at once, which bounds the memory."""


def pairs(sentences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of sentences that are nearly the same, first < second, each pair once.

    Args:
        sentences: different sentences.

    >>> first, second = pairs(["I never saw that coming", "never saw that coming, I", "I nevr saw that coming", "No"])
    >>> list(zip(first.tolist(), second.tolist()))
    [(0, 1), (0, 2), (1, 2)]
    """
    count = max(1, len(sentences))
    found_pairs = [
        _pairs(_bags([tokenised(sentence) for sentence in sentences]))
        for tokenised in (text_normalisation.words, text_normalisation.bare_words)
    ]
    return np.divmod(np.unique(np.concatenate([first * count + second for first, second in found_pairs])), count)


@dataclass(frozen=True)
class _Bags:
    """Sentences as numbers: the elements of each sentence, from the rarest to the most frequent.

    Attributes:
        element: (entries,), numbers of elements; a word's second occurrence in a sentence is another element.
        word: (entries,), numbers in `vocabulary`.
        start, length: (sentences,), the range of each sentence's entries.
    """

    element: np.ndarray
    word: np.ndarray
    start: np.ndarray
    length: np.ndarray
    vocabulary: list[str]


def _bags(sentences: list[list[str]]) -> _Bags:
    length = np.array([len(words) for words in sentences], "int64")
    numbers: dict[str, int] = {}
    word = np.array([numbers.setdefault(w, len(numbers)) for words in sentences for w in words], "int64")
    sentence = np.repeat(np.arange(len(sentences)), length)
    order = np.lexsort((word, sentence))
    sentence, word = sentence[order], word[order]
    starts = np.flatnonzero(np.diff(sentence, prepend=-1).astype(bool) | np.diff(word, prepend=-1).astype(bool))
    occurrence = np.arange(len(word)) - np.repeat(starts, np.diff(starts, append=len(word)))
    element = np.unique(word * (1 + occurrence.max(initial=0)) + occurrence, return_inverse=True)[1]
    order = np.lexsort((element, np.bincount(element)[element] if len(element) else element, sentence))
    return _Bags(element[order], word[order], np.cumsum(length) - length, length, list(numbers))


def _pairs(bags: _Bags) -> tuple[np.ndarray, np.ndarray]:
    first, second = _comparable_pairs(bags)
    chunks = [slice(at, at + _BLOCK_PAIRS) for at in range(0, len(first), _BLOCK_PAIRS)]
    near = np.concatenate([np.zeros(0, bool), *(_near(bags, first[chunk], second[chunk]) for chunk in chunks)])
    return first[near], second[near]


def _comparable_pairs(bags: _Bags) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of sentences that share enough to be compared."""
    found_pairs = [
        _pairs_with_key(*_concatenated(_rarest(bags)), MAX_GROUP),
        _pairs_with_key(*_concatenated(_all_but_one(bags)), MAX_GROUP_BUT_ONE),
    ]
    count = max(1, len(bags.length))
    return np.divmod(np.unique(np.concatenate([first * count + second for first, second in found_pairs])), count)


def _rarest(bags: _Bags) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield keys and sentences: all combinations of `MIN_SHARED_WORDS` among the rarest words. The number of these
    words is `MIN_SHARED_WORDS` plus the number of words that may differ."""
    max_edits = np.minimum(
        MAX_DIFFERENT_WORDS, np.floor(np.maximum(1, bags.length / WORDS_PER_EDIT) / MISSPELLING_COST).astype("int64")
    )
    n_words = np.minimum(bags.length, max_edits + MIN_SHARED_WORDS)
    for count in np.unique(n_words[n_words >= MIN_SHARED_WORDS]):
        rows = np.flatnonzero(n_words == count)
        hashes = _hashes(bags.element[bags.start[rows][:, None] + np.arange(count)])
        for combination in combinations(range(count), MIN_SHARED_WORDS):
            yield hashes[:, combination].sum(axis=1, dtype="uint64"), rows


def _all_but_one(bags: _Bags) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield keys and sentences: all words of a sentence, and all words but one."""
    hashes, sentence = _hashes(bags.element), np.repeat(np.arange(len(bags.length)), bags.length)
    total = np.zeros(len(bags.length), "uint64")
    np.add.at(total, sentence, hashes)
    yield total, np.arange(len(total))
    yield total[sentence] - hashes, sentence


def _hashes(numbers: np.ndarray) -> np.ndarray:
    """Return numbers spread over 64 bits, so that their sums differ [splitmix64, Steele et al. 2014]."""
    x = (numbers.astype("uint64") + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _concatenated(parts: Iterator[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    keys, sentences = zip((np.zeros(0, "uint64"), np.zeros(0, "int64")), *parts, strict=True)
    return np.concatenate(keys), np.concatenate(sentences)


def _pairs_with_key(keys: np.ndarray, sentences: np.ndarray, max_group: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of sentences with the same key, the smaller number first, if at most `max_group` have it."""
    order = np.lexsort((sentences, keys))
    keys, sentences = keys[order], sentences[order]
    first_occurrence = np.r_[True, (keys[1:] != keys[:-1]) | (sentences[1:] != sentences[:-1])][: len(keys)]
    keys, sentences = keys[first_occurrence], sentences[first_occurrence]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
    sizes = np.diff(starts, append=len(keys))
    found_pairs = [(np.zeros(0, "int64"), np.zeros(0, "int64"))]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= max_group)]):
        group = sentences[starts[sizes == size][:, None] + np.arange(size)]
        left, right = np.triu_indices(size, 1)
        found_pairs.append((group[:, left].ravel(), group[:, right].ravel()))
    first, second = map(np.concatenate, zip(*found_pairs, strict=True))
    return first, second


def _near(bags: _Bags, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which pairs are nearly the same, by the words that only one of the two has; a mask."""
    unmatched = [_entries(bags, sentences) for sentences in (first, second)]
    elements = 1 + bags.element.max(initial=0)
    keys = [pair * elements + bags.element[entry] for pair, entry in unmatched]
    both = np.intersect1d(*keys, assume_unique=True)
    unmatched = [(pair[only], entry[only]) for (pair, entry), key in zip(unmatched, keys, strict=True)
             for only in [~np.isin(key, both, assume_unique=True)]]  # fmt: skip
    left, right = (np.bincount(pair, minlength=len(first)) for pair, _ in unmatched)
    budget = np.maximum(bags.length[first], bags.length[second]) / WORDS_PER_EDIT
    few = (np.maximum(left, right) <= MAX_DIFFERENT_WORDS) & (budget > 0)  # empty sentences equal nothing
    candidates = few & (np.abs(left - right) + MISSPELLING_COST * np.minimum(left, right) <= budget)
    cost = (left + right).astype(float)
    cost -= (2 - MISSPELLING_COST) * _misspelt_words(
        bags, *((p[candidates[p]], e[candidates[p]]) for p, e in unmatched), len(first)
    )
    return few & (cost <= budget)


def _entries(bags: _Bags, sentences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the pair and the entry for all words of the sentences."""
    length = bags.length[sentences]
    pair = np.repeat(np.arange(len(sentences)), length)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    return pair, bags.start[sentences][pair] + place


def _misspelt_words(bags: _Bags, left: tuple, right: tuple, count: int) -> np.ndarray:
    """Return the number of words of each pair's left sentence that are misspelt in its right sentence."""
    (left_pair, left_entry), (right_pair, right_entry) = left, right
    n_right = np.bincount(right_pair, minlength=count)
    starts = np.cumsum(n_right) - n_right
    at = np.repeat(np.arange(len(left_pair)), n_right[left_pair])
    position = (
        np.arange(len(at))
        - np.repeat(np.cumsum(n_right[left_pair]) - n_right[left_pair], n_right[left_pair])
        + starts[left_pair[at]]
    )
    misspelt = _are_misspellings(bags.vocabulary, bags.word[left_entry[at]], bags.word[right_entry[position]])
    sides = (np.unique(at[misspelt]), left_pair), (np.unique(position[misspelt]), right_pair)
    return np.minimum(*(np.bincount(pair[entries], minlength=count) for entries, pair in sides))


def _are_misspellings(vocabulary: list[str], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which words are misspellings of each other; a mask."""
    count = max(1, len(vocabulary))
    keys, inverse = np.unique(first * count + second, return_inverse=True)
    left, right = np.divmod(keys, count)
    length = np.array([len(word) for word in vocabulary], "int64")
    letters = np.zeros((count, 32), "int16")
    owner = np.repeat(np.arange(len(vocabulary)), length)
    np.add.at(letters, (owner, np.array([ord(letter) % 32 for word in vocabulary for letter in word], "int64")), 1)
    max_distance = np.where(np.maximum(length[left], length[right]) < LONG_WORD_LETTERS, 1, 2)
    numbered = np.array([any(map(str.isdigit, word)) for word in vocabulary], bool)  # another number is no misspelling
    candidates = np.zeros(len(keys), bool)
    for at in range(0, len(keys), _BLOCK_PAIRS):
        block = slice(at, at + _BLOCK_PAIRS)
        different = np.abs(letters[left[block]] - letters[right[block]]).sum(axis=1)
        candidates[block] = (different <= 2 * max_distance[block]) & ~(numbered[left[block]] | numbered[right[block]])
    misspelt = np.zeros(len(keys), bool)
    misspelt[candidates] = [edit_distance(vocabulary[a], vocabulary[b]) <= limit
                      for a, b, limit in zip(left[candidates], right[candidates], max_distance[candidates],
                      strict=True)]  # fmt: skip
    return misspelt[inverse]


def edit_distance(first: str, second: str) -> int:
    """Return the number of letters that are wrong, added, left out or swapped with the next [optimal string alignment].

    >>> edit_distance("the", "teh"), edit_distance("know", "knowx"), edit_distance("was", "saw")
    (1, 1, 2)
    >>> edit_distance("tomorrow", "tommorow")
    2
    """
    last, row = [], list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        before, last, row = last, row, [i]
        for j, other_letter in enumerate(second, 1):
            cost = min(last[j] + 1, row[-1] + 1, last[j - 1] + (letter != other_letter))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other_letter:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
    return row[-1]
