"""CMU-MOSEI's lists: tables of emotion scores, transcripts with times, and the official folds."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mer.corpora.corpus import Problem
from mer.corpora.reading.files import as_integer, decode, lines, relative, table, unreadable_reason
from mer.corpora.reading.media import SPLITS, split_of

SCORES = ("happy", "sad", "anger", "surprise", "disgust", "fear")
NAMES = {
    "video": ("video", "videoid", "vid", "file", "filename"),
    "clip": ("clip", "clipid", "segment", "segmentid"),
    "start": ("start", "starttime"),
    "end": ("end", "endtime"),
    "split": ("split", "fold", "mode"),
    "happy": ("happy", "happiness"),
    "sad": ("sad", "sadness"),
    "anger": ("anger", "angry"),
    "surprise": ("surprise", "surprised"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful"),
}
"""Maps a column to its names in tables, without punctuation and the prefixes `Input.` and `Answer.`."""
MAX_SCORE = 3.0
SEGMENT = re.compile(
    r"(?P<video>.+?)___(?P<clip>[0-9]{1,6})___(?P<start>[-+.0-9e]+)___(?P<end>[-+.0-9e]+)___(?P<text>.*)"
)
LIST_OF_VIDEOS = re.compile(r"^(?P<name>\w+)\s*=\s*\[(?P<videos>[^\]]*)\]", re.MULTILINE)
QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"")


@dataclass(frozen=True)
class Segment:
    """A segment of a video: its number, its times in seconds, and its transcript."""

    video: str
    clip: int
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Rating:
    """A row of a table of scores. A segment has one row with times, or one row per rater without times."""

    path: str
    line: int
    video: str
    clip: int | None
    times: tuple[float, float] | None
    scores: tuple[float, ...]
    split: str | None


def segments(raw: Path, path: Path) -> Iterator[Segment | Problem]:
    """Yield the lines `video___number___start___end___text` of a transcript."""
    name = relative(path, raw)
    if reason := unreadable_reason(path):
        yield Problem(name, reason)
        return
    for number, line in enumerate(lines(decode(path.read_bytes())), start=1):
        if "___" not in line:
            continue
        match = SEGMENT.fullmatch(line.strip())
        times = match and times_of(match["start"], match["end"])
        if match is None or times is None:
            yield Problem(name, "expected a line such as video___number___start___end___text", line=number)
        else:
            # some lines have more underscores before the text
            yield Segment(match["video"], int(match["clip"]), *times, " ".join(match["text"].lstrip("_").split()))


def ratings(raw: Path, path: Path) -> Iterator[Rating | Problem]:
    """Yield the rows of a table of scores. Tables name their columns in several ways."""
    name = relative(path, raw)
    columns: dict[str, str] | None = None
    for numbered_row in table(raw, path, ()):
        if isinstance(numbered_row, Problem):
            yield numbered_row
            continue
        line, row = numbered_row
        if columns is None:
            columns = _columns(row)
            missing = [column for column in ("video", *SCORES) if column not in columns]
            if "clip" not in columns and not {"start", "end"} <= set(columns):
                missing.append("clip, or start and end")
            if missing:
                yield Problem(name, f"not a table of emotion scores: no column {', '.join(missing)}", line=1)
                return
        yield _rating(name, line, {column: row[name] for column, name in columns.items()})


def folds(raw: Path, path: Path) -> Iterator[tuple[str, str] | Problem]:
    """Yield (video, part) of the file of official folds. The file is read as text and not run."""
    name = relative(path, raw)
    if reason := unreadable_reason(path):
        yield Problem(name, reason)
        return
    is_empty = True
    for match in LIST_OF_VIDEOS.finditer(decode(path.read_bytes())):
        split = split_of(Path(match["name"]))
        for video in QUOTED.finditer(match["videos"]) if split else ():
            is_empty = False
            yield video[1] or video[2], SPLITS[split]
    if is_empty:
        yield Problem(name, "no lists of videos such as standard_train_fold = ['…', …]: download it again")


def times_of(start: str, end: str) -> tuple[float, float] | None:
    """Return start and end in seconds, at least 0; None if they are no segment.

    >>> times_of("-0.04", "2.5"), times_of("3", "2"), times_of("nan", "2")
    ((0.0, 2.5), None, None)
    """
    first, last = number(start), number(end)
    if first is None or last is None or last <= max(0.0, first):
        return None
    return max(0.0, first), last


def number(text: str) -> float | None:
    """Return a finite number in a list, or None if the text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    # Python accepts 1_0 as ten
    return value if math.isfinite(value) and "_" not in text else None


def _columns(row: dict[str, str]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z]", "", re.sub(r"^(input|answer)\.", "", name.lower())): name for name in row}
    columns = {column: next((plain[name] for name in names if name in plain), None) for column, names in NAMES.items()}
    return {column: name for column, name in columns.items() if name is not None}


def _rating(path: str, line: int, row: dict[str, str]) -> Rating | Problem:
    scores = tuple(number(row[score]) for score in SCORES)
    for score, value in zip(SCORES, scores, strict=True):
        if value is None or not 0 <= value <= MAX_SCORE:
            return Problem(path, f"{score} {row[score]!r} is not a number from 0 to 3", line=line)
    if not row["video"]:
        return Problem(path, "no video", line=line)
    clip = as_integer(row.get("clip"))
    times = times_of(row["start"], row["end"]) if {"start", "end"} <= set(row) else None
    if clip is None and times is None:
        return Problem(path, "neither a clip number nor start and end in seconds", line=line)
    split = split_of(Path(row["split"])) if row.get("split") else None
    return Rating(path, line, row["video"], clip, times, scores, SPLITS[split] if split else None)
