"""Text with times from SubRip (.srt) and WebVTT (.vtt) files."""

import html
import re
from typing import NamedTuple

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?$")
_TIME_LINE = re.compile(r"^[\s\d:.,-]*-->")
"""The beginning of a line of times, valid or not. An arrow between words does not match."""
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


class Cue(NamedTuple):
    """A text with its times in seconds."""

    start: float
    end: float
    text: str


def parse(text: str) -> tuple[Cue, ...]:
    """Return the cues of a file, sorted by their start; cues without text or of no duration are left out.

    Numbers, styles, comments and markup are removed.

    Raises:
        ValueError: the times of a line are invalid or end before they begin; the message names the line.

    >>> parse("1\\n00:00:01,500 --> 00:00:02,000\\n<i>Oh</i>\\nno!\\n\\n")
    (Cue(start=1.5, end=2.0, text='Oh no!'),)
    """
    cues, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        if not _TIME_LINE.match(line):
            continue
        start, end = _times(line, number)
        plain = " ".join(html.unescape(_MARKUP.sub("", " ".join(_cue_lines(lines, number + 1)))).split())
        if plain and end > start:
            cues.append(Cue(start, end, plain))
    return tuple(sorted(cues))


def _times(line: str, number: int) -> tuple[float, float]:
    match = _TIMES.match(line)
    start, end = (_seconds(*match.groups()[:4]), _seconds(*match.groups()[4:])) if match else (0.0, -1.0)
    if end < start:
        problem = "ends before it begins" if match else "is no pair of times (00:00:01,000 --> 00:00:02,500)"
        raise ValueError(f"line {number + 1}: {line.strip()[:60]!r} {problem}")
    return start, end


def _cue_lines(lines: list[str], first: int) -> list[str]:
    """Return the lines of a cue, without the number of the next cue if no empty line precedes it."""
    of_cue = []
    for line in lines[first:]:
        if _TIME_LINE.match(line):
            return of_cue[:-1] if of_cue and of_cue[-1].strip().isdecimal() else of_cue
        if not line.strip():
            break
        of_cue.append(line)
    return of_cue


def _seconds(hours: str | None, minutes: str, seconds: str, decimals: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(decimals.ljust(3, "0")) / 1000
