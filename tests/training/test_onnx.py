"""Every kind of model as an ONNX file: the predictions of onnxruntime are those of the checkpoint."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnxruntime")

from mer.params.schema import System, Training
from mer.training import ensemble as ensembles
from mer.training import grid
from mer.training.checkpoints import checkpoint, ensemble
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.job import Job, JobResult
from mer.training.onnx import check, export
from mer.training.onnx.graph import NotExportable

ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
TOLERANCE = 2e-6
"""The largest difference of a probability, from 32-bit numbers in networks."""


@pytest.fixture
def save(task, tmp_path):
    """A function that trains a system and returns the folder of its checkpoint and its result."""
    names = [str(n) for n in ROWS]
    manifest = pd.DataFrame({"corpus": task.corpora, "family": task.corpora, "fold": 0, "audio_sha256": names,
                             "utterance_id": names, "speaker_id": names})  # fmt: skip
    record = StudyRecord({"audio": {"extractor": "functionals"}, "text": {"extractor": "hashing"}},
                         tuple("abcdefg"), manifest)  # fmt: skip

    def save(name, inputs=("audio", "text"), of_task=task, **training):
        system = System(model=name, inputs=inputs)
        parts = [part[of_task.features.available(inputs)[part]] for part in (TRAIN, VALIDATION, TEST)]
        job = Job(name, "cell", system, Training(**({"epochs": 2, "hidden": 8} | training)), 0, *parts)
        fitted = grid.fit_job(of_task, job, "cpu")
        folder = tmp_path / "checkpoints" / checkpoint.name(job)
        checkpoint.save(folder, fitted, job, of_task, record)
        own = of_task.normalised_for(job).features
        return folder, JobResult(job, *(fitted.predict(own, rows) for rows in (job.test, job.validation)))

    save.record = record
    return save


@pytest.mark.parametrize("missing", ["zeros", "learned"])
@pytest.mark.parametrize("model", ["gated", "flexible_at", "robust_at", "attention", "concat"])
def test_network_predicts_alike(save, task, tmp_path, model, missing):
    folder, _ = save(model, missing=missing)
    export.export(folder, tmp_path / "m.onnx")
    result = check.difference(folder, tmp_path / "m.onnx", task.features)
    assert result.rows == 3 * 240 - np.count_nonzero(~task.features.present["text"])  # no row without any input
    assert (result.classes, result.drawn) == (0, False)
    assert result.probability < TOLERANCE


@pytest.mark.parametrize("model", ["logistic", "ridge", "kernel_ridge", "svm_linear", "svm_rbf"])
def test_classical_model_predicts_alike(save, task, tmp_path, model):
    folder, _ = save(model)
    export.export(folder, tmp_path / "m.onnx")
    result = check.difference(folder, tmp_path / "m.onnx", task.features)
    assert result.classes == 0
    assert result.probability < TOLERANCE
    assert "also without each of the inputs in turn" in result.sentence()


def test_multi_label_and_softmax_gate_predict_alike(save, task, tmp_path):
    several = replace(task, targets={"multi_label": np.eye(7, dtype=np.float32)[task.labels]})
    folder, _ = save("gated", of_task=several, targets="multi_label", gate="softmax", missing="learned")
    export.export(folder, tmp_path / "m.onnx")
    assert check.difference(folder, tmp_path / "m.onnx", task.features).probability < TOLERANCE


def test_normalised_model_uses_statistics_of_its_training_rows(save, task, tmp_path):
    speakers = np.char.add("s", (ROWS // 8).astype(str))
    grouped = replace(task, groups={"corpus": task.corpora.astype(str), "speaker": speakers})
    folder, _ = save("ridge", of_task=grouped, normalisation="speaker_shrunk")
    export.export(folder, tmp_path / "m.onnx")
    result = check.difference(folder, tmp_path / "m.onnx", task.features)
    assert result.probability < TOLERANCE
    ranks, _ = save("ridge", of_task=grouped, normalisation="ranks")
    with pytest.raises(NotExportable, match="ranks"):
        export.export(ranks, tmp_path / "n.onnx")


@pytest.mark.parametrize("weights", ["equal", "validation"])
def test_ensemble_predicts_each_row_with_the_members_that_can(save, task, tmp_path, weights):
    (net, of_net), (line, of_line) = save("concat"), save("logistic", inputs=("text",))
    systems = {"concat": System(model="concat"), "logistic": System(model="logistic", inputs=("text",)),
               "late": System(model="ensemble", members=("logistic", "concat"), weights=weights)}  # fmt: skip
    [result] = ensembles.results(task, [of_net, of_line], systems)
    ensemble.save(tmp_path / "late", result, [line, net], task, save.record)
    export.export(tmp_path / "late", tmp_path / "m.onnx")
    assert check.difference(tmp_path / "late", tmp_path / "m.onnx", task.features).probability < TOLERANCE
    assert check.difference(tmp_path / "late", tmp_path / "m.onnx").drawn


def test_file_says_its_classes_and_inputs_and_a_changed_file_differs(save, task, tmp_path):
    import onnx
    from onnx import numpy_helper

    folder, _ = save("logistic")
    export.export(folder, tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model)
    metadata = {one.key: one.value for one in model.metadata_props}
    assert json.loads(metadata["classes"]) == list("abcdefg")
    assert json.loads(metadata["inputs"]) == ["audio", "text"]
    assert {one.name for one in model.graph.input} == {"audio", "text", "audio_present", "text_present"}
    changed = False
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 2 and values.dtype == np.float64 and not changed:
            tensor.CopyFrom(numpy_helper.from_array(-values, tensor.name))
            changed = True
    onnx.save(model, tmp_path / "m.onnx")
    assert changed
    assert check.difference(folder, tmp_path / "m.onnx", task.features).probability > 0.01
