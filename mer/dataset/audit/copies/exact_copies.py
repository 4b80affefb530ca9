"""Find recordings that are copies of one another and were cut, padded, resampled, encoded or reversed.

Every audible frame of a recording is looked up in an index of all other recordings, with each of its weak bits flipped
or not. The look-up is repeated for the reversed recording. If several frames of two recordings match at one shift, the
bits of both are compared. The number of look-ups is linear in the number of frames. The number of chance matches is
quadratic, but small for words of 32 bits; `benchmarks/audit.py` measures it.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd

from mer.dataset.audit.copies.fingerprints import SECONDS_PER_FRAME, WEAK, Fingerprint, reversed_print

MIN_AGREEING_FRAMES = 3
"""The number of frames that must agree on a shift before two recordings are compared."""
MIN_FRAMES = 25
"""The shortest audio that is compared, in frames (0.2 s). Shorter audio decides nothing."""
MIN_OVERLAP_SHARE = 0.5
"""The share of the shorter recording's audible frames that must be aligned with audible frames of the other."""
MAX_MATCHES = 50
"""The largest number of entries per word that a look-up returns. More are copies of copies, or an uninformative
signal."""
MAX_BIT_ERRORS = 0.4
"""The share of differing bits above which neighbouring shifts are not tried."""
_BLOCK_RECORDINGS = 1_024
"""The number of recordings that are looked up at once, which bounds the memory."""


def pairs(prints: Sequence[Fingerprint]) -> pd.DataFrame:
    """Return the recordings that are copies of one another.

    Returns:
        columns first, second (numbers in `prints`, first < second), shift (start of the second within the first, in
        seconds), seconds (duration compared), errors (share of differing bits, 0..0.3); sorted by the numbers.
    """
    rows = []
    for first, second, shift in _Index(prints).candidates():
        frames, errors, shift = _compare(prints[first], prints[second], shift)
        if errors <= max_error_share(frames):
            swapped = first > second
            pair = (second, first) if swapped else (first, second)
            seconds = (-shift if swapped else shift) * SECONDS_PER_FRAME
            rows.append((*pair, seconds, frames * SECONDS_PER_FRAME, errors))
    table = pd.DataFrame(rows, columns=["first", "second", "shift", "seconds", "errors"])
    table = table.sort_values(["first", "second", "errors", "shift"]).drop_duplicates(["first", "second"])
    return table.astype({"first": "int64", "second": "int64"}).reset_index(drop=True)


def pairs_with_reversed(prints: Sequence[Fingerprint]) -> pd.DataFrame:
    """Return the copies like `pairs`, also if one of the two is reversed; `shift` is then that of the reversed one."""
    count = len(prints)
    table = pairs([*prints, *map(reversed_print, prints)])
    table = table[table["first"] < count]
    mirrored = table["second"] >= count
    table = table.assign(second=table["second"] - count * mirrored)
    ends = table[["first", "second"]].to_numpy("int64")
    table = table.assign(first=ends.min(axis=1), second=ends.max(axis=1))[ends[:, 0] != ends[:, 1]]
    table = table.sort_values(["first", "second", "errors", "shift"]).drop_duplicates(["first", "second"])
    return table.reset_index(drop=True)


def max_error_share(frames: int) -> float:
    """Return the share of differing bits up to which two recordings are copies, given the number of frames compared.

    Unrelated audio differs in half of its bits, two takes of a sentence in 0.47 on average. The variance around this
    mean is larger for shorter audio.

    >>> [round(max_error_share(n), 2) for n in (10, 25, 50, 100, 400)]
    [-1.0, 0.15, 0.24, 0.3, 0.3]
    """
    return min(0.3, 0.47 - 1.6 / frames**0.5) if frames >= MIN_FRAMES else -1.0


def _compare(first: Fingerprint, second: Fingerprint, shift: int) -> tuple[int, float, int]:
    """Return the frames compared, the share of differing bits and the shift, at the best of three adjacent shifts."""
    best = (*_differing(first, second, shift), shift)
    if best[1] < MAX_BIT_ERRORS:
        best = min(
            best,
            *((*_differing(first, second, neighbour), neighbour) for neighbour in (shift - 1, shift + 1)),
            key=lambda b: b[1],
        )
    return best


def _differing(first: Fingerprint, second: Fingerprint, shift: int) -> tuple[int, float]:
    """Return the frames compared and the share of differing bits; 0 and 1 if too little can be compared."""
    start, end = max(0, shift), min(len(first.words), shift + len(second.words))
    if end - start < MIN_FRAMES:
        return 0, 1.0
    audible = first.audible[start:end] & second.audible[start - shift : end - shift]
    frames = int(np.count_nonzero(audible))
    if frames < MIN_FRAMES or frames < MIN_OVERLAP_SHARE * min(len(first.weak), len(second.weak)):
        return 0, 1.0
    bits = np.bitwise_count(first.words[start:end] ^ second.words[start - shift : end - shift])
    return frames, float(bits[audible].sum() / (32 * frames))


class _Index:
    """All audible frames of all recordings, sorted by their words."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        counts = [len(each.weak) for each in prints]
        self.first = np.concatenate([[0], np.cumsum(counts, dtype="int64")]).astype("int64")
        """The number of each recording's first entry before sorting."""
        self.words = np.concatenate([np.zeros(0, "uint32"), *(each.words[each.audible] for each in prints)])
        self.frames = np.concatenate([np.zeros(0, "int32"), *map(_audible_frames, prints)])
        self.weak = np.concatenate([np.zeros((0, WEAK), "uint8"), *(each.weak for each in prints)])
        self.owners = np.repeat(np.arange(len(prints), dtype="int32"), counts)
        self.order = np.argsort(self.words, kind="stable").astype("int32")
        ordered = self.words[self.order]
        places = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
        self.unique_words, self.places = ordered[places], places.astype("int32")
        self.counts = np.diff(places, append=len(ordered)).astype("int32")

    def candidates(self) -> Iterator[tuple[int, int, int]]:
        """Yield (recording, other recording, shift in frames) if several frames agree."""
        for at in range(0, len(self.first) - 1, _BLOCK_RECORDINGS):
            last = min(at + _BLOCK_RECORDINGS, len(self.first) - 1)
            probes = np.arange(self.first[at], self.first[last])
            hits = [self._look_up(probes, self.words[probes] ^ mask) for mask in self._masks(probes)]
            yield from _agreeing(*(np.concatenate(column) for column in zip(*hits, strict=True)))

    def _masks(self, probes: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the mask of each probe for every combination of flipped weak bits."""
        weak = np.uint32(1) << self.weak[probes].astype("uint32")
        for flipped in product((False, True), repeat=WEAK):
            yield np.bitwise_xor.reduce(weak[:, list(flipped)], axis=1, initial=0)

    def _look_up(self, probes: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the entries of words in other recordings: owner of the probe, owner of the entry, shift."""
        order = np.argsort(words)  # a sorted search is several times faster
        at = np.minimum(np.searchsorted(self.unique_words, words[order]), len(self.unique_words) - 1)
        matching = self.unique_words[at] == words[order]
        at, n_matches = at[matching], np.minimum(self.counts[at[matching]], MAX_MATCHES)
        probe = np.repeat(probes[order][matching], n_matches)
        position = (
            np.arange(n_matches.sum())
            - np.repeat(np.cumsum(n_matches) - n_matches, n_matches)
            + np.repeat(self.places[at], n_matches)
        )
        entry = self.order[position]
        different = self.owners[probe] != self.owners[entry]
        probe, entry = probe[different], entry[different]
        return self.owners[probe], self.owners[entry], self.frames[probe] - self.frames[entry]


def _audible_frames(fingerprint: Fingerprint) -> np.ndarray:
    return np.flatnonzero(fingerprint.audible).astype("int32")


def _agreeing(first: np.ndarray, second: np.ndarray, shift: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield (first, second, shift) for every run of adjacent shifts with enough agreeing frames."""
    if not len(first):
        return
    reach, numbers = int(np.abs(shift).max()) + 2, int(second.max()) + 1  # one number for the three sorts fastest
    key = np.sort((first.astype("int64") * numbers + second) * (2 * reach) + (shift + reach))
    starts = np.flatnonzero(np.diff(key, prepend=-9) > 2)
    votes = np.diff(starts, append=len(key))
    for start, end in zip(
        starts[votes >= MIN_AGREEING_FRAMES], (starts + votes)[votes >= MIN_AGREEING_FRAMES], strict=True
    ):
        keys, counts = np.unique(key[start:end], return_counts=True)
        pair, place = divmod(int(keys[counts.argmax()]), 2 * reach)
        yield *divmod(pair, numbers), place - reach
