"""Named inputs in training: any number of them, of any modality."""

import numpy as np
import pytest
import torch

from mer.features import Features
from mer.models import random_numbers
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.cache.results import ResultCache
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.networks import batches
from mer.training.scaling import standardise
from mer.training.task import Task

ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
INPUTS = ("audio", "keys", "text")
MODALITIES = {"audio": "audio", "keys": "audio", "text": "text"}


@pytest.fixture
def named(task):
    """The task with a second audio input, whose name is an attribute of dictionaries."""
    noise = np.random.default_rng(1).normal(0, 1, (240, 40)).astype(np.float32)
    arrays, present = {**task.features.arrays, "keys": noise}, {**task.features.present, "keys": np.ones(240, bool)}
    return Task(Features(arrays, present, modalities=MODALITIES), task.labels, task.corpora, task.classes)


def job(model="concat", inputs=INPUTS, **training):
    settings = Training(**{"epochs": 4, "batch_size": 32, "hidden": 8, "learning_rate": 1e-2} | training)
    return Job(model, None, System(model=model, inputs=inputs), settings, 0, TRAIN, VALIDATION, TEST)


@pytest.mark.parametrize("model", ["gated", "flexible_at", "robust_at", "attention", "concat", "ridge", "svm_rbf"])
def test_two_inputs_of_one_modality_are_trained_by_every_engine(named, model):
    single, stacked = (grid.run_jobs(named, [job(model)], Engine(name))[0] for name in ("single", "stacked"))
    np.testing.assert_allclose(single.probabilities, stacked.probabilities, atol=1e-4)
    assert list(single.history[0])[-2:] == ["one", "two"]


def test_processes_know_the_modalities_of_inputs(named, monkeypatch):
    from mer.training.engines import engine

    monkeypatch.setattr(engine, "MIN_SECONDS_PER_PROCESS", 1e-3)
    jobs = [job(epochs=1, learning_rate=rate) for rate in (1e-2, 1e-3)]
    alone, together = (grid.run_jobs(named, jobs, Engine("single", max_processes=n)) for n in (1, 2))
    assert all((a.probabilities == b.probabilities).all() for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize(("level", "together"), [("modality", True), ("input", False)])
def test_inputs_of_a_modality_are_dropped_together_or_singly(level, together):
    training = Training(modality_dropout=0.5, modality_dropout_level=level)
    groups = batches.dropout_groups(["audio", "audio", "text"], training)
    visible = torch.ones((512, 3), dtype=torch.bool)
    key = torch.from_numpy(random_numbers.keys(0, 0, 1, count=1))[0]
    kept = batches.drop_modalities(visible, key, 0.5, groups)
    assert kept.any(dim=1).all()
    assert bool((kept[:, 0] == kept[:, 1]).all()) == together
    assert 0.3 < kept[:, 2].float().mean() < 0.9


def test_equal_inputs_have_equal_mean_squares(named):
    for equal in (False, True):
        fitted = standardise.fit(named.features, TRAIN, ("audio", "keys"), equal=equal)
        squares = {name: (x**2).sum(axis=1).mean() for name, x in fitted.apply(named.features, TRAIN).items()}
        expected = {"audio": 26, "keys": 26} if equal else {"audio": 12, "keys": 40}
        assert squares == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("model", ["logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf"])
def test_equal_inputs_reach_every_linear_model_and_kernel_machine(named, model):
    plain, equal = (grid.fit_job(named, job(model, equal_inputs=flag), "cpu") for flag in (False, True))
    for name, width in (("audio", 12), ("keys", 40), ("text", 8)):
        ratio = equal.standardiser.moments[name][1] / plain.standardiser.moments[name][1]
        np.testing.assert_allclose(ratio[np.isfinite(ratio)], np.sqrt(width / 20), rtol=1e-9)
    assert np.isfinite(equal.predict(named.features, TEST)).all()


def test_an_address_counts_the_inputs_of_a_system_and_their_modalities(named, tmp_path):
    def address(task, one):
        return ResultCache(tmp_path, task, Engine()).address([one])

    assert address(named, job()) != address(named, job(inputs=("audio", "text")))
    as_video = {**MODALITIES, "keys": "video"}
    other = Task(Features(named.features.arrays, named.features.present, modalities=as_video), named.labels,
                 named.corpora, named.classes)  # fmt: skip
    assert address(named, job()) != address(other, job())
    assert address(named, job(inputs=("audio",))) == address(other, job(inputs=("audio",)))
