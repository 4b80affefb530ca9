"""Words with their times, out of SubRip (.srt) and WebVTT (.vtt) files."""

import html
import re
from typing import NamedTuple

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?$")
_MEANT = re.compile(r"^[\s\d:.,-]*-->")
"""a line of times, right or wrong; an arrow between words is none"""
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


class Cue(NamedTuple):
    """Seconds and what is said in them."""

    start: float
    end: float
    text: str


def parse(text: str) -> tuple[Cue, ...]:
    """Return the cues of a file by their beginning; those without words or of no length are left out.

    Numbers, styles and comments are passed over, and so is the markup inside of words.

    Raises:
        ValueError: names the line where times are meant and not understood, or run backwards.

    >>> parse("1\\n00:00:01,500 --> 00:00:02,000\\n<i>Oh</i>\\nno!\\n\\n")
    (Cue(start=1.5, end=2.0, text='Oh no!'),)
    """
    cues, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        if not _MEANT.match(line):
            continue
        start, end = _times(line, number)
        plain = " ".join(html.unescape(_MARKUP.sub("", " ".join(_said(lines, number + 1)))).split())
        if plain and end > start:
            cues.append(Cue(start, end, plain))
    return tuple(sorted(cues))


def _times(line: str, number: int) -> tuple[float, float]:
    found = _TIMES.match(line)
    start, end = (_seconds(*found.groups()[:4]), _seconds(*found.groups()[4:])) if found else (0.0, -1.0)
    if end < start:
        what = "ends before it begins" if found else "is no pair of times (00:00:01,000 --> 00:00:02,500)"
        raise ValueError(f"line {number + 1}: {line.strip()[:60]!r} {what}")
    return start, end


def _said(lines: list[str], first: int) -> list[str]:
    """The lines of a cue; the number of the next one, where no empty line stands before it, is none of them."""
    words = []
    for line in lines[first:]:
        if _MEANT.match(line):
            return words[:-1] if words and words[-1].strip().isdecimal() else words
        if not line.strip():
            break
        words.append(line)
    return words


def _seconds(hours: str | None, minutes: str, seconds: str, parts: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(parts.ljust(3, "0")) / 1000
