"""A training that was killed ends with the same bits as one that was not."""

import numpy as np
import pytest
import torch

from mer.params.schema import System, Training
from mer.training import grid, network, stacked
from mer.training.job import Job
from tests.training.conftest import Killed

ROWS = np.arange(240)
SETTINGS = {
    "adamw": {"dropout": 0.3, "modality_dropout": 0.2},
    "ema": {"averaging": "ema", "schedule": "plateau", "patience": 3},
    "sgd": {"optimiser": "sgd", "averaging": "epochs", "schedule": "cosine", "corpus_exponent": 0.5},
}


def job(seed=0, model="gated", train=ROWS[ROWS % 4 < 2], **training):
    settings = Training(epochs=8, batch_size=32, hidden=8, learning_rate=1e-2, **training)
    validation, test = ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
    return Job((model, None), System(model=model), settings, seed, train, validation, test)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    monkeypatch.setattr("mer.training.snapshot.SHARE", 1e9)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_a_single_training(task, tmp_path, kill_at, settings):
    one = job(**settings)
    expected = grid.fit(task, one, "cpu")
    for steps in (1, 4, 6, 5, 3):  # 4 batches an epoch: before the first saving, at and between ends of epochs
        kill_at(steps)
        with pytest.raises(Killed):
            grid.fit(task, one, "cpu", tmp_path / "s")
    kill_at(None)
    again = grid.fit(task, one, "cpu", tmp_path / "s")
    assert again.history == expected.history
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, expected.network.state_dict()[name]), name
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_a_stack(task, tmp_path, kill_at, settings):
    jobs = [job(seed, **settings) for seed in (0, 1, 2)]
    expected = stacked.fit_many(task, jobs, "cpu")
    for steps in (1, 4, 6, 5, 3):
        kill_at(steps)
        with pytest.raises(Killed):
            stacked.fit_many(task, jobs, "cpu", tmp_path / "s")
    kill_at(None)
    again = stacked.fit_many(task, jobs, "cpu", tmp_path / "s")
    assert again.histories == expected.histories
    assert set(again.best) == set(expected.best)
    for name, value in again.best.items():
        assert torch.equal(value, expected.best[name]), name


def test_a_stack_whose_networks_have_branches_that_no_training_row_takes(task, tmp_path, kill_at):
    spoken = ROWS[(ROWS % 4 < 2) & task.features.present["text"]]
    jobs = [job(s, "flexible_at", spoken, missing="zeros", modality_dropout=0.0) for s in (0, 1)]
    expected = stacked.fit_many(task, jobs, "cpu").logits([ROWS] * 2)
    kill_at(5)
    with pytest.raises(Killed):
        stacked.fit_many(task, jobs, "cpu", tmp_path / "s")
    kill_at(None)
    np.testing.assert_array_equal(stacked.fit_many(task, jobs, "cpu", tmp_path / "s").logits([ROWS] * 2), expected)


def test_a_snapshot_of_another_training_or_a_damaged_one_is_not_gone_on_with(task, tmp_path, kill_at):
    kill_at(9)
    with pytest.raises(Killed):
        grid.fit(task, job(1), "cpu", tmp_path / "s")
    kill_at(None)
    expected = grid.fit(task, job(0), "cpu").predict(task.features, ROWS)
    assert (grid.fit(task, job(0), "cpu", tmp_path / "s").predict(task.features, ROWS) == expected).all()
    kill_at(9)
    with pytest.raises(Killed):
        grid.fit(task, job(0), "cpu", tmp_path / "s")
    kill_at(None)
    content = bytearray((tmp_path / "s").read_bytes())
    content[-3] ^= 1  # of a weight
    (tmp_path / "s").write_bytes(content)
    assert (grid.fit(task, job(0), "cpu", tmp_path / "s").predict(task.features, ROWS) == expected).all()
    (tmp_path / "s").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    assert (grid.fit(task, job(0), "cpu", tmp_path / "s").predict(task.features, ROWS) == expected).all()


def test_a_finished_run_is_never_trained_again(task, tmp_path, monkeypatch):
    jobs, engine = [job(seed) for seed in (0, 1)], grid.Engine()
    first = grid.run(task, jobs[:1], engine, tmp_path)
    trained = []
    original = network.fit
    monkeypatch.setattr(network, "fit", lambda *a, **k: trained.append(k["seed"]) or original(*a, **k))
    second = grid.run(task, jobs, engine, tmp_path)
    assert trained == [1]
    assert (second[0].probabilities == first[0].probabilities).all()
    assert second[0].history == first[0].history
    grid.run(task, [job(0, dropout=0.25)], engine, tmp_path)
    grid.run(task, jobs, grid.Engine(threads=2), tmp_path)  # the engine is part of a result
    task.labels[jobs[0].train[0]] = 1
    grid.run(task, jobs[:1], engine, tmp_path)
    assert trained == [1, 0, 0, 1, 0]
    assert len(list(tmp_path.iterdir())) == 1  # of this plan


@pytest.mark.parametrize("name", ["single", "stacked"])
def test_a_damaged_result_is_computed_anew(task, tmp_path, name):
    [first] = grid.run(task, [job()], grid.Engine(name), tmp_path)
    [file] = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:50])
    [again] = grid.run(task, [job()], grid.Engine(name), tmp_path)
    assert (again.probabilities == first.probabilities).all()
    assert [p.suffix for p in tmp_path.iterdir()] == [".safetensors"]
