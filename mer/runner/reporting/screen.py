"""The runner's output on the screen: a line per step that ends and, on a terminal, a live line per unfinished step."""

import os
import sys
import time
from collections.abc import Iterable
from typing import Any, TextIO

SYMBOLS = {
    "done": "✓", "unchanged": "✓", "failed": "✗", "interrupted": "✗", "skipped": "·", "running": "▸", "waiting": "·",
}  # fmt: skip
MAX_LIVE_LINES = 12
"""The number of live lines that are shown at once."""
PROGRESS_SECONDS = 60.0
"""The time between two lines about a running step where lines cannot be redrawn, in seconds."""
PRINTED_IF_QUIET = ("failed", "interrupted")
"""The states of steps that a quiet screen prints."""


def clock(seconds: float) -> str:
    """Return a duration in a form that is easy to read.

    >>> clock(3.21), clock(72), clock(3725)
    ('3.2 s', '1:12', '1:02:05')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def size(count: int) -> str:
    """Return a number of bytes in a form that is easy to read.

    >>> size(310_000_000), size(2_140_000_000)
    ('310 MB', '2.1 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


class Screen:
    """Lines on a stream; a terminal also shows the steps that run and wait, redrawn in place.

    Elsewhere, such as in a log, a running step has a line every `PROGRESS_SECONDS`.

    Args:
        out: the stream, by default the standard output.
        live: whether lines can be redrawn; by default if the stream is a terminal.
        quiet: whether only failures and the end of a run are printed.
    """

    def __init__(self, out: TextIO | None = None, live: bool | None = None, quiet: bool = False) -> None:
        self.out, self.quiet = out or sys.stdout, quiet
        self.live = not quiet and (_can_redraw(self.out) if live is None else live)
        self._last_progress = time.monotonic()
        self._width = 0
        self._display: Any = None

    def set_columns(self, names: Iterable[str]) -> None:
        """Fit the columns to the steps of this run."""
        self._width = max((len(name) for name in names), default=0) - 3

    def print_line(self, text: str = "") -> None:
        """Print a line above the live ones."""
        if self._display is not None:
            self._display.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self.out, flush=True)

    def step(self, name: str, state: str, *facts: str) -> None:
        """Print a line: `✓ 03 train_fusion   done   0:41`. With live lines, a start prints none."""
        if (state == "running" and self.live) or (self.quiet and state not in PRINTED_IF_QUIET):
            return
        word = f"{'started' if state == 'running' else state:<11}"
        details = "  ".join(fact for fact in facts if fact)
        self.print_line(f"  {SYMBOLS[state]} {name[:2]} {name[3:]:<{self._width}}  {word}  {details}".rstrip())

    def show(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Redraw the live lines from `(state, name, facts)` of the steps that run or wait."""
        if not self.live:
            self._log(rows)
            return
        rows = list(rows)
        from rich.text import Text

        lines = [
            f"  {SYMBOLS[state]} {name[:2]} {name[3:]:<{self._width}}  {facts}".rstrip() for state, name, facts in rows
        ]
        if len(lines) > MAX_LIVE_LINES:
            lines = [*lines[: MAX_LIVE_LINES - 1], f"    and {len(lines) - MAX_LIVE_LINES + 1} more"]
        self._live_display().update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)

    def _log(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Print a line for each running step, if the last ones are `PROGRESS_SECONDS` old."""
        if self.quiet or time.monotonic() < self._last_progress + PROGRESS_SECONDS:
            return
        self._last_progress = time.monotonic()
        for state, name, facts in rows:
            if state == "running":
                self.print_line(f"    {name[:2]} {name[3:]:<{self._width}}  {facts}".rstrip())

    def end(self) -> None:
        """Remove the live lines."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    def _live_display(self) -> Any:
        if self._display is None:
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self.out, force_terminal=True, highlight=False)
            self._display = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False,
                                 redirect_stderr=False)  # fmt: skip
            self._display.start()
        return self._display


def _can_redraw(out: TextIO) -> bool:
    """Return whether lines can be redrawn: old Windows consoles print escape sequences as they are."""
    modern = os.name != "nt" or "WT_SESSION" in os.environ
    return out.isatty() and modern and "CI" not in os.environ and os.environ.get("TERM") != "dumb"
