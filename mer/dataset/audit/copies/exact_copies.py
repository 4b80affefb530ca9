"""Which recordings are copies of one another, however they were cut, padded, resampled or encoded.

Every audible frame of a recording is looked up in an index of all others', each of its weak bits flipped or not, and
so it is where that recording is played backwards.
Two that meet in several frames at one shift are laid over each other and their bits compared. The look-ups grow with
the number of frames. What meets by chance grows with its square, but with words of 32 bits hardly anything does:
benchmarks/audit.py measures it.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd

from mer.dataset.audit.copies.fingerprints import SECONDS_PER_FRAME, WEAK, Fingerprint, backwards

VOTES = 3
"""frames that must agree on a shift before two recordings are compared"""
SHORTEST = 25
"""frames, 0.2 s of sound: with less nothing can be told"""
COVER = 0.5
"""share of the shorter recording's audible frames that must lie over audible frames of the other"""
CROWD = 50
"""entries of one word that a look-up meets at most; more are copies of copies, or a signal that says nothing"""
HOPELESS = 0.4
"""share of differing bits beyond which a neighbouring shift does not help"""
_PROBING = 1_024
"""recordings looked up at once, which bounds the memory"""


def pairs(prints: Sequence[Fingerprint]) -> pd.DataFrame:
    """Return the recordings that are copies of one another.

    Returns:
        columns first, second (numbers in `prints`, first < second), shift (seconds of the first that pass before
        the second starts), seconds (compared), errors (share of bits that differ, 0..0.3); sorted by the numbers.
    """
    found = []
    for first, second, shift in _Index(prints).candidates():
        frames, errors, shift = _compare(prints[first], prints[second], shift)
        if errors <= tolerated(frames):
            swapped = first > second
            numbers = (second, first) if swapped else (first, second)
            seconds = (-shift if swapped else shift) * SECONDS_PER_FRAME
            found.append((*numbers, seconds, frames * SECONDS_PER_FRAME, errors))
    table = pd.DataFrame(found, columns=["first", "second", "shift", "seconds", "errors"])
    table = table.sort_values(["first", "second", "errors", "shift"]).drop_duplicates(["first", "second"])
    return table.astype({"first": "int64", "second": "int64"}).reset_index(drop=True)


def pairs_either_way(prints: Sequence[Fingerprint]) -> pd.DataFrame:
    """Return the same, also where one of the two is played backwards; its shift is then that of the mirror image."""
    count = len(prints)
    table = pairs([*prints, *map(backwards, prints)])
    table = table[table["first"] < count]
    mirrored = table["second"] >= count
    table = table.assign(second=table["second"] - count * mirrored)
    ends = table[["first", "second"]].to_numpy("int64")
    table = table.assign(first=ends.min(axis=1), second=ends.max(axis=1))[ends[:, 0] != ends[:, 1]]
    table = table.sort_values(["first", "second", "errors", "shift"]).drop_duplicates(["first", "second"])
    return table.reset_index(drop=True)


def tolerated(frames: int) -> float:
    """Return the share of differing bits up to which two recordings are copies, if so many frames were compared.

    Unrelated sound differs in half of its bits, two takes of a sentence in 0.47 on average; the shorter the sound,
    the wider the scatter around that.

    >>> [round(tolerated(n), 2) for n in (10, 25, 50, 100, 400)]
    [-1.0, 0.15, 0.24, 0.3, 0.3]
    """
    return min(0.3, 0.47 - 1.6 / frames**0.5) if frames >= SHORTEST else -1.0


def _compare(one: Fingerprint, other: Fingerprint, shift: int) -> tuple[int, float, int]:
    """Frames compared, share of their bits that differ, and the shift, at the best of three neighbouring shifts."""
    best = (*_differing(one, other, shift), shift)
    if best[1] < HOPELESS:
        best = min(
            best, *((*_differing(one, other, near), near) for near in (shift - 1, shift + 1)), key=lambda b: b[1]
        )
    return best


def _differing(one: Fingerprint, other: Fingerprint, shift: int) -> tuple[int, float]:
    """Frames compared and share of their bits that differ; where too little can be compared, none and all."""
    start, end = max(0, shift), min(len(one.words), shift + len(other.words))
    if end - start < SHORTEST:
        return 0, 1.0
    both = one.audible[start:end] & other.audible[start - shift : end - shift]
    frames = int(np.count_nonzero(both))
    if frames < SHORTEST or frames < COVER * min(len(one.weak), len(other.weak)):
        return 0, 1.0
    bits = np.bitwise_count(one.words[start:end] ^ other.words[start - shift : end - shift])
    return frames, float(bits[both].sum() / (32 * frames))


class _Index:
    """All audible frames of all recordings, in the order of their words."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        counts = [len(one.weak) for one in prints]
        self.first = np.concatenate([[0], np.cumsum(counts, dtype="int64")]).astype("int64")
        """number of each recording's first entry, before sorting"""
        self.words = np.concatenate([np.zeros(0, "uint32"), *(one.words[one.audible] for one in prints)])
        self.frames = np.concatenate([np.zeros(0, "int32"), *map(_audible_frames, prints)])
        self.weak = np.concatenate([np.zeros((0, WEAK), "uint8"), *(one.weak for one in prints)])
        self.owners = np.repeat(np.arange(len(prints), dtype="int32"), counts)
        self.order = np.argsort(self.words, kind="stable").astype("int32")
        self.known, self.places, self.counts = np.unique(self.words[self.order], return_index=True, return_counts=True)

    def candidates(self) -> Iterator[tuple[int, int, int]]:
        """Yield (recording, other recording, shift in frames) where several frames agree."""
        for at in range(0, len(self.first) - 1, _PROBING):
            last = min(at + _PROBING, len(self.first) - 1)
            probes = np.arange(self.first[at], self.first[last])
            hits = [self._look_up(probes, self.words[probes] ^ mask) for mask in self._masks(probes)]
            yield from _agreeing(*(np.concatenate(column) for column in zip(*hits, strict=True)))

    def _masks(self, probes: np.ndarray) -> Iterator[np.ndarray]:
        """Every choice of weak bits to flip, one mask for each probe."""
        weak = np.uint32(1) << self.weak[probes].astype("uint32")
        for chosen in product((False, True), repeat=WEAK):
            yield np.bitwise_xor.reduce(weak[:, list(chosen)], axis=1, initial=0)

    def _look_up(self, probes: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The other recordings' entries of some words: owner of the probe, owner of the entry, shift."""
        order = np.argsort(words)  # a search in order is several times faster
        at = np.minimum(np.searchsorted(self.known, words[order]), len(self.known) - 1)
        hit = self.known[at] == words[order]
        at, many = at[hit], np.minimum(self.counts[at[hit]], CROWD)
        probe = np.repeat(probes[order][hit], many)
        place = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + np.repeat(self.places[at], many)
        entry = self.order[place]
        other = self.owners[probe] != self.owners[entry]
        probe, entry = probe[other], entry[other]
        return self.owners[probe], self.owners[entry], self.frames[probe] - self.frames[entry]


def _audible_frames(one: Fingerprint) -> np.ndarray:
    return np.flatnonzero(one.audible).astype("int32")


def _agreeing(first: np.ndarray, second: np.ndarray, shift: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield (first, second, shift) for every run of shifts, each a frame or two apart, with enough votes."""
    if not len(first):
        return
    reach, numbers = int(np.abs(shift).max()) + 2, int(second.max()) + 1  # one number for the three sorts fastest
    key = np.sort((first.astype("int64") * numbers + second) * (2 * reach) + (shift + reach))
    starts = np.flatnonzero(np.diff(key, prepend=-9) > 2)
    votes = np.diff(starts, append=len(key))
    for start, end in zip(starts[votes >= VOTES], (starts + votes)[votes >= VOTES], strict=True):
        keys, counts = np.unique(key[start:end], return_counts=True)
        pair, place = divmod(int(keys[counts.argmax()]), 2 * reach)
        yield *divmod(pair, numbers), place - reach
