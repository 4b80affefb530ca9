"""The models of a run as folders for the Hugging Face hub."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from huggingface_hub import ModelCard

from mer import files, predict
from mer.corpora import CORPORA
from mer.dataset.manifest import schema
from mer.features import Features, specs
from mer.features.table import extract_table
from mer.models import __main__ as models_command
from mer.params.features import read_inputs
from mer.params.schema import Data, Params, System, Training
from mer.report.export import models
from mer.training import grid
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.job import Job
from mer.training.task import Task
from tests.predict.conftest import tone

onnxruntime = pytest.importorskip("onnxruntime")

CLASSES = ("neutral", "anger", "fear")
ROWS = np.arange(90)


@pytest.fixture
def run(tmp_path):
    """A run folder with the checkpoint of a linear model on ten cepstra, and its scores."""
    generator, labels = np.random.default_rng(0), ROWS % 3
    values = generator.normal(0, 1, (90, 20)).astype(np.float32)
    inputs = read_inputs({"audio": {"extractor": "mfcc", "n_mfcc": 10}})
    spec = specs(inputs, Data())
    task = Task(Features({"audio": values}, {"audio": np.ones(90, bool)}), labels, np.array(["emodb"] * 90), 3)
    names = [f"emodb/{n}" for n in ROWS]
    manifest = pd.DataFrame({"corpus": "emodb", "family": "emodb", "fold": 0, "audio_sha256": names,
                             "utterance_id": names, "speaker_id": names})  # fmt: skip
    job = Job("line", None, System(model="logistic", inputs=("audio",)), Training(), 0, ROWS[:50], ROWS[50:70],
              ROWS[70:])  # fmt: skip
    record = StudyRecord(spec, CLASSES, manifest, inputs=inputs, data=Data())
    folder = tmp_path / "run/checkpoints/line-seed0"
    checkpoint.save(folder, grid.fit_job(task, job, "cpu"), job, task, record)
    files.write_text(folder / "README.md", "# Model line-seed0\n")
    results = pd.DataFrame({"system": "line", "protocol": "multi_corpus", "answers": "free", "metric": "UAR",
                            "test_corpus": ["emodb"], "seed": pd.array([0], "Int64"), "value": [0.61234]})  # fmt: skip
    study = Params(name="run", corpora={"emodb": {}}, features={"audio": {"extractor": "mfcc", "n_mfcc": 10}})
    return models.FinishedModels(tmp_path / "run", study, schema.typed([]), results, CORPORA)


def test_folder_has_card_onnx_front_end_and_citations(run, tmp_path):
    [line] = models.write(tmp_path / "out", run)
    folder = tmp_path / "out/line-seed0"
    assert "probabilities differ by at most" in line
    assert line.split(": ", 1)[1] in (folder / "README.md").read_text(encoding="utf-8")
    card = ModelCard((folder / "README.md").read_text(encoding="utf-8"))
    [score] = card.data.eval_results
    assert (score.dataset_name, score.metric_value, score.metric_type) == ("emodb", 0.6123, "recall")
    assert card.data.pipeline_tag == "audio-classification"
    assert card.data.language == ["de"]
    front = json.loads((folder / "front_end.json").read_text(encoding="utf-8"))
    assert front["classes"] == list(CLASSES)
    [audio] = front["inputs"]
    assert audio["python"] == "mer.features(files, extractor='mfcc', modality='audio', n_mfcc=10)"
    assert (audio["width"], audio["parameters"]["n_mfcc"]) == (20, 10)
    assert "@inproceedings{emodb," in (folder / "citations.bib").read_text(encoding="utf-8")


def test_links_in_a_checkpoint_are_not_published(run, tmp_path):
    (tmp_path / "private").write_text("secret")
    (run.run / "checkpoints/line-seed0/extra.txt").symlink_to(tmp_path / "private")
    list(models.write(tmp_path / "out", run))
    names = {path.name for path in (tmp_path / "out/line-seed0").iterdir()}
    assert {"model.json", "model.safetensors", "README.md"} < names
    assert "extra.txt" not in names


def test_folder_predicts_as_the_checkpoint_and_as_its_onnx_file(run, tmp_path):
    """The front end that the folder describes gives vectors with which onnxruntime predicts as `mer.predict`."""
    list(models.write(tmp_path / "out", run))
    folder = tmp_path / "out/line-seed0"
    recording = tmp_path / "a.wav"
    soundfile.write(recording, tone(1.0), 16_000)
    [prediction] = predict.load(folder, settings=predict.PredictionSettings(voice="energy"))(recording)
    assert prediction.error is None
    [entry] = json.loads((folder / "front_end.json").read_text(encoding="utf-8"))["inputs"]
    table = extract_table([recording], entry["extractor"], n_mfcc=entry["parameters"]["n_mfcc"])
    vectors = table.drop(columns=["file", "start", "end", "error"]).to_numpy(np.float32)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    feeds = {"audio": vectors, "audio_present": np.ones(1, bool)}
    [probabilities] = session.run(None, {one.name: feeds[one.name] for one in session.get_inputs()})
    expected = [prediction.probabilities[name] for name in CLASSES]
    np.testing.assert_allclose(probabilities[0], expected, atol=1e-6)


def test_command_writes_the_onnx_file_of_a_checkpoint(run, tmp_path, capsys):
    folder, out = run.run / "checkpoints/line-seed0", tmp_path / "m.onnx"
    assert models_command.main(["onnx", str(folder), "--out", str(out)]) == 0
    assert "audio 20 -> neutral, anger, fear" in capsys.readouterr().out
    assert out.is_file()
    assert (tmp_path / "m.json").is_file()
    assert models_command.main(["onnx", str(tmp_path), "--out", str(out)]) == 2
    assert "model.json" in capsys.readouterr().err


def test_missing_package_is_said_in_the_card(run, tmp_path, monkeypatch):
    from mer.training.onnx import export

    monkeypatch.setattr(export, "PACKAGES", ("no_such_package",))
    [line] = models.write(tmp_path / "out", run)
    assert "There is no ONNX file: no_such_package is not installed" in line
    assert not (tmp_path / "out/line-seed0/model.onnx").exists()
