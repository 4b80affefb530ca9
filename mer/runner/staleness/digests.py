"""Digests of files and folders. A file's digest is computed once per content and stored in the run folder."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mer import files
from mer.file_cache import FileCache


class Digests:
    """The digests of a run's files, stored in a hidden file of its folder."""

    def __init__(self, path: Path) -> None:
        self._cache = FileCache(path, "sha256")

    def digest(self, path: Path) -> str | None:
        """Return the digest of a file or folder; None if it does not exist."""
        if path.is_dir():
            return files.digest([[name, self._file(file)] for name, file in files_below(path)])
        return self._file(path) if path.is_file() else None

    def save(self) -> None:
        """Store new digests for the next run."""
        self._cache.save()

    def _file(self, path: Path) -> str:
        return self._cache.value(path, files.digest_file)


@cache
def run_digests(folder: Path) -> Digests:
    """Return the digests of a run folder; the same object for every caller."""
    return Digests(folder / ".digests.json")


def digest_by_time(path: Path) -> str | None:
    """Return a digest of the names, sizes and times of modification of a file or of all files in a folder.

    External data are too large to be read at each run.
    """
    if path.is_file():
        return files.digest([path.name, *_size_and_time(path)])
    if not path.is_dir():
        return None
    entries = ((name, _size_and_time(file)) for name, file in _walk(path))
    return files.digest([[name, *state] for name, state in entries if state is not None])


def _size_and_time(path: str | Path) -> tuple[int, int] | None:
    """Return size in bytes and time of modification in nanoseconds; None for a link to nothing."""
    try:
        state = os.stat(path)  # noqa: PTH116 - many calls
    except OSError:
        if Path(path).exists():
            raise
        return None
    return state.st_size, state.st_mtime_ns


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder in a fixed order, as (name relative to the folder, path).

    A linked folder is followed once. Hidden files belong to file managers or are unfinished, and are left out.
    """
    for name, file in _walk(folder):
        if (path := Path(file)).is_file():  # to read a pipe would wait for somebody to write into it
            yield name, path


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield as `files_below` does, also links to nothing; external data may be 100,000 files, so paths are texts."""
    visited: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        inner = Path(place).relative_to(folder).as_posix()
        prefix = "" if inner == "." else f"{inner}/"
        for name in sorted(names):
            if name[0] != ".":
                yield prefix + name, f"{place}{os.sep}{name}"
