"""Every write below a folder, counted by kind of file; at a chosen one, the disk fills up or the process is killed."""

import builtins
import errno
import io
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

PATTERNS = (
    (r"[0-9a-f]{8,}|(?<=\.)\d+(?=-|\.partial)", "*"),  # digests, and the number of the process that writes
    (r"(\.partial)/.*?(\.\w+)$", r"\1/*\2"),  # of a folder that is being written
    (r"(?<=/checkpoints/)[^/]+", "*"),
    (r"(?<=/stamps/).*", "*"),
    (r"(outputs/\w+)/[^/]+(\.ipynb|\.html)$", r"\1/*\2"),
    (r"(?<=/logs/)[^.]+", "*"),
)
"""The parts of a path that differ between files of one kind."""


def kind_of(path: Path, home: Path) -> str:
    """Return a path relative to `home` without what differs between files of one kind."""
    kind = path.relative_to(home).as_posix()
    for pattern, replacement in PATTERNS:
        kind = re.sub(pattern, replacement, kind)
    return kind


class Writes:
    """The writes below `home`: files that are renamed into place, and those that are opened for writing.

    Args:
        home: the folder.
        happens: is called before each write, with its kind.
        after: is called after each write that renames a file into place, with its kind.
    """

    def __init__(self, home: Path, happens: Callable[[str], None], after: Callable[[str], None] = lambda kind: None):
        self.home, self._happens, self._after = home, happens, after

    def patches(self) -> list[tuple[object, str, Callable]]:
        """Return what replaces functions of the system: (module, name, function)."""
        return [
            (io, "open", self._opened(io.open)), (builtins, "open", self._opened(builtins.open)),
            (os, "replace", self._renamed(os.replace)), (os, "rename", self._renamed(os.rename)),
        ]  # fmt: skip

    def install(self) -> None:
        """Replace the functions in this process for good."""
        for module, name, function in self.patches():
            setattr(module, name, function)

    def _kind(self, path: object) -> str | None:
        if isinstance(path, int):
            return None
        place = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - links are not followed
        return kind_of(place, self.home) if place.is_relative_to(self.home) else None

    def _opened(self, function: Callable) -> Callable:
        def opened(file, mode="r", *arguments, **options):
            if set(mode) & set("wax+") and (kind := self._kind(file)) and ".partial" not in Path(kind).name:
                self._happens(kind)
            return function(file, mode, *arguments, **options)

        return opened

    def _renamed(self, function: Callable) -> Callable:
        def renamed(source, target, **options):
            if kind := self._kind(target):
                self._happens(kind)
            function(source, target, **options)
            if kind:
                self._after(kind)

        return renamed


def full_disk(home: Path, kind: str) -> Callable[[], None]:
    """Return a function that lets the first write of a kind fail, and all later writes."""
    is_full = [False]

    def happens(now: str) -> None:
        is_full[0] |= now == kind
        if is_full[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(home / now))

    return Writes(home, happens).install


def killed(home: Path, kind: str, *, after: bool) -> Callable[[], None]:
    """Return a function that kills this process at the first write of a kind: before it, or after it."""
    written = [False]

    def kill(now: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def happens(now: str) -> None:
        if written[0] or (now == kind and not after):
            kill(now)
        written[0] |= now == kind

    return Writes(home, happens, lambda now: kill(now) if now == kind else None).install
