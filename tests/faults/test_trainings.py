"""Training processes that get a signal: the same bits, and nothing that is finished is trained again."""

import signal
import sys
import threading
import time
import warnings

import psutil
import pytest

from mer.pools import WorkerKilled
from mer.training import grid
from mer.training.engines import engine as engines
from tests.training.conftest import one_thread, task
from tests.training.test_interruptions import jobs

__all__ = ["one_thread", "task"]
pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")]
SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGSTOP")


def trainers():
    """Return the processes that train: children of the process that workers are copies of."""
    own = psutil.Process()
    return [child for child in own.children(recursive=True) if child.ppid() != own.pid]


class Hitter(threading.Thread):
    """Sends a signal to a process that trains, as soon as some results are stored.

    Attributes:
        hits: the number of processes that got the signal.
    """

    def __init__(self, folder, name, finished, most=1):
        super().__init__()
        self.folder, self.name_, self.finished, self.most = folder, name, finished, most
        self.hits, self.ended = 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.01) and self.hits < self.most:
            if len(list(self.folder.glob("[!.]*.safetensors"))) < self.finished:
                continue
            for child in trainers()[-1:]:
                try:
                    busy = child.cpu_times().user > 0.02
                    if busy:
                        self.hit(child)
                except psutil.NoSuchProcess:
                    continue

    def hit(self, child):
        child.send_signal(getattr(signal, self.name_))
        self.hits += 1
        if self.name_ == "SIGSTOP":  # a machine that sleeps for a while
            self.ended.wait(2.0)
            child.send_signal(signal.SIGCONT)


@pytest.fixture
def expected(task, monkeypatch):
    monkeypatch.setattr(engines, "MIN_SECONDS_PER_PROCESS", 1e-9)
    return grid.run_jobs(task, jobs(), grid.Engine("single"))


def stored(folder):
    return {path.name: path.stat().st_ino for path in folder.glob("[!.]*.safetensors")}


def same(results, expected):
    return all(
        (ours.probabilities == whole.probabilities).all() and ours.history == whole.history
        for ours, whole in zip(results, expected, strict=True)
    )


@pytest.mark.parametrize("finished", [0, 1, 2])
@pytest.mark.parametrize("name", SIGNALS)
def test_a_training_process_that_got_a_signal(task, expected, tmp_path, name, finished):
    engine, hitter = grid.Engine("single", max_processes=2), Hitter(tmp_path, name, finished)
    hitter.start()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        results = grid.run_jobs(task, jobs(), engine, tmp_path)
    hitter.ended.set()
    hitter.join()
    assert same(results, expected)
    lines = [str(one.message) for one in said if "again: a process of the training was killed" in str(one.message)]
    assert len(lines) <= hitter.hits
    kept = stored(tmp_path)
    assert len(kept) == len(jobs())
    assert same(grid.run_jobs(task, jobs(), engine, tmp_path), expected)
    assert stored(tmp_path) == kept, "what is finished is not trained again"


def test_training_processes_that_are_always_killed(task, expected, tmp_path):
    engine, hitter = grid.Engine("single", max_processes=2), Hitter(tmp_path, "SIGKILL", 0, most=1000)
    hitter.start()
    begun = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            grid.run_jobs(task, jobs(), engine, tmp_path)
        except WorkerKilled as error:
            assert "use fewer processes" in str(error)  # noqa: PT017
    hitter.ended.set()
    hitter.join()
    assert hitter.hits, f"nothing was killed in {time.monotonic() - begun:.1f} s"
    kept = stored(tmp_path)
    assert same(grid.run_jobs(task, jobs(), engine, tmp_path), expected)
    assert stored(tmp_path).items() >= kept.items()
