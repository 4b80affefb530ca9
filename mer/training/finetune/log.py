"""The log of trainings: lines that grow while encoders are trained, on the screen or in one file of all processes."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

INTERVAL_SECONDS = 1.0
"""The time between two looks at the file."""
_file: list[Path | None] = [None]


def write_to(path: Path | None) -> None:
    """Let this process write its lines to a file; None for the screen."""
    _file[0] = path


def _is_first() -> bool:
    """Whether this is the only process of a training, or the first of those of torchrun, which alone writes."""
    return os.environ.get("RANK", "0") == "0"


def write(line: str) -> None:
    """Write a line. Lines of several processes do not mix, because each is appended at once."""
    if not _is_first():
        return
    if _file[0] is None:
        print(line, flush=True)
        return
    with _file[0].open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@contextlib.contextmanager
def shown(path: Path) -> Iterator[None]:
    """Print the lines that processes append to a file while the context lasts.

    Args:
        path: the file; it is emptied first.
    """
    if not _is_first():
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("", encoding="utf-8")
    finished = threading.Event()
    thread = threading.Thread(target=_follow, args=(path, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        write_to(None)  # trainings in this process have written to the file
        finished.set()
        thread.join()


def _follow(path: Path, finished: threading.Event) -> None:
    with path.open(encoding="utf-8") as file:
        is_last = False
        while not is_last:
            is_last = finished.wait(INTERVAL_SECONDS)
            if text := file.read():
                print(text, end="", flush=True)
