"""Measure and end the processes of a notebook.

A kernel and the processes that it starts inherit environment variables of the runner, even if they detach.
"""

import contextlib
import os
from typing import Any

EXECUTION = "MER_EXECUTION"
"""The environment variable that identifies one execution of one notebook."""


def end_all(variable: str, value: str) -> int:
    """Kill every process whose environment has `variable` set to `value`, except this one; return how many."""
    import psutil

    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    killed = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in own and process.environ().get(variable) == value:
                process.kill()
                killed.append(process)
    psutil.wait_procs(killed, timeout=5)
    return len(killed)


def memory(pid: int, above: int = 0) -> int:
    """Return the bytes of memory that a process and its descendants use.

    A page that several processes share counts once on Linux, and for each of them on other systems.

    Args:
        pid: number of the process.
        above: the exact value is returned if it may be larger than this number, which takes longer.
    """
    import psutil

    members = []
    with contextlib.suppress(psutil.Error):
        members = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    resident = sum(_read(member, "memory_info", "rss") for member in members)
    if resident <= above or len(members) == 1 or not psutil.LINUX:
        return resident  # shared pages count several times, so this is never too little
    return sum(_read(member, "memory_full_info", "pss") for member in members)


def _read(process: Any, measure: str, field: str) -> int:
    """Return a field of a measure of a process; 0 if the process has ended or belongs to another user."""
    import psutil

    try:
        return getattr(getattr(process, measure)(), field)
    except (psutil.Error, OSError):
        return 0
