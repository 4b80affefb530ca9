import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from mer import stats
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import validate
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.engines import device, engine
from mer.training.job import Job
from mer.training.scaling import standardise

ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
RECORD = StudyRecord(
    {"audio": {"extractor": "mfcc"}, "text": {"extractor": "hashing"}},
    tuple("abcdefg"),
    pd.DataFrame({"corpus": np.where(ROWS < 120, "one", "two"), "fold": 0}),
)
RECORD.manifest["family"] = RECORD.manifest["corpus"]
RECORD.manifest[["audio_sha256", "utterance_id", "speaker_id"]] = np.array([[str(n)] * 3 for n in ROWS])
TRAINING = Training(epochs=20, batch_size=32, hidden=8, learning_rate=1e-2)


def job(model="gated", modalities=("audio", "text"), seed=0, train=TRAIN, validation=VALIDATION, training=TRAINING):
    return Job(model, None, System(model=model, inputs=modalities), training, seed, train, validation, TEST)


@pytest.mark.parametrize(
    "model",
    [
        "gated",
        "flexible_at",
        "robust_at",
        "attention",
        "concat",
        "logistic",
        "ridge",
        "kernel_ridge",
        "svm_linear",
        "svm_rbf",
    ],
)
def test_model_learns_and_is_repeatable_to_the_bit(task, model):
    device.prepare("cpu", 1)
    fitted = grid.fit_job(task, job(model), "cpu")
    probabilities = fitted.predict(task.features, TEST)
    assert probabilities.shape == (len(TEST), 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert stats.uar(stats.confusion(task.labels[TEST], probabilities.argmax(axis=1), 7)) > 0.8
    again = grid.fit_job(task, job(model), "cpu").predict(task.features, TEST)
    assert (again == probabilities).all()


def test_another_seed_gives_another_model(task):
    first, second = (grid.fit_job(task, job(seed=s), "cpu").predict(task.features, TEST) for s in (0, 1))
    assert (first != second).any()


def test_test_rows_have_no_influence(task):
    before = grid.fit_job(task, job(), "cpu").predict(task.features, VALIDATION)
    task.features.arrays["audio"][TEST] = 1e6
    task.labels[TEST] = 0
    assert (grid.fit_job(task, job(), "cpu").predict(task.features, VALIDATION) == before).all()


def test_stored_epoch_is_the_best_on_validation(task):
    fitted = grid.fit_job(task, job(), "cpu")
    best = max(epoch["mean"] for epoch in fitted.history)
    assert np.mean(list(task.score_predictor(fitted.predict, VALIDATION).values())) == pytest.approx(best)


@pytest.mark.parametrize("name", ["single", "auto"])
def test_number_of_processes_does_not_change_results(task, monkeypatch, name):
    monkeypatch.setattr(engine, "MIN_SECONDS_PER_PROCESS", 1e-3)
    quick = Training(epochs=2, hidden=4)
    jobs = [job(seed=s, training=quick) for s in range(8)]
    jobs += [job("logistic", ("audio",), s, training=quick) for s in range(8)]
    alone, together = (grid.run_jobs(task, jobs, grid.Engine(name, max_processes=n)) for n in (1, 2))
    assert [d.job.seed for d in together] == [j.seed for j in jobs]
    for a, b in zip(alone, together, strict=True):
        assert (a.probabilities == b.probabilities).all()


@pytest.mark.parametrize(
    "model", ["gated", "flexible_at", "logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf"]
)
def test_classes_without_training_rows_and_without_validation(task, model):
    two = TRAIN[task.labels[TRAIN] < 2]
    fitted = grid.fit_job(task, job(model, train=two, validation=ROWS[:0]), "cpu")
    probabilities = fitted.predict(task.features, TEST)
    assert np.isfinite(probabilities).all()
    assert set(probabilities.argmax(axis=1)) <= {0, 1}


def test_scaling_uses_present_training_rows_only(task):
    fitted = standardise.fit(task.features, TRAIN, ("audio", "text"))
    inputs = fitted.apply(task.features, TRAIN)
    np.testing.assert_allclose(inputs["audio"].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(inputs["audio"].std(axis=0), 1, atol=1e-5)
    assert not inputs["text"][~task.features.present["text"][TRAIN]].any()


def test_constant_features_and_an_input_without_rows(task):
    task.features.arrays["audio"][:, 5] = 3.0
    task.features.present["text"][:] = False
    probabilities = grid.fit_job(task, job(), "cpu").predict(task.features, TEST)
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize(
    "model", ["gated", "robust_at", "concat", "logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf"]
)
def test_checkpoint_suffices_for_prediction_and_detects_damage(task, model, tmp_path):
    fitted = grid.fit_job(task, job(model), "cpu")
    checkpoint.save(tmp_path / "m", fitted, job(model), task, RECORD)
    loaded, stored = checkpoint.load(tmp_path / "m")
    assert stored.card.classes == list("abcdefg")
    assert (loaded.predict(task.features, TEST) == fitted.predict(task.features, TEST)).all()
    with (tmp_path / "m" / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"not the file that model\.json describes"):
        checkpoint.load(tmp_path / "m")
    (tmp_path / "m" / "model.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        checkpoint.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": {"audio": 13, "text": 8}}, "its tensors are not those"),
        ({"classes": list("abc")}, "its tensors are not those"),
        ({"model": "mystery"}, "model.json: model: 'mystery' is not one of gated"),
        ({"inputs": ["audio", "smell"]}, "model.json: widths: of audio, text, and inputs are audio, smell"),
        ({"training": {"hidden": "many"}}, "model.json: training.hidden: expected an integer, not 'many'"),
        ({"classes": list("abcdefa")}, "model.json: classes: something is named twice"),
        ({"temperature": 0.0}, "model.json: temperature: must be above 0, not 0.0"),
        ({"further": 1}, "model.json: further: there is no such field"),
        ({"layers": None}, "model.json has no field layers"),
    ],
)
def test_card_that_does_not_fit_its_tensors_is_refused(task, tmp_path, change, message):
    fields = {"format": 5, "tensors_sha256": "0" * 64, "model": "gated", "inputs": ["audio", "text"], "layers": {},
              "widths": {"audio": 12, "text": 8}, "classes": list("abcdefg"),
              "training": TRAINING.model_dump(mode="json"), **change}  # fmt: skip
    fields = {name: value for name, value in fields.items() if value is not None}
    fitted = grid.fit_job(task, job(training=Training(epochs=1, hidden=8)), "cpu")

    def write_and_load():
        checkpoint.write(tmp_path / "m", checkpoint.tensors_of(fitted), validate(fields, "m"), None)
        checkpoint.load(tmp_path / "m")

    with pytest.raises(checkpoint.CheckpointError, match=message):
        write_and_load()


def test_training_starts_from_a_checkpoint_and_names_it_as_ancestor(task, tmp_path):
    first = grid.fit_job(task, job(), "cpu")
    checkpoint.save(tmp_path / "first", first, job(), task, RECORD)
    more = Training(epochs=1, batch_size=32, hidden=8, learning_rate=1e-9, start_from=str(tmp_path / "first"))
    second = grid.fit_job(task, job(seed=7, training=more), "cpu")
    np.testing.assert_allclose(second.logits(task.features, TEST), first.logits(task.features, TEST), atol=1e-3)
    [ancestor] = checkpoint.card(job(training=more), task, RECORD).ancestors
    assert (ancestor.name, ancestor.corpora, ancestor.lineage) == ("gated-seed0", ["one", "two"], "whole")
    other = Training(hidden=4, start_from=str(tmp_path / "first"))
    with pytest.raises(checkpoint.CheckpointError, match="of another network"):
        grid.fit_job(task, job(training=other), "cpu")


def test_batch_of_one_row_and_class_without_weight(task):
    rows = np.concatenate([TRAIN[task.labels[TRAIN] < 2][:32], TRAIN[task.labels[TRAIN] == 2][:1]])
    fitted = grid.fit_job(task, job(train=rows), "cpu")  # 33 rows in batches of 32
    assert np.isfinite(fitted.predict(task.features, TEST)).all()


@pytest.mark.parametrize("targets", ["soft", "multi_label"])
def test_soft_and_multi_label_targets_are_learned(task, targets):
    answers = np.eye(7, dtype=np.float32)[task.labels] * 0.8 + np.eye(7, dtype=np.float32)[(task.labels + 1) % 3] * 0.2
    if targets == "multi_label":
        answers = (answers > 0).astype(np.float32)
    result = replace(task, targets={targets: answers})
    settings = Training(epochs=20, batch_size=32, hidden=8, learning_rate=1e-2, targets=targets)
    probabilities = grid.fit_job(result, job(training=settings), "cpu").predict(task.features, TEST)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    second = np.argsort(probabilities, axis=1)[:, -2]
    if targets == "soft":
        assert (probabilities.argmax(axis=1) == task.labels[TEST]).mean() > 0.8
    assert (second == (task.labels[TEST] + 1) % 3).mean() > 0.5 or targets == "multi_label"
    both = np.stack([task.labels[TEST], (task.labels[TEST] + 1) % 3], axis=1)
    assert np.take_along_axis(probabilities, both, axis=1).sum(axis=1).mean() > 0.7


def test_device_auto_is_an_available_device():
    assert device.resolve("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"compute\.device"):
            device.resolve("cuda")
