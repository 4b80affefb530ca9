"""The cost of a study, step by step: wall-clock time, processor time of all its processes, and peak memory."""

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from mer import files

SUBREAPER = 36
"""The number of Linux's option PR_SET_CHILD_SUBREAPER of prctl."""


def measure_steps(study: Path, name: str, steps: tuple[str, ...], jobs: int) -> dict[str, dict[str, float]]:
    """Run the steps of a study one after another, each by a `run_all.py` of its own, and return what each took.

    Args:
        study: the study's file.
        name: the name of the run folder, which is kept.
        steps: two-digit numbers, in order.
        jobs: the number of processes of each step.

    Returns:
        Step -> `seconds` (wall-clock time), `processor_seconds` (user and system time of all processes, with the start
        of Python, Jupyter and torch) and `peak_mb` (proportional memory of all processes of the step, in 10^6 bytes).
    """
    costs = {}
    for step in steps:
        command = [sys.executable, "run_all.py", str(study), "--name", name, "--steps", step]
        start, used = time.perf_counter(), processor_seconds()
        subprocess.run([*command, "--jobs", str(jobs), "--quiet"], cwd=files.ROOT, check=True)
        seconds = time.perf_counter() - start
        [entry] = [one for one in files.read_json(files.ROOT / "outputs" / name / "run.json")["steps"]
                   if one["number"] == step]  # fmt: skip
        costs[step] = {"seconds": round(seconds, 1), "processor_seconds": round(processor_seconds() - used, 1),
                       "peak_mb": entry["peak_mb"]}  # fmt: skip
        print(f"{name}, step {step}: {costs[step]}", flush=True)
    return costs


def processor_seconds() -> float:
    """Return the processor time of all processes that descend from this one and have ended, on Linux orphans, too."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0):  # orphans that end later than the command that started them
            pass
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def adopt_orphans() -> None:
    """Become the parent of all orphaned descendants, on Linux, so that their processor time is counted."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)
