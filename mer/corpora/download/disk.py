"""Room on the disk, looked at before anything is written."""

import shutil
from pathlib import Path

from mer import files
from mer.corpora.download.source import MB, DownloadError, size

RESERVE = 100 * MB
"""bytes that stay free"""


def require(folder: Path, count: int, what: str) -> None:
    """Refuse to begin what the disk cannot hold.

    Args:
        folder: one that exists.
        count: bytes.

    Raises:
        DownloadError: fewer than `count` bytes and a reserve are free.
    """
    free = shutil.disk_usage(folder).free
    if free < count + RESERVE:
        raise DownloadError(
            f"{what}: needs {size(count)}, the disk of {files.to_root(folder)} has {size(free)} left; "
            "make room, or choose a folder on another disk with --raw"
        )
