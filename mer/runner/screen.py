"""What the runner prints: one line per step, and what to do about a failure."""

import os
import shutil
import sys
import time
from collections.abc import Iterable
from typing import TextIO

MARKS = {"done": "✓", "unchanged": "✓", "failed": "✗", "interrupted": "✗", "skipped": "·", "running": "▸"}


def clock(seconds: float) -> str:
    """Return a duration as people read it.

    >>> clock(3.21), clock(72), clock(3725)
    ('3.2 s', '1:12', '1:02:05')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Screen:
    """Lines on a stream; on a terminal the steps that run share one line that is rewritten in place."""

    def __init__(self, out: TextIO | None = None, live: bool | None = None) -> None:
        self.out = out or sys.stdout
        self.live = self._can_rewrite() if live is None else live
        self._width = 0
        self._drawn, self._line = 0.0, ""

    def begin(self, names: Iterable[str]) -> None:
        """Fit the columns to the steps of this run."""
        self._width = max((len(name) for name in names), default=0) - 3

    def say(self, text: str = "") -> None:
        """Print a line above the live one."""
        self._clear()
        print(text, file=self.out, flush=True)

    def step(self, name: str, state: str, *facts: str) -> None:
        """Print a step's line: `✓ 03 train_fusion   done   0:41`. Where the line is live, a start prints none."""
        if state == "running" and self.live:
            return
        word = f"{'started' if state == 'running' else state:<11}"
        details = "  ".join(fact for fact in facts if fact)
        self.say(f"  {MARKS[state]} {name[:2]} {name[3:]:<{self._width}}  {word}  {details}".rstrip())

    def running(self, steps: Iterable[tuple[str, float, str]]) -> None:
        """Redraw the live line from `(name, seconds, heading)` of the steps that run."""
        if not self.live or time.monotonic() < self._drawn + 0.2:
            return
        parts = [f"▸ {name[:2]} {name[3:]}  {clock(seconds)}  {heading}".rstrip() for name, seconds, heading in steps]
        line = ("  " + "   ".join(parts))[: shutil.get_terminal_size().columns - 1] if parts else ""
        self._drawn = time.monotonic()
        if line != self._line:
            self._clear()
            self._line = line
            print(line, end="", file=self.out, flush=True)

    def _clear(self) -> None:
        if self._line:
            print("\r\x1b[2K", end="", file=self.out)
        self._line, self._drawn = "", 0.0

    def _can_rewrite(self) -> bool:
        """Old Windows consoles print escape sequences as they are."""
        modern = os.name != "nt" or "WT_SESSION" in os.environ
        return self.out.isatty() and modern and "CI" not in os.environ and os.environ.get("TERM") != "dumb"
