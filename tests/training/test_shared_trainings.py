"""Trainings that another person has finished are copied, checked and not carried out again, to the same bits."""

from dataclasses import replace

import numpy as np
import pytest

from mer import shared
from mer.params.schema import System, Training
from mer.training import grid, shared_models
from mer.training.checkpoints import checkpoint
from mer.training.engines import device
from mer.training.engines.engine import Engine
from mer.training.job import Job
from tests.training.test_choosing import TRAINING as CHOOSING
from tests.training.test_choosing import planned, some, spoken  # noqa: F401 - a fixture
from tests.training.test_training import RECORD, TEST, TRAIN, VALIDATION, job

QUICK = Training(epochs=3, batch_size=64, hidden=4, inverse_regularisation=(0.1, 1.0))


@pytest.fixture(autouse=True)
def _store(tmp_path, monkeypatch):
    device.prepare("cpu", 1)
    monkeypatch.setenv(shared.ADDRESS, str(tmp_path / "shared"))


@pytest.fixture
def nothing_is_trained(monkeypatch):
    """A function after whose call each training is an error."""

    def refuse(*_, **__):
        raise AssertionError("something was trained")

    def start():
        for name in ("_train_group", "_train", "fit_job"):
            monkeypatch.setattr(grid, name, refuse)

    return start


def jobs():
    return [job(model, training=QUICK, seed=seed) for model in ("gated", "concat", "logistic") for seed in (0, 1)]


@pytest.mark.parametrize("engine", ["single", "stacked"])
def test_finished_trainings_are_not_repeated(task, tmp_path, nothing_is_trained, engine):
    first = grid.run_jobs(task, jobs(), Engine(engine), tmp_path / "a")
    nothing_is_trained()
    second = grid.run_jobs(task, jobs(), Engine(engine), tmp_path / "b")
    for a, b in zip(first, second, strict=True):
        assert a.probabilities.tobytes() == b.probabilities.tobytes()
        assert a.history == b.history


def test_trainings_from_before_there_was_a_store_are_shared(task, tmp_path, monkeypatch, nothing_is_trained):
    monkeypatch.delenv(shared.ADDRESS)
    grid.run_jobs(task, jobs(), Engine(), tmp_path / "a")
    monkeypatch.setenv(shared.ADDRESS, str(tmp_path / "shared"))
    nothing_is_trained()
    grid.run_jobs(task, jobs(), Engine(), tmp_path / "a")
    grid.run_jobs(task, jobs(), Engine(), tmp_path / "b")


def test_a_damaged_training_is_carried_out_again(task, tmp_path):
    first = grid.run_jobs(task, jobs(), Engine(), tmp_path / "a")
    for path in (tmp_path / "shared").rglob("*.safetensors"):
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.write_bytes(data)
    with pytest.warns(UserWarning, match="deleted: .*trained again"):
        second = grid.run_jobs(task, jobs(), Engine(), tmp_path / "b")
    for a, b in zip(first, second, strict=True):
        assert a.probabilities.tobytes() == b.probabilities.tobytes()


@pytest.mark.parametrize("adaptation", ["none", "prior_em", "gaussians"])
@pytest.mark.parametrize("normalisation", ["training", "corpus", "ranks"])
@pytest.mark.parametrize("model", ["gated", "attention", "logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf"])
def test_a_shared_model_predicts_and_is_stored_to_the_same_bits(
    task, tmp_path, monkeypatch, nothing_is_trained, model, normalisation, adaptation
):
    training = Training(**{**QUICK.model_dump(), "normalisation": normalisation, "adaptation": adaptation})
    task = replace(task, groups={"corpus": np.where(np.arange(240) < 120, "one", "two")})
    one = Job(model, None, System(model=model, inputs=("audio",)), training, 0, TRAIN, VALIDATION, TEST)
    monkeypatch.delenv(shared.ADDRESS)
    alone = shared_models.fit_job(task, one, Engine(), RECORD, None)
    monkeypatch.setenv(shared.ADDRESS, str(tmp_path / "shared"))
    shared_models.fit_job(task, one, Engine(), RECORD, None)
    nothing_is_trained()
    found = shared_models.fit_job(task, one, Engine(), RECORD, None)
    monkeypatch.undo()
    results = [grid.job_result(task, one, fitted) for fitted in (alone, found)]
    assert results[0].probabilities.tobytes() == results[1].probabilities.tobytes()
    assert results[0].history == results[1].history
    for name, fitted in (("alone", alone), ("found", found)):
        checkpoint.save(tmp_path / name, fitted, one, task, RECORD)
    for name in ("model.json", "model.safetensors"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "found" / name).read_bytes()


def test_choices_are_shared(spoken, tmp_path, nothing_is_trained):  # noqa: F811
    plan = planned(spoken, some("logistic", "concat"))[:2]
    first = grid.choices(spoken[0], plan, Engine())
    nothing_is_trained()
    second = grid.choices(spoken[0], plan, Engine())
    assert CHOOSING.epochs > 1
    for a, b in zip(first, second, strict=True):
        assert a.summary() == b.summary()
        np.testing.assert_array_equal(a.logits, b.logits)
