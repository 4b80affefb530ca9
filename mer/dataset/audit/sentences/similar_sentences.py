"""Which lines are the same but for a word or two: misspelt, added, left out, or in another order.

Lines are bags of words. Two lines that share all but a few words share three of their rarest ones; or all but one of
their words. Lines that meet by either are compared, so that no line is compared with all others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mer.dataset.audit.sentences import text_normalisation

PER_EDIT = 5
"""words of a line, one of which may be amiss: one in a line of 5, two in a line of 10"""
MISSPELT = 0.5
"""of a word that is added or left out; a word in another's place is one left out and one added"""
MOST = 4
"""words that a line may have and the other has not, misspelt ones among them"""
TOGETHER = 3
"""of the rarest words that bring two lines together"""
CROWD = 40
"""lines that such words bring together at most: what more have in common is a phrase"""
CROWD_BUT_ONE = 300
"""the same for lines that differ in one word"""
LONG_WORD = 6
"""letters from which on two may be wrong"""
_CHUNK = 200_000
"""pairs compared at once, which bounds the memory"""


def pairs(lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of lines that are nearly the same, first < second, each pair once.

    Args:
        lines: each different one once.

    >>> first, second = pairs(["I never saw that coming", "never saw that coming, I", "I nevr saw that coming", "No"])
    >>> list(zip(first.tolist(), second.tolist()))
    [(0, 1), (0, 2), (1, 2)]
    """
    count = max(1, len(lines))
    found = [
        _pairs(_bags([spelled(line) for line in lines]))
        for spelled in (text_normalisation.words, text_normalisation.bare)
    ]
    return np.divmod(np.unique(np.concatenate([first * count + second for first, second in found])), count)


@dataclass(frozen=True)
class _Bags:
    """Lines as numbers: each line's elements one after another, from the rarest to the commonest.

    Attributes:
        element: (entries,), a word's second occurrence in a line is another element
        word: (entries,), numbers in `vocabulary`
        start, length: (lines,), of each line's entries
    """

    element: np.ndarray
    word: np.ndarray
    start: np.ndarray
    length: np.ndarray
    vocabulary: list[str]


def _bags(said: list[list[str]]) -> _Bags:
    length = np.array([len(words) for words in said], "int64")
    numbers: dict[str, int] = {}
    word = np.array([numbers.setdefault(w, len(numbers)) for words in said for w in words], "int64")
    line = np.repeat(np.arange(len(said)), length)
    order = np.lexsort((word, line))
    line, word = line[order], word[order]
    starts = np.flatnonzero(np.diff(line, prepend=-1).astype(bool) | np.diff(word, prepend=-1).astype(bool))
    again = np.arange(len(word)) - np.repeat(starts, np.diff(starts, append=len(word)))
    element = np.unique(word * (1 + again.max(initial=0)) + again, return_inverse=True)[1]
    order = np.lexsort((element, np.bincount(element)[element] if len(element) else element, line))
    return _Bags(element[order], word[order], np.cumsum(length) - length, length, list(numbers))


def _pairs(bags: _Bags) -> tuple[np.ndarray, np.ndarray]:
    first, second = _meeting(bags)
    chunks = [slice(at, at + _CHUNK) for at in range(0, len(first), _CHUNK)]
    near = np.concatenate([np.zeros(0, bool), *(_near(bags, first[chunk], second[chunk]) for chunk in chunks)])
    return first[near], second[near]


def _meeting(bags: _Bags) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of lines that have enough in common to be compared."""
    found = [_together(*_joined(_rarest(bags)), CROWD), _together(*_joined(_all_but_one(bags)), CROWD_BUT_ONE)]
    count = max(1, len(bags.length))
    return np.divmod(np.unique(np.concatenate([first * count + second for first, second in found])), count)


def _rarest(bags: _Bags) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Keys and lines: every choice of `TOGETHER` among as many of the rarest words as may be amiss, and so many."""
    spare = np.minimum(MOST, np.floor(np.maximum(1, bags.length / PER_EDIT) / MISSPELT).astype("int64"))
    looked_at = np.minimum(bags.length, spare + TOGETHER)
    for count in np.unique(looked_at[looked_at >= TOGETHER]):
        rows = np.flatnonzero(looked_at == count)
        mixed = _mixed(bags.element[bags.start[rows][:, None] + np.arange(count)])
        for chosen in combinations(range(count), TOGETHER):
            yield mixed[:, chosen].sum(axis=1, dtype="uint64"), rows


def _all_but_one(bags: _Bags) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Keys and lines: all words of a line, and all but each."""
    mixed, line = _mixed(bags.element), np.repeat(np.arange(len(bags.length)), bags.length)
    total = np.zeros(len(bags.length), "uint64")
    np.add.at(total, line, mixed)
    yield total, np.arange(len(total))
    yield total[line] - mixed, line


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Numbers spread over 64 bits, so that sums of different ones differ [splitmix64, Steele et al. 2014]."""
    x = (numbers.astype("uint64") + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _joined(parts: Iterator[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    keys, lines = zip((np.zeros(0, "uint64"), np.zeros(0, "int64")), *parts, strict=True)
    return np.concatenate(keys), np.concatenate(lines)


def _together(keys: np.ndarray, lines: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of lines with the same key, where no more than `most` have it; the smaller number first."""
    order = np.lexsort((lines, keys))
    keys, lines = keys[order], lines[order]
    new = np.r_[True, (keys[1:] != keys[:-1]) | (lines[1:] != lines[:-1])][: len(keys)]
    keys, lines = keys[new], lines[new]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
    sizes = np.diff(starts, append=len(keys))
    found = [(np.zeros(0, "int64"), np.zeros(0, "int64"))]
    for size in np.unique(sizes[(sizes > 1) & (sizes <= most)]):
        group = lines[starts[sizes == size][:, None] + np.arange(size)]
        one, other = np.triu_indices(size, 1)
        found.append((group[:, one].ravel(), group[:, other].ravel()))
    first, second = map(np.concatenate, zip(*found, strict=True))
    return first, second


def _near(bags: _Bags, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which pairs are nearly the same, by the words that only one of the two has."""
    alone = [_entries(bags, lines) for lines in (first, second)]
    elements = 1 + bags.element.max(initial=0)
    keys = [pair * elements + bags.element[entry] for pair, entry in alone]
    both = np.intersect1d(*keys, assume_unique=True)
    alone = [(pair[only], entry[only]) for (pair, entry), key in zip(alone, keys, strict=True)
             for only in [~np.isin(key, both, assume_unique=True)]]  # fmt: skip
    left, right = (np.bincount(pair, minlength=len(first)) for pair, _ in alone)
    spare = np.maximum(bags.length[first], bags.length[second]) / PER_EDIT
    few = (np.maximum(left, right) <= MOST) & (spare > 0)  # without words, nothing is the same
    hopeful = few & (np.abs(left - right) + MISSPELT * np.minimum(left, right) <= spare)
    cost = (left + right).astype(float)
    cost -= (2 - MISSPELT) * _misspelt(bags, *((p[hopeful[p]], e[hopeful[p]]) for p, e in alone), len(first))
    return few & (cost <= spare)


def _entries(bags: _Bags, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the pair and entry, for all words of the lines."""
    length = bags.length[lines]
    pair = np.repeat(np.arange(len(lines)), length)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    return pair, bags.start[lines][pair] + place


def _misspelt(bags: _Bags, left: tuple, right: tuple, count: int) -> np.ndarray:
    """How many words of each pair's left line are misspelt in its right line."""
    (one, left_entry), (other, right_entry) = left, right
    many = np.bincount(other, minlength=count)
    start = np.cumsum(many) - many
    at = np.repeat(np.arange(len(one)), many[one])
    place = np.arange(len(at)) - np.repeat(np.cumsum(many[one]) - many[one], many[one]) + start[one[at]]
    alike = _alike(bags.vocabulary, bags.word[left_entry[at]], bags.word[right_entry[place]])
    sides = (np.unique(at[alike]), one), (np.unique(place[alike]), other)
    return np.minimum(*(np.bincount(pair[entries], minlength=count) for entries, pair in sides))


def _alike(vocabulary: list[str], one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which words are one another's misspelling."""
    count = max(1, len(vocabulary))
    keys, back = np.unique(one * count + other, return_inverse=True)
    left, right = np.divmod(keys, count)
    length = np.array([len(word) for word in vocabulary], "int64")
    letters = np.zeros((count, 32), "int16")
    owner = np.repeat(np.arange(len(vocabulary)), length)
    np.add.at(letters, (owner, np.array([ord(letter) % 32 for word in vocabulary for letter in word], "int64")), 1)
    slips = np.where(np.maximum(length[left], length[right]) < LONG_WORD, 1, 2)
    numbered = np.array([any(map(str.isdigit, word)) for word in vocabulary], bool)  # another number is no slip
    hopeful = np.zeros(len(keys), bool)
    for at in range(0, len(keys), _CHUNK):
        part = slice(at, at + _CHUNK)
        different = np.abs(letters[left[part]] - letters[right[part]]).sum(axis=1)
        hopeful[part] = (different <= 2 * slips[part]) & ~(numbered[left[part]] | numbered[right[part]])
    alike = np.zeros(len(keys), bool)
    alike[hopeful] = [slipped(vocabulary[a], vocabulary[b]) <= most
                      for a, b, most in zip(left[hopeful], right[hopeful], slips[hopeful], strict=True)]  # fmt: skip
    return alike[back]


def slipped(one: str, other: str) -> int:
    """Return how many letters are wrong, added, left out or swapped with the next [optimal string alignment].

    >>> slipped("the", "teh"), slipped("know", "knowx"), slipped("was", "saw"), slipped("tomorrow", "tommorow")
    (1, 1, 2, 2)
    """
    last, row = [], list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = last, row, [i]
        for j, another in enumerate(other, 1):
            cost = min(last[j] + 1, row[-1] + 1, last[j - 1] + (letter != another))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == another:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
    return row[-1]
