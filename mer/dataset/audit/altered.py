"""Which recordings are copies of one another though their speed, pitch, room or background differ.

The vectors of all loud moments are compared with one another, a block of them at a time: three seconds of speech have
about five, so that 100,000 clips take minutes and little memory. Recordings that have a moment in common are laid over
each other there. What counts as a copy was set between hidden copies and the takes of six corpora that are the most
alike; benchmarks/audit.py measures both.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd

from mer.dataset.audit.overlays import Overlay, overlay
from mer.dataset.audit.sketches import VECTOR, Sketch

ALIKE = 0.86
"""cosine of two moments from which their recordings are laid over each other"""
CROWD = 50
"""later moments that a moment meets at most, the most alike first"""
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
    return table.sort_values(["first", "second"]).reset_index(drop=True)


def matches(sketches: Sequence[Sketch], known: Collection[tuple[int, int]] = ()) -> Iterator[tuple[int, int, Overlay]]:
    """Yield the numbers of two recordings and how they lie over each other, copies or not, where a moment is alike."""
    for first, second, moment, place in _candidates(sketches, set(known)):
        yield first, second, overlay(sketches[first], sketches[second], moment, place)


def required(weight: float) -> float:
    """Return the score from which two recordings are copies, if so many seconds of loud sound were compared.

    >>> [round(required(seconds), 2) for seconds in (0.15, 0.3, 0.5, 2)]
    [0.99, 0.89, 0.75, 0.75]
    """
    return 0.75 + 0.7 * max(0.0, 0.5 - weight)


def _candidates(sketches: Sequence[Sketch], known: set[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (recording, later recording, frame of the one, frame of the other) where two are alike, once for a pair."""
    vectors = np.concatenate([np.zeros((0, VECTOR), "float32"), *(one.vectors for one in sketches)])
    moments = np.concatenate([np.zeros(0, "int32"), *(one.moments for one in sketches)])
    owners = np.repeat(np.arange(len(sketches)), [len(one.moments) for one in sketches])
    rows = max(1, _CELLS // max(1, len(vectors)))
    hits = [_alike(vectors, owners, at, at + rows) for at in range(0, len(vectors), rows)]
    table = pd.DataFrame(np.concatenate([np.zeros((0, 3)), *hits]), columns=["one", "other", "cosine"])
    one, other = table["one"].to_numpy("int64"), table["other"].to_numpy("int64")
    table = table.assign(first=owners[one], second=owners[other], moment=moments[one], place=moments[other])
    table = table.sort_values(
        ["first", "second", "cosine", "moment", "place"], ascending=[True, True, False, True, True]
    )
    for row in table.drop_duplicates(["first", "second"]).itertuples(index=False):
        if (row.first, row.second) not in known:
            yield int(row.first), int(row.second), int(row.moment), int(row.place)


def _alike(vectors: np.ndarray, owners: np.ndarray, start: int, end: int) -> np.ndarray:
    """Moments start..end and later ones of other recordings that are alike: (n, 3), number, number, cosine."""
    cosines = vectors[start:end] @ vectors[start:].T
    one, other = np.nonzero(cosines > ALIKE)
    later = owners[start + one] < owners[start + other]
    one, other = one[later], other[later]
    cosine = cosines[one, other]
    order = np.lexsort((other, -cosine, one))
    one, other, cosine = one[order], other[order], cosine[order]
    rank = np.arange(len(one)) - np.searchsorted(one, one)
    kept = rank < CROWD
    return np.stack([start + one[kept], start + other[kept], cosine[kept]], axis=1)
