"""Units that dask workers compute: the same results, and nothing lost or done twice when workers are killed."""

import os
import signal
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra dask")

from mer import pools
from mer.params.schema import Training
from mer.pools import dask_cluster
from mer.training import grid
from mer.training.engines import device
from mer.training.engines.engine import Engine
from tests.clusters import running, used
from tests.training.conftest import task  # noqa: F401 - a fixture
from tests.training.test_training import job

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
QUICK = Training(epochs=4, batch_size=32, hidden=4)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("dask"), 3) as one:
        yield one


def square(number):
    return number * number, os.getpid()


def scaled(number):
    return number * _factor[0]


_factor = [0]


def set_factor(value):
    _factor[0] = value


def fail(number):
    raise FileNotFoundError(2, "No such file", f"recording {number}")


def slow_once(folder, number):
    """Append a line when a unit starts and when it ends; take a second."""
    with (folder / f"{number}.started").open("a") as file:
        file.write(".")
    time.sleep(0.5)
    with (folder / f"{number}.finished").open("a") as file:
        file.write(".")
    return number


def kill_self(unit):
    path, number = unit
    if number == 1:
        with path.open("a") as file:
            file.write(".")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_units_are_computed_by_several_processes_in_order(cluster):
    with used(cluster):
        results = list(pools.ordered(pools.Work("squares", square), list(range(40)), jobs=1, chunk=3))
        pairs = dict(pools.completed(pools.Work("squares", square), range(10), 1))
    assert [result for result, _ in results] == [number**2 for number in range(40)]
    assert len({pid for _, pid in results}) == 3
    assert os.getpid() not in {pid for _, pid in results}
    assert {number: result for number, (result, _) in pairs.items()} == {n: n * n for n in range(10)}


def test_each_process_is_set_up_for_each_work(cluster):
    with used(cluster):
        for factor in (2, 5):
            work = pools.Work("scaling", scaled, set_factor, (factor,))
            assert sorted(pools.completed(work, range(12), 1)) == [(n, n * factor) for n in range(12)]


def test_an_error_of_a_unit_is_the_error_of_the_work(cluster):
    with used(cluster), pytest.raises(FileNotFoundError, match="recording "):
        list(pools.completed(pools.Work("reading", fail), range(5), 1))


def test_units_of_killed_workers_are_computed_again_and_finished_ones_are_not(cluster, tmp_path):
    killed = []

    def kill_two():
        for _ in range(2):
            time.sleep(1.2)
            pid = cluster.pids()[0]
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill_two)
    thread.start()
    with used(cluster):
        work = pools.Work("waiting", partial(slow_once, tmp_path))
        results = [result for _, result in pools.completed(work, range(24), 1)]
    thread.join()
    assert sorted(results) == list(range(24))  # each once
    counts = {
        kind: [len((tmp_path / f"{n}.{kind}").read_text()) for n in range(24)] for kind in ("started", "finished")
    }
    assert min(counts["finished"]) == 1
    assert sum(counts["started"]) <= 24 + 2 * dask_cluster.UNITS_PER_WORKER  # only what the killed ones were doing
    cluster.wait_for(3)  # they were replaced
    assert not set(killed) & set(cluster.pids())


@pytest.mark.slow
def test_a_unit_that_kills_every_worker_ends_with_advice(cluster, tmp_path):
    work = pools.Work("the training", kill_self)
    with (
        used(cluster),
        pytest.warns(UserWarning, match="again: workers of the training were killed"),
        pytest.raises(pools.WorkerKilled, match="use fewer processes"),
    ):
        list(pools.completed(work, [(tmp_path / "deaths", n) for n in range(3)], 1))
    cluster.wait_for(3)


@pytest.mark.parametrize("engine", ["single", "stacked"])
def test_trainings_are_the_same_bits_as_here(cluster, task, tmp_path, engine):  # noqa: F811
    device.prepare("cpu", 1)
    jobs = [job(model, seed=seed, training=QUICK) for model in ("gated", "concat", "logistic") for seed in range(3)]
    here = grid.run_jobs(task, jobs, Engine(engine), tmp_path / "here")
    with used(cluster):
        there = grid.run_jobs(task, jobs, Engine(engine), tmp_path / "there")
    for a, b in zip(here, there, strict=True):
        assert a.probabilities.tobytes() == b.probabilities.tobytes()
        assert a.validation_probabilities.tobytes() == b.validation_probabilities.tobytes()
        assert a.history == b.history
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert {path.name for path in (tmp_path / "there").iterdir()} == names  # nothing temporary is left


def test_trainings_with_killed_workers_are_the_same_bits(cluster, task, tmp_path):  # noqa: F811
    device.prepare("cpu", 1)
    jobs = [job(seed=seed, training=Training(epochs=20, batch_size=16, hidden=8)) for seed in range(9)]
    here = grid.run_jobs(task, jobs, Engine("single"), tmp_path / "here")
    killed = []

    def kill():
        for finished in (1, 4):
            while len(list((tmp_path / "there").glob("[!.]*.safetensors"))) < finished:
                time.sleep(0.02)
            killed.append(next(pid for pid in cluster.pids() if pid not in killed))
            os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with used(cluster):
        there = grid.run_jobs(task, jobs, Engine("single"), tmp_path / "there")
    thread.join()
    assert len(killed) == 2
    for a, b in zip(here, there, strict=True):
        assert a.probabilities.tobytes() == b.probabilities.tobytes()
    cluster.wait_for(3)


def test_a_finished_training_is_not_repeated_by_another_worker(task, tmp_path, monkeypatch):  # noqa: F811
    """A worker may be killed after it has stored a result and before it has said so."""
    device.prepare("cpu", 1)
    jobs = [job(training=QUICK)]
    [first] = grid.run_jobs(task, jobs, Engine(), tmp_path)
    grid._start_worker(task, Engine(), grid.ResultCache(tmp_path, task, Engine()))
    monkeypatch.setattr(grid, "_train", None)
    [again] = grid._train_group(jobs)
    np.testing.assert_array_equal(first.probabilities, again.probabilities)


def test_a_good_cluster_passes_the_check(cluster, tmp_path):
    assert dask_cluster.check(cluster.address, {"the run folder": tmp_path / "run"}) == []
    assert list((tmp_path / "run").iterdir()) == []  # the file is removed


def test_what_workers_do_not_see_or_run_is_named():
    describe = dask_cluster.describe

    def elsewhere(paths):
        other = describe(paths)
        versions = other["versions"] | {"numpy": "1.0"}
        return other | {"read": dict.fromkeys(paths), "code": "other", "versions": versions}

    own = describe({}) | {"read": {"the run folder": "token"}}
    problems = list(dask_cluster._differences("tcp://worker", elsewhere({"the run folder": "nowhere"}), own))
    assert "does not see the run folder as this process does; it must be on a shared file system" in problems[0]
    assert "has numpy 1.0, this process" in problems[1]
    assert "runs other code of mer" in problems[2]


def test_workers_of_several_threads_are_refused(tmp_path):
    with running(tmp_path, 0) as one:
        assert "has no workers; start some: dask worker" in dask_cluster.check(one.address, {})[0]
        one._start("worker", one.address, "--nthreads", "2", "--no-dashboard", "--host", "127.0.0.1",
                   "--local-directory", tmp_path)  # fmt: skip
        one.wait_for(1)
        assert "start it with --nthreads 1" in dask_cluster.check(one.address, {})[0]


def test_no_scheduler_is_said(monkeypatch):
    monkeypatch.setattr(dask_cluster, "CONNECT_SECONDS", 1)
    [problem] = dask_cluster.check("tcp://127.0.0.1:1", {})
    assert "no dask scheduler answers" in problem


def test_a_scheduler_that_ends_is_said(tmp_path):
    with running(tmp_path, 1) as one:
        client = one.client
        threading.Timer(1.5, one._processes[0].kill).start()
        work = pools.Work("waiting", partial(slow_once, tmp_path))
        with used(one), pytest.raises(dask_cluster.ClusterError, match="run the same command again"):
            list(pools.completed(work, range(50), 1))
        client.close(timeout=1)
