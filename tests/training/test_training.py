import json

import numpy as np
import pytest
import torch

from mer import stats
from mer.params.schema import System, Training
from mer.training import checkpoint, device, grid, standardise
from mer.training.job import Job

ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
TRAINING = Training(epochs=20, batch_size=32, hidden=8, learning_rate=1e-2)


def job(model="gated", modalities=("audio", "text"), seed=0, train=TRAIN, validation=VALIDATION, training=TRAINING):
    return Job((model, None), System(model=model, modalities=modalities), training, seed, train, validation, TEST)


@pytest.mark.parametrize(
    "model", ["gated", "flexible_at", "robust_at", "attention", "concat", "logistic", "ridge", "svm_linear", "svm_rbf"]
)
def test_a_model_learns_and_repeats_itself_to_the_bit(task, model):
    device.prepare("cpu", 1)
    fitted = grid.fit(task, job(model), "cpu")
    probabilities = fitted.predict(task.features, TEST)
    assert probabilities.shape == (len(TEST), 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert stats.uar(stats.confusion(task.labels[TEST], probabilities.argmax(axis=1), 7)) > 0.8
    again = grid.fit(task, job(model), "cpu").predict(task.features, TEST)
    assert (again == probabilities).all()


def test_another_seed_is_another_model(task):
    first, second = (grid.fit(task, job(seed=s), "cpu").predict(task.features, TEST) for s in (0, 1))
    assert (first != second).any()


def test_test_rows_have_no_influence(task):
    before = grid.fit(task, job(), "cpu").predict(task.features, VALIDATION)
    task.features.arrays["audio"][TEST] = 1e6
    task.labels[TEST] = 0
    assert (grid.fit(task, job(), "cpu").predict(task.features, VALIDATION) == before).all()


def test_the_kept_epoch_is_the_best_on_validation(task):
    fitted = grid.fit(task, job(), "cpu")
    best = max(epoch["mean"] for epoch in fitted.history)
    assert np.mean(list(task.scores(fitted.predict, VALIDATION).values())) == pytest.approx(best)


def test_how_many_run_at_once_changes_nothing(task, monkeypatch):
    monkeypatch.setattr(grid, "WORTH_A_PROCESS", 1)
    quick = Training(epochs=2, hidden=4)
    jobs = [job(seed=s, training=quick) for s in range(8)]
    jobs += [job("logistic", ("audio",), s, training=quick) for s in range(8)]
    alone, together = (grid.run(task, jobs, grid.Engine(at_once=n)) for n in (1, 2))
    assert [d.job.seed for d in together] == [j.seed for j in jobs]
    for a, b in zip(alone, together, strict=True):
        assert (a.probabilities == b.probabilities).all()


@pytest.mark.parametrize("model", ["gated", "flexible_at", "logistic", "ridge", "svm_linear", "svm_rbf"])
def test_classes_that_training_lacks_and_no_validation(task, model):
    two = TRAIN[task.labels[TRAIN] < 2]
    fitted = grid.fit(task, job(model, train=two, validation=ROWS[:0]), "cpu")
    probabilities = fitted.predict(task.features, TEST)
    assert np.isfinite(probabilities).all()
    assert set(probabilities.argmax(axis=1)) <= {0, 1}


def test_scaling_looks_at_training_rows_alone_and_at_what_is_there(task):
    fitted = standardise.fit(task.features, TRAIN, ("audio", "text"))
    inputs = fitted.apply(task.features, TRAIN)
    np.testing.assert_allclose(inputs["audio"].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(inputs["audio"].std(axis=0), 1, atol=1e-5)
    assert not inputs["text"][~task.features.present["text"][TRAIN]].any()


def test_constant_features_and_a_modality_that_nobody_has(task):
    task.features.arrays["audio"][:, 5] = 3.0
    task.features.present["text"][:] = False
    probabilities = grid.fit(task, job(), "cpu").predict(task.features, TEST)
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("model", ["gated", "robust_at", "concat", "logistic", "ridge", "svm_linear", "svm_rbf"])
def test_a_checkpoint_needs_nothing_else_and_notices_damage(task, model, tmp_path):
    fitted = grid.fit(task, job(model), "cpu")
    card = {"model": model, "modalities": ["audio", "text"], "widths": {"audio": 12, "text": 8}}
    card |= {"layers": {}, "classes": list("abcdefg"), "training": TRAINING.model_dump(mode="json")}
    checkpoint.save(tmp_path / "m", fitted, card)
    loaded, read = checkpoint.load(tmp_path / "m")
    assert read["classes"] == list("abcdefg")
    assert (loaded.predict(task.features, TEST) == fitted.predict(task.features, TEST)).all()
    with (tmp_path / "m" / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"not the file that model\.json describes"):
        checkpoint.load(tmp_path / "m")
    (tmp_path / "m" / "model.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        checkpoint.load(tmp_path / "m")


def test_device_auto_takes_what_there_is():
    assert device.resolve("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"compute\.device"):
            device.resolve("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_agrees_with_the_cpu(task):
    device.prepare("cuda", 1)
    quick = Training(epochs=2, dropout=0, modality_dropout=0)
    cpu, cuda = (grid.fit(task, job(training=quick), where).predict(task.features, TEST) for where in ("cpu", "cuda"))
    np.testing.assert_allclose(cpu, cuda, atol=1e-3)
