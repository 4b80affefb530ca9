"""Segments of a recording: the whole, those of subtitles, or those between pauses.

A recording is read once, block by block, so a long one needs no more memory.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from mer.media.audio import RATE_HZ
from mer.predict.inputs.subtitles import Cue
from mer.predict.inputs.voice_activity import MIN_SCORE, MIN_SECONDS, WINDOW, Scores

PAUSE_SECONDS = 0.5
"""The shortest pause that ends a segment, in seconds."""
EDGE_SECONDS = 0.2
"""The time that is added before the first and after the last speech of a segment, in seconds."""
MAX_SECONDS = 15.0
"""The longest segment between pauses, in seconds; longer speech is cut at its quietest point."""
SMOOTHING_WINDOWS = 7
"""The number of windows, 0.2 s, over which scores are averaged to find the quietest point."""


class Segment(NamedTuple):
    """Times in seconds and the samples between them, float32 of shape (n,) at 16 kHz; the text if there is one."""

    start: float
    end: float
    samples: np.ndarray
    text: str | None = None


def whole(blocks: Iterable[np.ndarray], seconds: float) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """Return a whole recording if it is at most `seconds` long, else its beginning; and the remaining blocks.

    Raises:
        audio.Unreadable: a block cannot be decoded.
    """
    blocks, parts, size = iter(blocks), [], 0
    for block in blocks:
        parts.append(block)
        size += len(block)
        if size > seconds * RATE_HZ:
            break
    return np.concatenate(parts or [np.zeros(0, np.float32)]), blocks


def at_times(blocks: Iterable[np.ndarray], cues: Sequence[Cue], max_seconds: float) -> Iterator[Segment]:
    """Yield a segment for each cue, in their order; audio after the last cue is not read.

    Args:
        blocks: the samples of the recording, block by block.
        cues: the cues, sorted by their start; they may overlap.
        max_seconds: the longest segment, in seconds; a longer cue is cropped at its end.
    """
    blocks, buffer, first = iter(blocks), np.zeros(0, np.float32), 0  # `first`: number of the buffer's first sample
    for cue in cues:
        start, end = round(cue.start * RATE_HZ), round(min(cue.end, cue.start + max_seconds) * RATE_HZ)
        n_past = min(max(0, start - first), len(buffer))
        buffer, first = buffer[n_past:], first + n_past
        while first + len(buffer) < end and (block := next(blocks, None)) is not None:
            buffer = np.concatenate([buffer, block])
            n_past = min(max(0, start - first), len(buffer))  # audio between cues is dropped at once
            buffer, first = buffer[n_past:], first + n_past
        samples = buffer[max(0, start - first) : max(0, end - first)].copy()
        yield Segment(cue.start, cue.end, samples, cue.text)


def at_pauses(blocks: Iterable[np.ndarray], scores: Scores, max_seconds: float) -> Iterator[Segment]:
    """Yield the segments with speech.

    A segment begins with speech and ends before a pause of 0.5 s. One of `max_seconds` is cut at the quietest point of
    its second half, by scores averaged over 0.2 s.

    Args:
        blocks: the samples of the recording, block by block.
        scores: the voice activity detector.
        max_seconds: the longest segment, in seconds, above 2 * `EDGE_SECONDS`.
    """
    edge, pause = (_windows(seconds) for seconds in (EDGE_SECONDS, PAUSE_SECONDS))
    max_windows = max(2, _windows(max_seconds) - 2 * edge)
    buffer, speech, first = np.zeros((0, WINDOW), np.float32), np.zeros(0), 0  # windows, scores, number of the first
    for windows in chain(_windowed(blocks), [None]):
        if windows is not None:
            buffer, speech = np.concatenate([buffer, windows]), np.concatenate([speech, scores(windows)])
        while (cut := _next_segment(speech, pause, max_windows, windows is None)) is not None:
            begin, end = cut
            if np.count_nonzero(speech[begin:end] >= MIN_SCORE) * WINDOW >= MIN_SECONDS * RATE_HZ:
                left, right = max(0, begin - edge), min(len(buffer), end + edge)
                samples = buffer[left:right].reshape(-1)
                yield Segment((first + left) * WINDOW / RATE_HZ, (first + right) * WINDOW / RATE_HZ, samples)
            buffer, speech, first = buffer[end:], speech[end:], first + end
        voiced = np.flatnonzero(speech >= MIN_SCORE)
        n_past = max(0, (voiced[0] if len(voiced) else len(speech)) - edge)
        buffer, speech, first = buffer[n_past:].copy(), speech[n_past:], first + n_past


def _next_segment(scores: np.ndarray, pause: int, max_windows: int, finished: bool) -> tuple[int, int] | None:
    """Return the windows [begin, end) of the first complete segment; None if more audio is needed."""
    voiced = np.flatnonzero(scores >= MIN_SCORE)
    if not len(voiced):
        return None
    begin = int(voiced[0])
    pauses = np.flatnonzero(np.diff(voiced) > pause)
    end = int(voiced[pauses[0]] if len(pauses) else voiced[-1]) + 1
    if end - begin > max_windows:
        half = begin + max_windows // 2
        smooth = np.convolve(scores, np.ones(SMOOTHING_WINDOWS) / SMOOTHING_WINDOWS, mode="same")
        return begin, half + int(np.argmin(smooth[half : begin + max_windows])) + 1
    return (begin, end) if len(pauses) or finished or len(scores) - end >= pause else None


def _windowed(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the samples as rows of `WINDOW`; the last row is padded with zeros."""
    rest = np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        complete = len(rest) // WINDOW * WINDOW
        if complete:
            yield rest[:complete].reshape(-1, WINDOW)
            rest = rest[complete:]
    if len(rest):
        yield np.pad(rest, (0, WINDOW - len(rest)))[None]


def _windows(seconds: float) -> int:
    return math.ceil(seconds * RATE_HZ / WINDOW)
