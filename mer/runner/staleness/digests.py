"""Digests of files and folders, computed once per content and kept between runs.

A file is taken for the same as long as its size, inode and times of change to the nanosecond are. Times
are only compared for equality, so a clock that goes back does no harm.
"""

import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mer import files

SETTLED = 1.0
"""seconds; a file that changed less long ago may change again within one tick of its clock"""


class Digests:
    """The digests that are known, in a file of the run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, list] = {}
        self._changed = False
        try:
            known = files.read_json(path)
        except (OSError, ValueError):
            return
        if isinstance(known, dict):
            self._known = {name: entry for name, entry in known.items() if isinstance(entry, list) and len(entry) == 5}

    def of(self, path: Path) -> str | None:
        """Return the digest of a file or folder; None where it is not there."""
        if path.is_dir():
            return files.digest([[name, self._file(found)] for name, found in below(path)])
        return self._file(path) if path.is_file() else None

    def save(self) -> None:
        """Keep what was learned for the next run."""
        if self._changed:
            files.write_json(self.path, dict(sorted(self._known.items())))
            self._changed = False

    def _file(self, path: Path) -> str:
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        entry = self._known.get(str(path))
        if entry is not None and entry[:4] == mark:
            return entry[4]
        digest = files.digest_file(path)
        if time.time() - max(stat.st_mtime, stat.st_ctime) > SETTLED:
            self._known[str(path)] = [*mark, digest]
            self._changed = True
        return digest


@cache
def of_folder(folder: Path) -> Digests:
    """Return the digests known to a run folder."""
    return Digests(folder / ".digests.json")


def by_time(folder: Path) -> str | None:
    """Return a digest of names, sizes and times of change, of a file or all in a folder: corpora are too large to be
    read each time."""
    if folder.is_file():
        return files.digest([folder.name, (s := folder.stat()).st_size, s.st_mtime_ns])
    if not folder.is_dir():
        return None
    return files.digest([[name, (s := path.stat()).st_size, s.st_mtime_ns] for name, path in below(folder)])


def below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder in a fixed order; linked folders are followed once each.

    Hidden files are the file manager's or somebody's half-written ones.
    """
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(names):
            path = Path(place, name)
            if name[0] != "." and path.exists():
                yield path.relative_to(folder).as_posix(), path
