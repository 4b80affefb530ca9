"""Temporary folders that do not stay behind for ever if their process is killed: the next process removes them."""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "mer-"
OWNER = ".owner"
"""The file in each folder that its process keeps locked. The operating system releases the lock of a killed process."""
MIN_SECONDS = 60.0
"""The age, in seconds, from which on a folder is removed. A younger one may not be locked yet."""


class TemporaryFolder(tempfile.TemporaryDirectory):
    """A temporary folder; its name is yielded by `with`, and it is removed when the block ends.

    Folders of processes that were killed are removed first.
    """

    def __init__(self) -> None:
        remove_abandoned()
        super().__init__(prefix=PREFIX, ignore_cleanup_errors=True)
        try:
            self._owner = Path(self.name, OWNER).open("w")  # noqa: SIM115 - it stays open while the folder is used
            _lock(self._owner)
        except OSError:  # the disk is full
            super().cleanup()
            raise

    def cleanup(self) -> None:
        """Remove the folder."""
        self._owner.close()
        super().cleanup()


def remove_abandoned() -> None:
    """Remove this user's temporary folders whose processes were killed. Windows cannot tell them."""
    if os.name != "posix":
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # it is in use, is gone, or is of another program
            state = (folder / OWNER).lstat()
            if folder.is_symlink() or state.st_uid != os.getuid() or time.time() - state.st_mtime < MIN_SECONDS:
                continue
            with (folder / OWNER).open("r+") as owner:
                _lock(owner)
                shutil.rmtree(folder, ignore_errors=True)


def _lock(file) -> None:
    """Lock an open file.

    Raises:
        BlockingIOError: another process has locked it.
    """
    if os.name == "posix":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
