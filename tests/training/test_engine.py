"""The engine of a job depends on the job only."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from mer.params.schema import System, Training
from mer.training import grid
from mer.training.cache.results import ResultCache
from mer.training.engines import engine
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.networks import loop

ROWS = np.arange(240)


def job(model="gated", hidden=4, seed=0, **training):
    return Job(model, None, System(model=model, inputs=("audio", "text")), Training(hidden=hidden, **training), seed,
               ROWS[:120], ROWS[120:180], ROWS[180:])  # fmt: skip


def test_parameters_are_counted_as_in_the_trained_network(task):
    one = job("flexible_at", 16)
    built = loop.initial_network(task, one)
    assert engine.parameters(task, one) == sum(p.numel() for p in built.parameters())


def test_small_networks_are_stacked_and_large_ones_are_not(task):
    auto = Engine("auto")
    assert auto.name_for(task, job(hidden=4)) == "stacked"
    assert auto.name_for(task, job(hidden=1024)) == "single"
    assert Engine("auto", "cuda").name_for(task, job(hidden=1024)) == "stacked"
    assert Engine("single").name_for(task, job(hidden=4)) == "single"
    for name in ("auto", "stacked"):
        assert Engine(name).name_for(task, job("ridge")) == "single"  # a linear model has nothing to stack


def test_engine_is_part_of_an_address_and_its_choice_is_not(task, tmp_path):
    one = job(epochs=1)
    grid.run_jobs(task, [one], Engine("auto"), tmp_path)
    assert ResultCache(tmp_path, task, Engine("stacked")).load([one]) is not None
    assert ResultCache(tmp_path, task, Engine("single")).load([one]) is None


def test_processes_are_started_for_work_that_takes_longer_than_their_start(task):
    four = Engine("single", max_processes=4)
    assert (
        engine.seconds(task, job(epochs=1)) < engine.MIN_SECONDS_PER_PROCESS < engine.seconds(task, job(epochs=10_000))
    )
    assert [four.processes(work, 8) for work in (0.1, 9.0, 1e3)] == [1, 2, 4]
    assert four.processes(1e3, 2) == 2
    assert replace(four, device="cuda").processes(1e3, 8) == 1


def test_extended_stack_is_trained_again(task, tmp_path):
    jobs = [job(seed=s, epochs=2) for s in (0, 1, 2)]
    grid.run_jobs(task, jobs[:2], Engine("stacked"), tmp_path)
    extended = grid.run_jobs(task, jobs, Engine("stacked"), tmp_path)
    for a, b in zip(extended, grid.run_jobs(task, jobs, Engine("stacked")), strict=True):
        assert (a.probabilities == b.probabilities).all()
    assert ResultCache(tmp_path, task, Engine("stacked")).load(jobs[:2]) is None  # of an earlier plan


def test_workers_do_not_receive_the_vectors_in_the_cache(task, tmp_path):
    features = replace(task.features, arrays={m: np.repeat(a, 500, 0) for m, a in task.features.arrays.items()})
    large = replace(task, features=features)
    kept = ResultCache(tmp_path, large, Engine())
    assert len(pickle.dumps(kept)) < 20_000 < large.features.arrays["audio"].nbytes
    assert ResultCache(tmp_path, large.without_features(), Engine())._identity._outline.features.widths(["audio"]) == {
        "audio": 12
    }


@pytest.mark.parametrize("model", ["gated", "concat", "attention", "robust_at"])
def test_parameters_are_counted_without_rows(task, model):
    assert engine.parameters(task, job(model, 8)) > 0
