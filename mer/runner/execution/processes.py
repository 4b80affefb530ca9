"""Processes of a notebook: how much memory they take, and their end.

A kernel and what it starts carry the variables that the runner gave them, however they detach.
"""

import contextlib
import os

UNIT = "MER_UNIT"
"""names one execution of one notebook"""


def end_all(variable: str, value: str) -> int:
    """Kill every process whose environment has `variable` set to `value`, but not us; return how many."""
    import psutil

    us = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in us and process.environ().get(variable) == value:
                process.kill()
                found.append(process)
    psutil.wait_procs(found, timeout=5)
    return len(found)


def resident(pid: int) -> int:
    """Return the bytes of memory that a process and those below it hold; pages that they share count for each."""
    import psutil

    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total
