"""Which recordings are copies of one another though their speed, pitch, room or background differ.

The vectors of all loud moments are compared with one another, a block of them at a time: three seconds of speech have
about five, so that 100,000 clips take minutes and little memory. Recordings that have a moment in common are laid over
each other there. What counts as a copy was set between hidden copies and the takes of six corpora that are the most
alike; benchmarks/audit.py measures both. All of it is done once more with one of the two slowed, as recordings are
multiplied by playing them a tenth faster and slower [Ko et al. 2015, Audio Augmentation for Speech Recognition].
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mer.dataset.audit.copies.alignments import NONE, Overlay, overlay
from mer.dataset.audit.copies.spectral_sketches import VECTOR, Sketch, slowed

ALIKE = 0.86
"""cosine of two moments from which their recordings are laid over each other"""
ALIKE_IN_ROOM = 0.88
"""the same, where one of the two is put in a room"""
ALIKE_SLOWED = 0.9
"""the same, where one of the two is slowed: then it is the only thing that differs, mostly"""
FASTER = 1.12
"""how much faster a recording may be, give or take what `overlays.SPEEDS` has: a tenth, and a sixth"""
CROWD = 50
"""moments that a moment meets at most, the most alike first"""
_CELLS = 2**24
"""cosines held at once"""


def pairs(sketches: Sequence[Sketch], known: Collection[tuple[int, int]] = ()) -> pd.DataFrame:
    """Return the recordings that are copies of one another.

    Args:
        known: pairs of numbers that are copies for sure and are not looked at again.

    Returns:
        columns first, second (numbers in `sketches`, first < second), shift (seconds of the first that pass before the
        second starts), seconds (of loud sound compared), errors (half of what the correlation lacks to 1, as a share
        of bits would differ), speed, pitch (of the second, the first's being 1); sorted by the numbers.
    """
    found = [
        (first, second, match.shift, match.weight, (1 - match.score) / 2, match.speed, match.pitch)
        for first, second, match in matches(sketches, known)
        if match.score >= required(match.weight)
    ]
    columns = ["first", "second", "shift", "seconds", "errors", "speed", "pitch"]
    table = pd.DataFrame(found, columns=columns).astype({"first": "int64", "second": "int64"})
    table = table.sort_values(["first", "second", "errors"]).drop_duplicates(["first", "second"])
    return table.reset_index(drop=True)


def matches(sketches: Sequence[Sketch], known: Collection[tuple[int, int]] = ()) -> Iterator[tuple[int, int, Overlay]]:
    """Yield the numbers of two recordings and how they lie over each other, copies or not, where a moment is alike.

    Two may come several times, at different speeds.
    """
    known = set(known)
    for first, second, moment, place in _candidates(sketches, known):
        yield first, second, overlay(sketches[first], sketches[second], moment, place)
    slow = [slowed(one, 1 / FASTER) for one in sketches]
    for first, second, moment, place in _slow_candidates(sketches, slow, known):
        match = _at_its_own_speed(overlay(sketches[first], slow[second], moment, place))
        yield (first, second, match) if first < second else (second, first, _turned(match))


def required(weight: float) -> float:
    """Return the score from which two recordings are copies, if so many seconds of loud sound were compared.

    >>> [round(required(seconds), 2) for seconds in (0.15, 0.3, 0.5, 2)]
    [0.99, 0.89, 0.75, 0.75]
    """
    return 0.75 + 0.7 * max(0.0, 0.5 - weight)


def _candidates(sketches: Sequence[Sketch], known: set[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (recording, later recording, frame of the one, frame of the other) where two are alike, once for a pair."""
    vectors, moments, owners = _moments(sketches)
    echoes = np.concatenate([np.zeros((0, VECTOR), "float32"), *(one.echoes for one in sketches)])
    rows = max(1, _CELLS // max(1, len(vectors)))
    hits = [np.zeros((0, 3))]
    for at in range(0, len(vectors), rows):
        some = vectors[at : at + rows]
        hits.append(_alike(some @ vectors[at:].T, ALIKE, owners, at, at))
        hits.append(_alike(some @ echoes.T, ALIKE_IN_ROOM, owners, at, 0))
    table = pd.DataFrame(np.concatenate(hits), columns=["one", "other", "cosine"])
    numbers = table[["one", "other"]].to_numpy("int64")
    one, other = numbers.min(axis=1), numbers.max(axis=1)
    table = table.assign(first=owners[one], second=owners[other], moment=moments[one], place=moments[other])
    table = table.sort_values(
        ["first", "second", "cosine", "moment", "place"], ascending=[True, True, False, True, True]
    )
    for row in table.drop_duplicates(["first", "second"]).itertuples(index=False):
        if (row.first, row.second) not in known:
            yield int(row.first), int(row.second), int(row.moment), int(row.place)


def _slow_candidates(
    sketches: Sequence[Sketch], slow: Sequence[Sketch], known: set[tuple[int, int]]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (recording, slowed recording, frame of the one, frame of the other) where two are alike, once a pair."""
    vectors, moments, owners = _moments(sketches)
    theirs, places, _ = _moments(slow)  # as many, of the same owners
    rows = max(1, _CELLS // max(1, len(vectors)))
    hits = [np.zeros((0, 3))]
    hits += [
        _alike(vectors[at : at + rows] @ theirs.T, ALIKE_SLOWED, owners, at, 0) for at in range(0, len(vectors), rows)
    ]
    table = pd.DataFrame(np.concatenate(hits), columns=["one", "other", "cosine"])
    one, other = table[["one", "other"]].to_numpy("int64").T
    table = table.assign(first=owners[one], second=owners[other], moment=moments[one], place=places[other])
    table = table.sort_values(
        ["first", "second", "cosine", "moment", "place"], ascending=[True, True, False, True, True]
    )
    for row in table.drop_duplicates(["first", "second"]).itertuples(index=False):
        if (min(row.first, row.second), max(row.first, row.second)) not in known:
            yield int(row.first), int(row.second), int(row.moment), int(row.place)


def _moments(sketches: Sequence[Sketch]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, frames and owners of all moments."""
    vectors = np.concatenate([np.zeros((0, VECTOR), "float32"), *(one.vectors for one in sketches)])
    moments = np.concatenate([np.zeros(0, "int32"), *(one.moments for one in sketches)])
    return vectors, moments, np.repeat(np.arange(len(sketches)), [len(one.moments) for one in sketches])


def _at_its_own_speed(match: Overlay) -> Overlay:
    """How the second lies over the first as it is, where it was slowed."""
    return match if match is NONE else replace(match, speed=match.speed * FASTER, pitch=match.pitch * FASTER)


def _turned(match: Overlay) -> Overlay:
    """How the first lies over the second."""
    return replace(match, shift=-match.shift / match.speed, speed=1 / match.speed, pitch=1 / match.pitch)


def _alike(cosines: np.ndarray, least: float, owners: np.ndarray, row: int, column: int) -> np.ndarray:
    """Moments of two recordings that are alike: (n, 3), number of the one, number of the other, cosine.

    Args:
        row, column: numbers of the moments of the first row and column.
    """
    one, other = np.nonzero(cosines > least)
    strange = owners[row + one] != owners[column + other]
    one, other = one[strange], other[strange]
    cosine = cosines[one, other]
    order = np.lexsort((other, -cosine, one))
    one, other, cosine = one[order], other[order], cosine[order]
    kept = np.arange(len(one)) - np.searchsorted(one, one) < CROWD
    return np.stack([row + one[kept], column + other[kept], cosine[kept]], axis=1)
