"""The process that the kernels of a run are copies of (kernel_server.py), as the runner starts and ends it.

A new kernel imports torch, pandas and others for about three seconds, and has them in its own memory. A copy starts at
once and shares the memory. Until the process is ready, and where there is none, kernels are started as Jupyter does.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mer import processors
from mer.temporary import TemporaryFolder

PROGRAM = Path(__file__).with_name("kernel_server.py")
MAX_FOLDER_CHARS = 60
"""The longest name of the temporary folder with which that of a Unix socket in it is allowed, in characters."""
LARGEST = "torch"
"""The library that takes the most time and memory. Where no step imports it, kernels are as fast by themselves."""
INLINE = "module://matplotlib_inline.backend_inline"
"""The backend of figures that kernels set. matplotlib reads it when it is imported."""
END_SECONDS = 0.5
"""The time in which the process ends by itself. While it imports libraries, it does not."""


def are_possible() -> bool:
    """Return whether this system can make kernels as copies, and end them with the process that they are copies of."""
    if sys.platform != "linux" or len(tempfile.gettempdir()) > MAX_FOLDER_CHARS:
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # an old system lacks it, and a container may forbid it
        return False
    return True


def environment(folder: Path, threads: int) -> dict[str, str]:
    """Return what the environments of all processes of a run have in common.

    It is that of the runner, without personal start-up files.

    Args:
        folder: the run folder, by which the processes of a killed run are found.
        threads: the number of threads of numerical libraries, which are read when they are imported.
    """
    kept = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "PYTHONSTARTUP")}
    limits = dict.fromkeys(processors.THREAD_LIMITS, str(threads))
    return kept | limits | {"MER_RUN_FOLDER": str(folder), "PYTHONHASHSEED": "0"}


class KernelSource:
    """The process that kernels of one run are copies of.

    Args:
        folder, threads: as for `environment`.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._private = TemporaryFolder()
        self.address = str(Path(self._private.name, "kernels"))
        own = environment(folder, threads) | {"MPLBACKEND": INLINE}
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a file of the package
            [sys.executable, "-P", str(PROGRAM), self.address], env=own, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def close(self) -> None:
        """End the process and its kernels."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._private.cleanup()
