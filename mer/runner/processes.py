"""Measure and end the processes of a notebook.

A kernel and the processes that it starts inherit environment variables of the runner, even if they detach.
"""

import contextlib
import os

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


def resident(pid: int) -> int:
    """Return the bytes of memory of a process and its descendants; shared pages count for each of them."""
    import psutil

    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total
