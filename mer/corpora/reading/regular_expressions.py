"""Search a user's regular expression in many texts within bounded time.

A pattern such as `(a+)+$` takes time that grows exponentially with the text. A search cannot be interrupted from within
Python's own code, so it runs in a process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Iterable

MAX_SECONDS = 20.0
"""The time, in seconds, after which a search is stopped. 100,000 paths take less than one."""

_PROGRAM = """
import json, re, sys
pattern, group, texts = json.load(sys.stdin)
pattern = re.compile(pattern)
for text in texts:
    match = pattern.search(text)
    print(json.dumps(match and (match[group] or "")), flush=True)
"""


class TooSlow(ValueError):
    """A search took longer than `MAX_SECONDS`."""


def search(pattern: str, texts: Iterable[str], group: int | str = 1) -> dict[str, str | None]:
    """Return text -> what a group of the pattern matches in it: None if the pattern does not match, empty if the group
    matches nothing.

    Args:
        pattern: regular expression that compiles.
        texts: texts in which it is searched.
        group: number or name of a group; 0 for the whole match.

    Raises:
        TooSlow: names the text in which the search did not end.

    >>> search("^([a-z]+)_", ["anna_01.wav", "01.wav"])
    {'anna_01.wav': 'anna', '01.wav': None}
    """
    unique = list(dict.fromkeys(texts))
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    request = json.dumps([pattern, group, unique]).encode()
    try:
        process = subprocess.run(command, input=request, stdout=subprocess.PIPE, timeout=MAX_SECONDS, check=True)  # noqa: S603
    except subprocess.TimeoutExpired as expired:
        text = unique[min(len((expired.stdout or b"").splitlines()), len(unique) - 1)]
        raise TooSlow(
            f"the search did not end after {MAX_SECONDS:g} s, at {text[:80]!r}: a repetition inside a repetition, such "
            "as (a+)+, takes exponential time"
        ) from None
    return dict(zip(unique, map(json.loads, process.stdout.splitlines()), strict=True))
