"""Find recordings that are copies of one another but differ in speed, pitch, room or background.

The vectors of all loud moments are compared with one another, block by block. Recordings that share a moment are
aligned there. The threshold for copies lies between hidden copies and the most similar takes of six corpora;
`benchmarks/audit.py` measures both. The search is repeated with one of the two slowed down, because playing recordings
a tenth faster and slower is a common augmentation [Ko et al. 2015, Audio Augmentation for Speech Recognition].
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mer.dataset.audit.copies.alignments import NO_ALIGNMENT, Alignment, align
from mer.dataset.audit.copies.spectral_sketches import VECTOR, Sketch, slowed

MIN_COSINE = 0.86
"""The cosine of two moments from which their recordings are aligned."""
MIN_COSINE_WITH_ECHO = 0.88
"""The same, if one of the two gets an echo."""
MIN_COSINE_SLOWED = 0.9
"""The same, if one of the two is slowed down; usually nothing else differs then."""
SPEED_RATIO = 1.12
"""The speed of the faster recording, relative to the other. Together with `alignments.SPEEDS` it covers speeds that
are a tenth and a sixth higher."""
MAX_MATCHES = 50
"""The largest number of matches of one moment, the most similar first."""
MAX_BLOCK_VALUES = 2**24
"""The largest number of cosines in memory."""


def pairs(sketches: Sequence[Sketch], exact_pairs: Collection[tuple[int, int]] = ()) -> pd.DataFrame:
    """Return the recordings that are copies of one another.

    Args:
        exact_pairs: pairs of numbers that are certain copies and are not compared again.

    Returns:
        columns first, second (numbers in `sketches`, first < second), shift (start of the second within the first, in
        seconds), seconds (duration of loud audio compared), errors ((1 - score) / 2, comparable to a share of differing
        bits), speed, pitch (of the second relative to the first); sorted by the numbers.
    """
    rows = [
        (first, second, alignment.shift, alignment.weight, (1 - alignment.score) / 2, alignment.speed, alignment.pitch)
        for first, second, alignment in matches(sketches, exact_pairs)
        if alignment.score >= required(alignment.weight)
    ]
    columns = ["first", "second", "shift", "seconds", "errors", "speed", "pitch"]
    table = pd.DataFrame(rows, columns=columns).astype({"first": "int64", "second": "int64"})
    table = table.sort_values(["first", "second", "errors"]).drop_duplicates(["first", "second"])
    return table.reset_index(drop=True)


def matches(
    sketches: Sequence[Sketch], exact_pairs: Collection[tuple[int, int]] = ()
) -> Iterator[tuple[int, int, Alignment]]:
    """Yield the numbers and alignment of each two recordings with a similar moment, whether or not they are copies.

    A pair may occur several times, at different speeds.
    """
    exact_pairs = set(exact_pairs)
    for first, second, moment, place in _candidates(sketches, exact_pairs):
        yield first, second, align(sketches[first], sketches[second], moment, place)
    slow_moments = [_without_levels(slowed(sketch, 1 / SPEED_RATIO)) for sketch in sketches]
    for first, second, moment, place in _slow_candidates(sketches, slow_moments, exact_pairs):
        slow = slowed(sketches[second], 1 / SPEED_RATIO)  # again, because levels of all of them need much memory
        alignment = _at_original_speed(align(sketches[first], slow, moment, place))
        yield (first, second, alignment) if first < second else (second, first, _swapped(alignment))


def _without_levels(sketch: Sketch) -> Sketch:
    """Return the moments of a sketch alone."""
    return replace(sketch, levels=sketch.levels[:0].copy(), weights=sketch.weights[:0].copy())


def required(weight: float) -> float:
    """Return the score from which two recordings are copies, given the duration of loud audio compared (seconds).

    >>> [round(required(seconds), 2) for seconds in (0.15, 0.3, 0.5, 2)]
    [0.99, 0.89, 0.75, 0.75]
    """
    return 0.75 + 0.7 * max(0.0, 0.5 - weight)


def _candidates(sketches: Sequence[Sketch], exact_pairs: set[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Yield (recording, later recording, frame of the first, frame of the second) of similar moments, once per pair."""
    vectors, moments, owners = _moments(sketches)
    echoes = np.concatenate([np.zeros((0, VECTOR), "float32"), *(sketch.echoes for sketch in sketches)])
    block_rows = max(1, MAX_BLOCK_VALUES // max(1, len(vectors)))
    hits = [np.zeros((0, 3))]
    for start in range(0, len(vectors), block_rows):
        block = vectors[start : start + block_rows]
        hits.append(_similar_moments(block @ vectors[start:].T, MIN_COSINE, owners, start, start))
        hits.append(_similar_moments(block @ echoes.T, MIN_COSINE_WITH_ECHO, owners, start, 0))
    found = np.concatenate(hits)
    found[:, :2].sort(axis=1)  # the first recording of a pair is the earlier one
    yield from _best_moments(found, owners, (moments, moments), exact_pairs)


def _slow_candidates(
    sketches: Sequence[Sketch], slowed_sketches: Sequence[Sketch], exact_pairs: set[tuple[int, int]]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (recording, slowed recording, frame of the first, frame of the second), once per pair."""
    vectors, moments, owners = _moments(sketches)
    slow_vectors, slow_moments, _ = _moments(slowed_sketches)  # as many, with the same owners
    block_rows = max(1, MAX_BLOCK_VALUES // max(1, len(vectors)))
    hits = [np.zeros((0, 3))]
    hits += [
        _similar_moments(vectors[start : start + block_rows] @ slow_vectors.T, MIN_COSINE_SLOWED, owners, start, 0)
        for start in range(0, len(vectors), block_rows)
    ]
    yield from _best_moments(np.concatenate(hits), owners, (moments, slow_moments), exact_pairs)


def _best_moments(
    hits: np.ndarray, owners: np.ndarray, moments: tuple[np.ndarray, np.ndarray], exact_pairs: set[tuple[int, int]]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield each pair of recordings that is no exact pair, with the frames of its two most similar moments.

    Args:
        hits: number of the first moment, number of the second, cosine; shape (hits, 3).
        owners: moment -> recording.
        moments: number -> frame, of first and of second moments.
        exact_pairs: pairs of recordings, the earlier one first.
    """
    first, second = hits[:, :2].astype("int64").T
    table = pd.DataFrame({"first": owners[first], "second": owners[second], "cosine": hits[:, 2],
                          "moment": moments[0][first], "second_moment": moments[1][second]})  # fmt: skip
    table = table.sort_values(list(table.columns), ascending=[True, True, False, True, True])
    for row in table.drop_duplicates(["first", "second"]).itertuples(index=False):
        if (min(row.first, row.second), max(row.first, row.second)) not in exact_pairs:
            yield int(row.first), int(row.second), int(row.moment), int(row.second_moment)


def _moments(sketches: Sequence[Sketch]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors, frames and owners (recording numbers) of all moments."""
    vectors = np.concatenate([np.zeros((0, VECTOR), "float32"), *(sketch.vectors for sketch in sketches)])
    moments = np.concatenate([np.zeros(0, "int32"), *(sketch.moments for sketch in sketches)])
    return vectors, moments, np.repeat(np.arange(len(sketches)), [len(sketch.moments) for sketch in sketches])


def _at_original_speed(alignment: Alignment) -> Alignment:
    """Return the alignment of the second recording at its original speed, given that of the slowed one."""
    return (
        alignment
        if alignment is NO_ALIGNMENT
        else replace(alignment, speed=alignment.speed * SPEED_RATIO, pitch=alignment.pitch * SPEED_RATIO)
    )


def _swapped(alignment: Alignment) -> Alignment:
    """Return the alignment with first and second swapped."""
    return replace(
        alignment, shift=-alignment.shift / alignment.speed, speed=1 / alignment.speed, pitch=1 / alignment.pitch
    )


def _similar_moments(cosines: np.ndarray, min_cosine: float, owners: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return similar moments of different recordings: (n, 3), number of the first, number of the second, cosine.

    Args:
        row, column: the numbers of the moments of the first row and column.
    """
    first, second = np.nonzero(cosines > min_cosine)
    different = owners[row + first] != owners[column + second]
    first, second = first[different], second[different]
    cosine = cosines[first, second]
    order = np.lexsort((second, -cosine, first))
    first, second, cosine = first[order], second[order], cosine[order]
    retained = np.arange(len(first)) - np.searchsorted(first, first) < MAX_MATCHES
    return np.stack([row + first[retained], column + second[retained], cosine[retained]], axis=1)
