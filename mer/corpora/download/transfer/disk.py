"""A check of free disk space before anything is written."""

import shutil
from pathlib import Path

from mer import files
from mer.corpora.download.source import MB, DownloadError, size

RESERVE = 100 * MB
"""The disk space that stays free, in bytes."""


def require_space(folder: Path, count: int, purpose: str) -> None:
    """Check that the disk has enough free space.

    Args:
        folder: existing folder on the disk.
        count: required space, in bytes.
        purpose: name of what needs the space, for the message.

    Raises:
        DownloadError: fewer than `count` bytes and a reserve are free.
    """
    free = shutil.disk_usage(folder).free
    if free < count + RESERVE:
        raise DownloadError(
            f"{purpose}: needs {size(count)}, the disk of {files.to_root(folder)} has {size(free)} left; "
            "free some space, or choose a folder on another disk with --raw"
        )
