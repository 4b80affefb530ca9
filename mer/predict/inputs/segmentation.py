"""A recording as stretches: whole, at the times of subtitles, or between pauses. It is read once and never held."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from mer.media.audio import RATE_HZ
from mer.predict.inputs.subtitles import Cue
from mer.predict.inputs.voice_activity import LEAST_SECONDS, SPEECH, WINDOW, Scores

PAUSE_SECONDS = 0.5
"""of silence that ends a stretch"""
EDGE_SECONDS = 0.2
"""kept before the first and after the last speech of a stretch"""
MOST_SECONDS = 15.0
"""of a stretch: one without a pause is cut where it is quietest"""
NEAR = 7
"""windows, 0.2 s, over which it is judged how quiet a place is"""


class Stretch(NamedTuple):
    """Seconds of a recording and their samples, float32 of shape (n,) at 16 kHz; the words where they are known."""

    start: float
    end: float
    samples: np.ndarray
    text: str | None = None


def begin(blocks: Iterable[np.ndarray], seconds: float) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """Return what comes before `seconds`, and the rest of the blocks; together they are all.

    Raises:
        audio.Unreadable: of the blocks that are read for it.
    """
    blocks, held, size = iter(blocks), [], 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size > seconds * RATE_HZ:
            break
    return np.concatenate(held or [np.zeros(0, np.float32)]), blocks


def at_times(blocks: Iterable[np.ndarray], cues: Sequence[Cue], longest: float) -> Iterator[Stretch]:
    """Yield a stretch for each cue, in their order; what lies behind the last cue is not read.

    Args:
        cues: by their beginning; they may overlap.
        longest: seconds; a longer cue is cropped at its end.
    """
    blocks, held, first = iter(blocks), np.zeros(0, np.float32), 0
    for cue in cues:
        start, end = round(cue.start * RATE_HZ), round(min(cue.end, cue.start + longest) * RATE_HZ)
        gone = min(max(0, start - first), len(held))
        held, first = held[gone:], first + gone
        while first + len(held) < end and (block := next(blocks, None)) is not None:
            held = np.concatenate([held, block])
            gone = min(max(0, start - first), len(held))  # a pause of an hour is not held either
            held, first = held[gone:], first + gone
        yield Stretch(cue.start, cue.end, held[max(0, start - first) : max(0, end - first)].copy(), cue.text)


def at_pauses(blocks: Iterable[np.ndarray], scores: Scores, longest: float) -> Iterator[Stretch]:
    """Yield the stretches in which somebody speaks.

    A stretch begins with speech and ends before a pause of half a second. One of `longest` seconds is cut at the
    quietest place of its second half, by the score of 0.2 s.

    Args:
        longest: seconds, above 2 * `EDGE_SECONDS`.
    """
    edge, pause = (_windows(seconds) for seconds in (EDGE_SECONDS, PAUSE_SECONDS))
    most = max(2, _windows(longest) - 2 * edge)
    held, told, first = np.zeros((0, WINDOW), np.float32), np.zeros(0), 0  # windows, their scores, number of the first
    for windows in chain(_windowed(blocks), [None]):
        if windows is not None:
            held, told = np.concatenate([held, windows]), np.concatenate([told, scores(windows)])
        while (cut := _next(told, pause, most, windows is None)) is not None:
            begin, end = cut
            if np.count_nonzero(told[begin:end] >= SPEECH) * WINDOW >= LEAST_SECONDS * RATE_HZ:
                left, right = max(0, begin - edge), min(len(held), end + edge)
                samples = held[left:right].reshape(-1)
                yield Stretch((first + left) * WINDOW / RATE_HZ, (first + right) * WINDOW / RATE_HZ, samples)
            held, told, first = held[end:], told[end:], first + end
        speech = np.flatnonzero(told >= SPEECH)
        gone = max(0, (speech[0] if len(speech) else len(told)) - edge)
        held, told, first = held[gone:].copy(), told[gone:], first + gone


def _next(told: np.ndarray, pause: int, most: int, over: bool) -> tuple[int, int] | None:
    """The windows [begin, end) of the first stretch that is known to be finished; None if more must be heard."""
    speech = np.flatnonzero(told >= SPEECH)
    if not len(speech):
        return None
    begin = int(speech[0])
    gaps = np.flatnonzero(np.diff(speech) > pause)
    end = int(speech[gaps[0]] if len(gaps) else speech[-1]) + 1
    if end - begin > most:
        half = begin + most // 2
        around = np.convolve(told, np.ones(NEAR) / NEAR, mode="same")
        return begin, half + int(np.argmin(around[half : begin + most])) + 1
    return (begin, end) if len(gaps) or over or len(told) - end >= pause else None


def _windowed(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the samples as rows of `WINDOW`, the last one filled with zeros."""
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) // WINDOW * WINDOW
        if whole:
            yield rest[:whole].reshape(-1, WINDOW)
            rest = rest[whole:]
    if len(rest):
        yield np.pad(rest, (0, WINDOW - len(rest)))[None]


def _windows(seconds: float) -> int:
    return math.ceil(seconds * RATE_HZ / WINDOW)
