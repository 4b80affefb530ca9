"""Trainings on a CUDA device agree with a CPU, and are repeatable after a kill."""

import numpy as np
import pytest
import torch

from mer.models import random_numbers
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.calibration import probabilities
from mer.training.engines import device, stacked
from mer.training.job import Job
from tests.training.conftest import Killed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
ROWS = np.arange(240)
TEST = ROWS[ROWS % 4 == 3]
TOLERANCE = 1e-3
"""The tolerance of probabilities: products are summed in another order, and training enlarges the difference."""


@pytest.fixture(autouse=True)
def prepared():
    device.prepare("cuda", 1)


def job(seed=0, train=ROWS[ROWS % 4 < 2], model="gated", **training):
    settings = Training(**{"epochs": 4, "batch_size": 32, "hidden": 8, "learning_rate": 1e-2, **training})
    system = System(model=model, inputs=("audio", "text"))
    return Job(model, None, system, settings, seed, train, ROWS[ROWS % 4 == 2], TEST)


def test_random_numbers_are_the_same_as_on_a_cpu():
    keys = torch.from_numpy(random_numbers.keys(3, 1, count=7))
    assert torch.equal(random_numbers.uniform(keys.cuda(), 1001).cpu(), random_numbers.uniform(keys, 1001))
    assert torch.equal(
        random_numbers.multipliers(keys.cuda(), 1001, 0.3).cpu(), random_numbers.multipliers(keys, 1001, 0.3)
    )


@pytest.mark.parametrize("model", ["gated", "flexible_at", "robust_at", "attention", "concat"])
def test_single_training_agrees_with_a_cpu(task, model):
    one = job(model=model, epochs=2)
    cpu, cuda = (grid.fit_job(task, one, where).predict(task.features, TEST) for where in ("cpu", "cuda"))
    np.testing.assert_allclose(cpu, cuda, atol=TOLERANCE)


@pytest.mark.parametrize(
    "jobs",
    [
        [job(seed, dropout=0.3, learning_rate=rate) for seed, rate in ((0, 1e-2), (1, 3e-3))],
        [job(seed, averaging="ema", ema_decay=0.9, schedule="cosine", warmup=0.1) for seed in (0, 1)],
        [job(seed, optimiser="sgd", averaging="epochs", corpus_exponent=0.5) for seed in (0, 1)],
        [job(0), job(1, train=ROWS[ROWS % 4 == 0]), job(2, epochs=1)],
        [job(seed, model="flexible_at", missing="zeros") for seed in (0, 1)],
        [job(seed, model="robust_at", modality_dropout=0.0) for seed in (0, 1)],
    ],
    ids=["rates", "ema", "sgd", "lengths", "flexible_at", "robust_at"],
)
def test_stack_agrees_with_a_cpu_and_repeats_to_the_bit(task, jobs):
    cpu = stacked.fit_many(task, jobs, "cpu")
    cuda, again = (stacked.fit_many(task, jobs, "cuda") for _ in range(2))
    answers = [[probabilities(one) for one in stack.logits([TEST] * len(jobs))] for stack in (cpu, cuda, again)]
    np.testing.assert_allclose(answers[0], answers[1], atol=TOLERANCE)
    np.testing.assert_array_equal(answers[1], answers[2])
    for here, there in zip(cpu.histories, cuda.histories, strict=True):
        assert [e["rate"] for e in here] == pytest.approx([e["rate"] for e in there])


def test_killed_stack_resumes_to_the_same_bits(task, tmp_path, monkeypatch, kill_at):
    monkeypatch.setattr("mer.training.cache.snapshot.MAX_TIME_SHARE", 1e9)
    jobs = [job(seed, dropout=0.3, averaging="ema") for seed in (0, 1, 2)]
    expected = stacked.fit_many(task, jobs, "cuda")
    kill_at(9)
    with pytest.raises(Killed):
        stacked.fit_many(task, jobs, "cuda", tmp_path / "s")
    kill_at(None)
    again = stacked.fit_many(task, jobs, "cuda", tmp_path / "s")
    assert again.histories == expected.histories
    for name, value in again.best.items():
        assert torch.equal(value, expected.best[name]), name


def test_auto_engine_stacks_and_agrees_with_a_cpu(task):
    jobs = [job(seed) for seed in range(3)]
    cpu, cuda = (grid.run_jobs(task, jobs, grid.Engine("auto", where)) for where in ("cpu", "cuda"))
    for one, other in zip(cpu, cuda, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=TOLERANCE)
