"""Checkpoints of older formats, and those of named inputs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer import files
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.checkpoints import checkpoint, lineage
from mer.training.checkpoints.binding import sealed
from mer.training.checkpoints.card import validate
from mer.training.checkpoints.inputs import extraction
from mer.training.job import Job
from mer.training.task import Task

FORMAT_4 = Path(__file__).parent / "format4"
"""Checkpoints that an earlier version has written, of two audio inputs; `second` began with the weights of `first`."""
FORMAT_3 = Path(__file__).parent / "format3"
"""A checkpoint that an earlier version has written, of audio and text."""


def test_checkpoint_of_format_3_predicts_as_it_did():
    model, stored = checkpoint.load(FORMAT_3, fields=None)
    rows = np.arange(2)
    arrays = {"audio": np.arange(8, dtype=np.float32).reshape(2, 4) / 4,
              "text": np.arange(6, dtype=np.float32).reshape(2, 3) / 3}  # fmt: skip
    features = Features(arrays, {"audio": np.ones(2, bool), "text": np.array([True, False])})
    expected = [[0.338252, 0.330886, 0.330863], [0.338143, 0.33189, 0.329967]]
    np.testing.assert_allclose(model.predict(features, rows), expected, atol=1e-5)
    inputs, data = extraction.extraction_parameters(stored, {})
    assert [(name, one.modality, one.extractor) for name, one in inputs.items()] == [
        ("audio", "audio", "mfcc"), ("text", "text", "hashing"),
    ]  # fmt: skip
    assert (inputs["audio"].n_mfcc, inputs["text"].dimensions, data.max_seconds) == (2, 3, 20.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first-seed0", [[0.332749, 0.345521, 0.32173], [0.33257, 0.344885, 0.322544]]),
        ("second-seed0", [[0.332766, 0.345445, 0.321789], [0.332585, 0.344803, 0.322612]]),
        ("linear-seed0", [[0.000112, 0.999867, 2.1e-05], [0.003076, 0.361779, 0.635146]]),
    ],
)
def test_checkpoint_of_format_4_predicts_as_it_did_and_keeps_its_lineage(name, expected):
    model, stored = checkpoint.load(FORMAT_4 / name, fields=None)
    arrays = {"audio": [[-0.3604, 2.5835, -1.4385, 2.1188], [-1.3420, 0.9198, 0.8789, 1.1509]],
              "spectrum": [[-1.2096, -1.7330, -1.1542], [1.4208, -0.1759, -0.3721]]}  # fmt: skip
    arrays = {key: np.array(value, np.float32) for key, value in arrays.items()}
    modalities = dict.fromkeys(arrays, "audio")
    features = Features(arrays, {key: np.ones(2, bool) for key in arrays}, modalities=modalities)
    np.testing.assert_allclose(model.predict(features, np.arange(2)), expected, atol=2e-4)
    assert lineage.status(stored) == lineage.COMPLETE
    assert lineage.full_exposure(stored).counts() == stored.card.exposure.model_dump()
    assert stored.card.exposure.speakers == 108
    assert {name: one.outside_share for name, one in stored.card.value_ranges.items()}.keys() == arrays.keys()
    inputs, data = extraction.extraction_parameters(stored, {})
    assert ([one.n_mfcc for one in inputs.values()], data.max_seconds) == ([2, 3], 30.0)
    assert [one.training_rows["train"]["one"].rows for one in (stored.card, *stored.card.ancestors)] == (
        [60] * (2 if name == "second-seed0" else 1)
    )


def test_edited_card_of_format_4_is_refused(tmp_path):
    folder = shutil.copytree(FORMAT_4 / "second-seed0", tmp_path / "m")
    written = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    for change, message in (
        ({"modalities": ["spectrum", "audio"]}, "modalities is not what was written"),
        ({"usual": {}}, "usual is not what was written"),
        ({"value_ranges": {}}, "value_ranges: format 4 has no such field"),
        ({"seen": 1}, "model.json: seen: expected"),
    ):
        files.write_json(folder / "model.json", sealed(written | change))
        with pytest.raises(checkpoint.CheckpointError, match=message):
            checkpoint.load(folder)
    files.write_json(folder / "model.json", sealed(written | {"families": []}))
    assert lineage.status(checkpoint.open_checkpoint(folder)) == lineage.ALTERED


@pytest.mark.parametrize("model", ["gated", "logistic", "svm_rbf", "kernel_ridge"])
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
    record = checkpoint.StudyRecord(specs, tuple("abcdefg"), manifest)
    checkpoint.save(tmp_path / "m", fitted, job, named, record)
    loaded, stored = checkpoint.load(tmp_path / "m", fields=None)
    card = stored.card
    assert (card.format, card.system, card.inputs) == (5, "voice", ["audio", "data", "text"])
    assert (loaded.predict(named.features, job.test) == fitted.predict(named.features, job.test)).all()


def test_input_without_a_modality_is_refused():
    fields = {"format": 5, "model": "logistic", "inputs": ["whisper"], "widths": {"whisper": 12}, "layers": {}}
    fields |= {"classes": list("abc"), "training": {}, "features": {"whisper": {"extractor": "mfcc"}}}
    with pytest.raises(checkpoint.CheckpointError, match="the modality of the input whisper is missing or unknown"):
        validate(fields, "m")
