"""Words with their times, out of SubRip (.srt) and WebVTT (.vtt) files."""

import html
import re
from typing import NamedTuple

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?$")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")


class Cue(NamedTuple):
    """Seconds and what is said in them."""

    start: float
    end: float
    text: str


def parse(text: str) -> tuple[Cue, ...]:
    """Return the cues of a file by their beginning; those without words or of no length are left out.

    Numbers, styles and comments are passed over, and so is the markup inside of words.

    >>> parse("1\\n00:00:01,500 --> 00:00:02,000\\n<i>Oh</i>\\nno!\\n\\n2\\n00:00:03,000 --> 00:00:02,000\\nback\\n")
    (Cue(start=1.5, end=2.0, text='Oh no!'),)
    """
    cues, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        if not (times := _TIMES.match(line)):
            continue
        start, end = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:])
        words = []
        for said in lines[number + 1 :]:
            if not said.strip() or _TIMES.match(said):
                break
            words.append(said)
        plain = " ".join(html.unescape(_MARKUP.sub("", " ".join(words))).split())
        if plain and end > start:
            cues.append(Cue(start, end, plain))
    return tuple(sorted(cues))


def _seconds(hours: str | None, minutes: str, seconds: str, parts: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(parts.ljust(3, "0")) / 1000
