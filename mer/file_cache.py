"""Values that are computed from single files, stored on disk and reused as long as the files stay the same.

A file counts as the same while its size, its inode and its times of modification and of status change, to the
nanosecond, are the same. They are compared for equality only, so a clock that is set back does no harm.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mer import files

SETTLED_SECONDS = 2.5
"""The age in seconds from which the value of a file is stored.

A younger file may change again without a change of its times: FAT counts them in steps of 2 seconds.
"""


class FileCache:
    """Values by file, in one file on disk that all processes share.

    The file holds a digest of its content. A damaged file, or one of another version, is ignored and replaced.

    Args:
        path: the file of the cache.
        version: identifies how values are computed; values of another version are not used.
    """

    def __init__(self, path: Path, version: str) -> None:
        self.path, self._version = path, version
        self._entries: dict[str, list] = _load(path, version)
        self._changed = False

    def value(self, path: Path, compute: Callable[[Path], Any]) -> Any:
        """Return the value of a file; it is computed if the file is new or has changed.

        Args:
            path: the file.
            compute: path -> value of JSON types; always the same function for the same file.

        Raises:
            OSError: the file does not exist or cannot be read.
        """
        now, stat = time.time(), path.stat()
        state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        entry = self._entries.get(str(path))
        if entry is not None and entry[0] == state:
            return entry[1]
        value = compute(path)
        if now - max(stat.st_mtime, stat.st_ctime) > SETTLED_SECONDS:
            self._entries[str(path)] = [state, value]
            self._changed = True
        return value

    def save(self) -> None:
        """Write the cache if it has new values; files that no longer exist are dropped.

        A cache that cannot be written costs time only, so this is no error.
        """
        if not self._changed:
            return
        self._changed = False
        entries = {name: entry for name, entry in sorted(self._entries.items()) if Path(name).exists()}
        content = {"version": self._version, "entries": entries}
        with contextlib.suppress(OSError):
            files.write_text(self.path, json.dumps({"digest": _digest(content), **content}, separators=(",", ":")))


def _load(path: Path, version: str) -> dict[str, list]:
    """Return the entries of a cache; none if the file is absent, damaged or of another version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        digest = content.pop("digest")
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return {}
    return content["entries"] if digest == _digest(content) and content["version"] == version else {}


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
