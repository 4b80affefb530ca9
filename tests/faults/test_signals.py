"""Signals at any moment to the runner, a worker or a kernel: the next run ends as an undisturbed one."""

import contextlib
import functools
import random
import signal
import sys
import time

import psutil
import pytest

from mer.runner import processes
from mer.runner.staleness import stamps
from tests.faults import graphs
from tests.runner.conftest import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")]

SEEDS = range(2)
TARGETS = ("runner", "worker", "kernel")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGSTOP")
MOMENTS = 2
"""The number of moments at which each target gets each signal in each graph."""


def target_of(runner: psutil.Process, target: str, folder) -> psutil.Process | None:
    """Return the process that is hit: one of the run folder's, which are those with its name in their environment."""
    if target == "runner":
        return runner
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_kernel = any("kernelapp" in word for word in process.cmdline())
            if process.environ().get("MER_RUN_FOLDER") == str(folder) and is_kernel:
                found.append(process if target == "kernel" else process.parent())
    return found[0] if found else None


def begun(running, folder) -> bool:
    """Return whether a run has locked its folder, or has ended."""
    return (folder / ".runner.json").exists() or running.poll() is not None


def hit(process: psutil.Process, name: str) -> None:
    if name == "SIGSTOP":  # a machine that sleeps for a while
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
    else:
        process.send_signal(getattr(signal, name))


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_was_hit_ends_as_an_undisturbed_one(toys, seed, target, name):
    expected, rng = graphs.add(toys, seed), random.Random(f"{seed}{target}{name}")  # noqa: S311
    for _ in range(MOMENTS):
        running = toys.start(jobs=2)
        wait_for(functools.partial(begun, running, toys.study.folder), 60)
        time.sleep(rng.uniform(0.0, 5.0))
        with contextlib.suppress(psutil.NoSuchProcess):
            if process := target_of(psutil.Process(running.pid), target, toys.study.folder):
                hit(process, name)
        output, _ = running.communicate(timeout=120)
        assert "Traceback" not in output, output
        written = graphs.outputs(toys.study.folder)
        finished = {step for step in toys.study.steps if stamps.finished(toys.study, f"{step}_step")}
        before = graphs.starts(toys.study.folder)
        assert all(expected[f"tables/{step}.txt"] == written[f"tables/{step}.txt"] for step in finished)
    assert toys.run(jobs=2) == 0, toys.screen
    assert graphs.outputs(toys.study.folder) == expected
    after = graphs.starts(toys.study.folder)
    assert all(after[step] == before[step] for step in finished), "what was finished is not done again"
    assert processes.end_all("MER_RUN_FOLDER", str(toys.study.folder)) == 0
    assert toys.run() == 0
    assert graphs.starts(toys.study.folder) == after
