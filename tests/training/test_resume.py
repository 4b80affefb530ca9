"""A killed training ends with the same bits as an uninterrupted one."""

import numpy as np
import pytest
import torch

from mer.params.schema import System, Training
from mer.training import grid
from mer.training.cache import arrays as cached
from mer.training.engines import stacked
from mer.training.job import Job
from mer.training.networks import loop
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
    return Job(model, None, System(model=model, inputs=("audio", "text")), settings, seed, train, validation, test)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    monkeypatch.setattr("mer.training.cache.snapshot.MAX_TIME_SHARE", 1e9)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_single_training_resumes_to_the_same_bits(task, tmp_path, kill_at, settings):
    one = job(**settings)
    expected = grid.fit_job(task, one, "cpu")
    for steps in (1, 4, 6, 5, 3):  # 4 batches an epoch: before the first saving, at and between ends of epochs
        kill_at(steps)
        with pytest.raises(Killed):
            grid.fit_job(task, one, "cpu", tmp_path / "s")
    kill_at(None)
    again = grid.fit_job(task, one, "cpu", tmp_path / "s")
    assert again.history == expected.history
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, expected.network.state_dict()[name]), name
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_stack_resumes_to_the_same_bits(task, tmp_path, kill_at, settings):
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


def test_stack_with_untrained_branches_resumes_to_the_same_bits(task, tmp_path, kill_at):
    spoken = ROWS[(ROWS % 4 < 2) & task.features.present["text"]]
    jobs = [job(s, "flexible_at", spoken, missing="zeros", modality_dropout=0.0) for s in (0, 1)]
    expected = stacked.fit_many(task, jobs, "cpu").logits([ROWS] * 2)
    kill_at(5)
    with pytest.raises(Killed):
        stacked.fit_many(task, jobs, "cpu", tmp_path / "s")
    kill_at(None)
    np.testing.assert_array_equal(stacked.fit_many(task, jobs, "cpu", tmp_path / "s").logits([ROWS] * 2), expected)


def test_snapshot_of_another_training_or_a_damaged_one_is_not_used(task, tmp_path, kill_at):
    kill_at(9)
    with pytest.raises(Killed):
        grid.fit_job(task, job(1), "cpu", tmp_path / "s")
    kill_at(None)
    expected = grid.fit_job(task, job(0), "cpu").predict(task.features, ROWS)
    assert (grid.fit_job(task, job(0), "cpu", tmp_path / "s").predict(task.features, ROWS) == expected).all()
    kill_at(9)
    with pytest.raises(Killed):
        grid.fit_job(task, job(0), "cpu", tmp_path / "s")
    kill_at(None)
    content = bytearray((tmp_path / "s").read_bytes())
    content[-3] ^= 1  # of a weight
    (tmp_path / "s").write_bytes(content)
    with pytest.warns(UserWarning, match="deleted: .*it is trained again"):
        again = grid.fit_job(task, job(0), "cpu", tmp_path / "s")
    assert (again.predict(task.features, ROWS) == expected).all()
    (tmp_path / "s").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.warns(UserWarning, match="deleted: .*it is trained again"):
        again = grid.fit_job(task, job(0), "cpu", tmp_path / "s")
    assert (again.predict(task.features, ROWS) == expected).all()


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_snapshot_with_a_flipped_bit_is_not_used(task, tmp_path, kill_at, place):
    expected = grid.fit_job(task, job(0), "cpu").predict(task.features, ROWS)
    kill_at(9)
    with pytest.raises(Killed):
        grid.fit_job(task, job(0), "cpu", tmp_path / "s")
    kill_at(None)
    content = bytearray((tmp_path / "s").read_bytes())
    content[int(place * len(content))] ^= 0x40
    (tmp_path / "s").write_bytes(content)
    with pytest.warns(UserWarning, match="deleted: .*it is trained again"):
        again = grid.fit_job(task, job(0), "cpu", tmp_path / "s")
    assert (again.predict(task.features, ROWS) == expected).all()


def test_finished_job_is_not_trained_again(task, tmp_path, monkeypatch):
    jobs, engine = [job(seed) for seed in (0, 1)], grid.Engine()
    first = grid.run_jobs(task, jobs[:1], engine, tmp_path)
    trained = []
    original = loop.fit_network
    monkeypatch.setattr(loop, "fit_network", lambda *a, **k: trained.append(a[1].seed) or original(*a, **k))
    second = grid.run_jobs(task, jobs, engine, tmp_path)
    assert trained == [1]
    assert (second[0].probabilities == first[0].probabilities).all()
    assert second[0].history == first[0].history
    grid.run_jobs(task, [job(0, dropout=0.25)], engine, tmp_path)
    grid.run_jobs(task, jobs, grid.Engine(threads=2), tmp_path)  # the engine is part of a result
    task.labels[jobs[0].train[0]] = 1
    grid.run_jobs(task, jobs[:1], engine, tmp_path)
    assert trained == [1, 0, 0, 1, 0]
    assert len(list(tmp_path.iterdir())) == 1  # of this plan


@pytest.mark.parametrize("name", ["single", "stacked"])
def test_damaged_result_is_computed_again(task, tmp_path, name):
    [first] = grid.run_jobs(task, [job()], grid.Engine(name), tmp_path)
    [file] = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:50])
    with pytest.warns(UserWarning, match=f"deleted: .*{file.name}: damaged .*it is trained again"):
        [again] = grid.run_jobs(task, [job()], grid.Engine(name), tmp_path)
    assert (again.probabilities == first.probabilities).all()
    assert [p.suffix for p in tmp_path.iterdir()] == [".safetensors"]


def test_stored_arrays_are_read_by_kind_and_name_only(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(3, np.int64)}
    cached.write_arrays(tmp_path / "x", "told", arrays, {"n": [1, None]})
    result, outcome = cached.read_arrays(tmp_path / "x", "told")
    assert outcome == {"n": [1, None]}
    for name, values in arrays.items():
        np.testing.assert_array_equal(result[name], values)
        assert result[name].dtype == values.dtype
    assert cached.read_arrays(tmp_path / "x", "runs") is None  # whole, and of another kind
    assert cached.read_arrays(tmp_path / "none", "told") is None
    (tmp_path / "x").rename(tmp_path / "y")
    with pytest.warns(UserWarning, match="deleted: .*y: damaged"):
        assert cached.read_arrays(tmp_path / "y", "told") is None
    assert not (tmp_path / "y").exists()
