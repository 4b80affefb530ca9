"""Signals at any moment to the runner, a worker or a kernel: the next run ends as an undisturbed one."""

import contextlib
import functools
import itertools
import random
import signal
import sys
import time

import psutil
import pytest

from mer.runner import StudyError, processes
from mer.runner.staleness import stamps
from tests.faults import graphs
from tests.runner.conftest import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")]

TARGETS = ("runner", "worker", "kernel")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGSTOP")
CELLS = list(itertools.product(TARGETS, SIGNALS))
MOMENTS = 2
"""The number of moments at which a target gets a signal, in one graph after the other: each cell has a graph."""
SECONDS = 600
"""The time after which a run counts as hanging, in seconds."""


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


def reached(running, folder, starts: int) -> bool:
    """Return whether a run has started so many steps, or has ended."""
    begun = (folder / ".runner.json").exists()
    return (begun and sum(graphs.starts(folder).values()) >= starts) or running.poll() is not None


def hit(process: psutil.Process, name: str) -> None:
    if name == "SIGSTOP":  # a machine that sleeps for a while
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
    else:
        process.send_signal(getattr(signal, name))


@pytest.mark.parametrize(("target", "name"), CELLS)
def test_a_run_that_was_hit_ends_as_an_undisturbed_one(toys, target, name):
    folder, rng = toys.study.folder, random.Random(f"{target}{name}")  # noqa: S311
    expected = graphs.add(toys, CELLS.index((target, name)))
    for _ in range(MOMENTS):
        before = sum(graphs.starts(folder).values())
        running = toys.start(jobs=2)
        wait_for(functools.partial(reached, running, folder, before + rng.randint(0, 2)), SECONDS)
        time.sleep(rng.uniform(0.0, 0.5))
        with contextlib.suppress(psutil.NoSuchProcess):
            if process := target_of(psutil.Process(running.pid), target, folder):
                hit(process, name)
        output, _ = running.communicate(timeout=SECONDS)
        half_a_message = (target, name) == ("runner", "SIGKILL") and "EOFError: Ran out of input" in output
        assert half_a_message or "Traceback" not in output, output  # what the process that makes workers got of it
        written = graphs.outputs(folder)
        finished = {step for step in toys.study.steps if stamps.finished(toys.study, f"{step}_step")}
        before = graphs.starts(folder)
        assert all(expected[f"tables/{step}.txt"] == written[f"tables/{step}.txt"] for step in finished)
    assert toys.run(jobs=2) == 0, toys.screen
    assert graphs.outputs(folder) == expected
    after = graphs.starts(folder)
    assert all(after[step] == before[step] for step in finished), "what was finished is not done again"
    assert processes.end_all("MER_RUN_FOLDER", str(folder)) == 0
    assert toys.run() == 0
    assert graphs.starts(folder) == after


@pytest.mark.parametrize("target", ["worker", "kernel"])
def test_a_process_that_stays_stopped_is_ended_by_an_interrupt(toys, target):
    expected, folder = graphs.add(toys, 3), toys.study.folder
    running = toys.start(jobs=2)
    wait_for(functools.partial(reached, running, folder, 1), SECONDS)
    if process := target_of(psutil.Process(running.pid), target, folder):
        process.send_signal(signal.SIGSTOP)
        running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=SECONDS)
    assert running.returncode in (0, 130), output  # 0: all steps were faster
    assert toys.run(jobs=2) == 0, toys.screen
    assert graphs.outputs(folder) == expected


def test_a_runner_that_stays_stopped_is_named_and_goes_on(toys):
    expected, folder = graphs.add(toys, 4), toys.study.folder
    toys.add("09_wait", "import time\nwhile not (folder / 'go').exists():\n    time.sleep(0.05)")
    running = toys.start(jobs=2)
    wait_for(functools.partial(reached, running, folder, 1), SECONDS)
    running.send_signal(signal.SIGSTOP)
    with pytest.raises(StudyError, match=rf"in use by another runner \(process {running.pid} .*wait for it, end it"):
        toys.run(jobs=2)
    (folder / "go").touch()
    running.send_signal(signal.SIGCONT)
    output, _ = running.communicate(timeout=SECONDS)
    assert running.returncode == 0, output
    assert graphs.outputs(folder) == expected
