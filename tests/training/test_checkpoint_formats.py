"""Checkpoints of older formats, and those of named inputs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer.features import Features
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.checkpoints import checkpoint, extraction
from mer.training.job import Job
from mer.training.task import Task

FORMAT_3 = Path(__file__).parent / "format3"
"""A checkpoint that an earlier version has written, of audio and text."""


def test_checkpoint_of_format_3_predicts_as_it_did():
    model, card = checkpoint.load(FORMAT_3, fields=None)
    rows = np.arange(2)
    arrays = {"audio": np.arange(8, dtype=np.float32).reshape(2, 4) / 4,
              "text": np.arange(6, dtype=np.float32).reshape(2, 3) / 3}  # fmt: skip
    features = Features(arrays, {"audio": np.ones(2, bool), "text": np.array([True, False])})
    expected = [[0.338252, 0.330886, 0.330863], [0.338143, 0.33189, 0.329967]]
    np.testing.assert_allclose(model.predict(features, rows), expected, atol=1e-5)
    inputs, data = extraction.extraction_parameters(card, {}, FORMAT_3)
    assert [(name, one.modality, one.extractor) for name, one in inputs.items()] == [
        ("audio", "audio", "mfcc"), ("text", "text", "hashing"),
    ]  # fmt: skip
    assert (inputs["audio"].n_mfcc, inputs["text"].dimensions, data.max_seconds) == (2, 3, 20.0)


@pytest.mark.parametrize("model", ["gated", "logistic", "svm_rbf"])
def test_checkpoint_of_named_inputs_predicts_as_the_model(task, tmp_path, model):
    second = np.random.default_rng(1).normal(0, 1, (240, 5)).astype(np.float32)
    modalities = {"audio": "audio", "data": "audio", "text": "text"}
    arrays, present = {**task.features.arrays, "data": second}, {**task.features.present, "data": np.ones(240, bool)}
    named = Task(Features(arrays, present, modalities=modalities), task.labels, task.corpora, task.classes)
    rows, names = np.arange(240), [str(n) for n in range(240)]
    spec = System(model=model, inputs=("audio", "data", "text"))
    job = Job("voice", None, spec, Training(epochs=1, hidden=8), 0, rows[:120], rows[120:180], rows[180:])
    manifest = pd.DataFrame({"corpus": task.corpora, "family": task.corpora, "audio_sha256": names,
                             "utterance_id": names, "speaker_id": names, "fold": 0})  # fmt: skip
    specs = {name: {"modality": modality, "extractor": "mfcc"} for name, modality in modalities.items()}
    fitted = grid.fit_job(named, job, "cpu")
    checkpoint.save(tmp_path / "m", fitted, checkpoint.card(job, named, specs, tuple("abcdefg"), manifest))
    loaded, card = checkpoint.load(tmp_path / "m", fields=None)
    assert (card["format"], card["system"], card["modalities"]) == (4, "voice", ["audio", "data", "text"])
    assert (loaded.predict(named.features, job.test) == fitted.predict(named.features, job.test)).all()


def test_input_without_a_modality_is_refused(task, tmp_path):
    spec, rows = System(model="logistic", inputs=("audio",)), np.arange(240)
    job = Job("a", None, spec, Training(), 0, rows[:120], rows[120:], rows[:0])
    card = {"model": "logistic", "modalities": ["whisper"], "widths": {"whisper": 12}, "layers": {}}
    card |= {"classes": list("abcdefg"), "training": {}, "features": {"whisper": {"extractor": "mfcc"}}}
    checkpoint.save(tmp_path / "m", grid.fit_job(task, job, "cpu"), card)
    with pytest.raises(checkpoint.CheckpointError, match="the modality of the input whisper is missing or unknown"):
        checkpoint.load(tmp_path / "m")
