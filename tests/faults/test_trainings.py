"""Training processes that are killed: one message, and the next run ends with the same bits."""

import threading
import time

import numpy as np
import psutil
import pytest

from mer.pools import WorkerKilled
from mer.training import grid
from mer.training.engines import engine as engines
from tests.training.conftest import one_thread, task
from tests.training.test_interruptions import jobs

__all__ = ["one_thread", "task"]
pytestmark = pytest.mark.faults


def kill_a_child(seconds, name):
    """Kill a process that trains, after a while."""

    def work():
        time.sleep(seconds)
        children = [child for child in psutil.Process().children(recursive=True) if child.cpu_times().user > 0.05]
        for child in children[-1:]:
            child.send_signal(name)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("name", [9, 15])
@pytest.mark.parametrize("number", range(4))
def test_a_killed_training_process_says_what_to_do_and_loses_nothing(task, tmp_path, monkeypatch, name, number):
    monkeypatch.setattr(engines, "MIN_SECONDS_PER_PROCESS", 1e-9)
    engine = grid.Engine("single", max_processes=2)
    expected = grid.run_jobs(task, jobs(), grid.Engine("single"))
    killer = kill_a_child(np.random.default_rng(number).uniform(1.0, 5.0), name)
    try:
        grid.run_jobs(task, jobs(), engine, tmp_path)
    except WorkerKilled as error:
        assert "a process of the training was killed, most likely because memory ran out" in str(error)  # noqa: PT017
    killer.join()
    results = grid.run_jobs(task, jobs(), engine, tmp_path)
    for ours, whole in zip(results, expected, strict=True):
        assert (ours.probabilities == whole.probabilities).all()
        assert ours.history == whole.history
