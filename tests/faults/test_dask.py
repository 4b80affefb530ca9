"""Signals to workers of a dask cluster: trainings and steps end with the same bits; nothing finished is repeated."""

import contextlib
import functools
import os
import random
import signal
import sys
import threading
import warnings

import psutil
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")

from mer.training import grid
from tests.clusters import running, used
from tests.faults import graphs
from tests.faults.test_trainings import same, stored
from tests.runner.conftest import wait_for
from tests.training.conftest import one_thread, task
from tests.training.test_interruptions import jobs

__all__ = ["one_thread", "task"]
pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")]
SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGSTOP")
SECONDS = 600
"""The time after which something counts as hanging, in seconds."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("dask"), 3) as one:
        yield one


@pytest.fixture
def whole_cluster(cluster):
    """The cluster, in which what a test has ended is replaced; SIGTERM ends a worker for good."""
    yield cluster
    with contextlib.suppress(AssertionError):
        cluster.wait_for(3, 20)
        return
    cluster.start_workers(3)
    cluster.wait_for(3, SECONDS)


def hit_a_worker(cluster, name, ended, rng):
    """Send a signal to a worker; let one that was stopped go on after a while."""
    pid = rng.choice(sorted(cluster.pids()))
    os.kill(pid, getattr(signal, name))
    if name == "SIGSTOP":
        ended.wait(3.0)
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("finished", [0, 2])
@pytest.mark.parametrize("name", SIGNALS)
def test_trainings(whole_cluster, task, tmp_path, name, finished):
    expected = grid.run_jobs(task, jobs(), grid.Engine("single"))
    ended, rng = threading.Event(), random.Random(f"{name}{finished}")  # noqa: S311

    def hit():
        while not ended.wait(0.02):
            if len(stored(tmp_path)) >= finished:
                hit_a_worker(whole_cluster, name, ended, rng)
                return

    thread = threading.Thread(target=hit)
    with used(whole_cluster), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread.start()
        results = grid.run_jobs(task, jobs(), grid.Engine("single"), tmp_path)
        ended.set()
        thread.join()
        kept = stored(tmp_path)
        assert same(results, expected)
        assert len(kept) == len(jobs())
        assert same(grid.run_jobs(task, jobs(), grid.Engine("single"), tmp_path), expected)
    assert stored(tmp_path) == kept


@pytest.mark.parametrize("name", SIGNALS)
def test_steps(whole_cluster, toys, name):
    rng, ended = random.Random(name), threading.Event()  # noqa: S311
    toys.change(dask=whole_cluster.address)
    expected, folder = graphs.add(toys, SIGNALS.index(name)), toys.study.folder
    runner = toys.start(jobs=2)
    try:
        wanted = rng.randint(1, len(expected))
        wait_for(functools.partial(_begun, runner, folder, wanted), SECONDS)
        hit_a_worker(whole_cluster, name, ended, rng)
        screen, _ = runner.communicate(timeout=SECONDS)
    finally:
        runner.kill()
    assert runner.returncode == 0, screen
    assert "Traceback" not in screen
    assert graphs.outputs(folder) == expected
    before = graphs.starts(folder)
    assert toys.run() == 0, toys.screen
    assert graphs.starts(folder) == before


def _begun(runner, folder, count):
    return len(graphs.starts(folder)) >= count or runner.poll() is not None


BODY = """import os, time
(folder / 'starts').mkdir(exist_ok=True)
first = not list((folder / 'starts').iterdir())
(folder / 'starts' / str(os.getpid())).touch()
while first:
    time.sleep(0.05)
(folder / 'a').write_text('finished')"""


def test_the_process_of_a_worker_that_stays_stopped_is_ended(toys, tmp_path, monkeypatch):
    """The scheduler gives up a worker that does not answer, and the step that it had started runs on."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "30s")
    (tmp_path / "dask").mkdir()
    with running(tmp_path / "dask", 2) as cluster:
        toys.change(dask=cluster.address)
        toys.add("01_wait", BODY, writes=["a"])
        runner, starts = toys.start(), toys.study.folder / "starts"
        stopped = None
        try:
            wait_for(lambda: starts.is_dir() and any(starts.iterdir()), SECONDS)
            [kernel] = [int(path.name) for path in starts.iterdir()]
            [place] = [worker for worker, keys in cluster.client.processing().items() if keys]
            stopped = cluster.client.run(os.getpid)[place]
            os.kill(stopped, signal.SIGSTOP)
            screen, _ = runner.communicate(timeout=SECONDS)
        finally:
            runner.kill()
            if stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(stopped, signal.SIGCONT)
        assert runner.returncode == 0, screen
        assert (toys.study.folder / "a").read_text() == "finished"
        assert len(list(starts.iterdir())) == 2
        wait_for(lambda: not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == "zombie", SECONDS)
