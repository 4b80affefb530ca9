"""Trainings in processes that are killed end with the same bits."""

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest

from mer.params.schema import System, Training
from mer.training import grid
from mer.training.cache import snapshot
from mer.training.cache.results import ResultCache
from mer.training.engines import stacked
from mer.training.job import Job

ROWS = np.arange(240)
KILLS = 6


def jobs():
    settings = Training(epochs=12, batch_size=16, hidden=8, learning_rate=1e-2, averaging="ema", patience=12)
    train, validation, test = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
    system = System(model="gated", inputs=("audio", "text"))
    return [Job("gated", seed, system, settings, seed, train[seed * 8 :], validation, test) for seed in range(4)]


def trained(task, engine, folder, begun):
    snapshot.MAX_TIME_SHARE = 1e9  # after every epoch
    begun.set()
    grid.run_jobs(task, jobs(), engine, folder)


def dies_while_it_saves(task, engine, folder, begun):
    snapshot.MAX_TIME_SHARE = 1e9
    original = Path.write_bytes

    def write_bytes(path, content):
        original(path, content)
        if path.suffix == ".safetensors":  # results; snapshots are `.unfinished`
            begun.set()
            time.sleep(60)  # written, and not yet renamed

    Path.write_bytes = write_bytes
    grid.run_jobs(task, jobs(), engine, folder)


@pytest.fixture
def start(task, tmp_path):
    """Return a function that starts a process, waits until it trains and returns it."""
    context = multiprocessing.get_context("forkserver")

    def started(work, engine):
        begun = context.Event()
        process = context.Process(target=work, args=(task, engine, tmp_path, begun))
        process.start()
        assert begun.wait(60)
        return process

    context.set_forkserver_preload(["tests.training.test_interruptions"])
    return started


def kill(process):
    process.kill()
    process.join()
    return process.exitcode == -9


def is_expected(task, engine, folder, expected):
    """Return whether the folder holds the expected results and nothing else."""
    kept = ResultCache(folder, task, engine)
    units = [jobs()[::-1]] if engine.name == "stacked" else [[job] for job in jobs()]  # the shortest is first
    result = sorted((done for unit in units for done in kept.load(unit)), key=lambda done: done.job.seed)
    assert [path.suffix for path in folder.iterdir() if not path.name.startswith(".")] == [".safetensors"] * len(units)
    return all(
        (a.probabilities == b.probabilities).all() and a.history == b.history
        for a, b in zip(result, expected, strict=True)
    )


@pytest.mark.parametrize("name", ["single", "stacked"])
def test_training_killed_several_times_ends_with_the_same_bits(task, tmp_path, start, name):
    engine, rng = grid.Engine(name), np.random.default_rng(0)
    begin = time.monotonic()
    expected = grid.run_jobs(task, jobs(), engine)
    whole = time.monotonic() - begin
    killed = 0
    for _ in range(KILLS):
        process = start(trained, engine)
        process.join(float(rng.uniform(0.0, 0.6 * whole)))
        killed += kill(process)
    assert killed
    process = start(trained, engine)
    process.join(60)
    assert process.exitcode == 0
    assert is_expected(task, engine, tmp_path, expected)


def test_stack_killed_while_saving_resumes_with_the_same_jobs(task, tmp_path, start, monkeypatch):
    engine, together, original = grid.Engine("stacked"), [], stacked.fit_many
    expected = grid.run_jobs(task, jobs(), engine)
    assert kill(start(dies_while_it_saves, engine))
    assert not [path for path in tmp_path.glob("*.safetensors") if not path.name.startswith(".")]
    monkeypatch.setattr(stacked, "fit_many", lambda *a: together.append([j.seed for j in a[1]]) or original(*a))
    grid.run_jobs(task, jobs(), engine, tmp_path)
    assert [sorted(seeds) for seeds in together] == [[0, 1, 2, 3]]
    assert is_expected(task, engine, tmp_path, expected)
