"""Checks before a run: packages, networks, weights, layers, devices and checkpoints that parameters name."""

import importlib.util
import json
import subprocess
import sys

import pytest
import yaml

from mer import files, preflight
from mer.features.audio import opensmile
from mer.params.schema import Params
from mer.preflight import faults, networks
from tests.features.pretrained import tiny
from tests.studies import call_run_all


def problems(steps=("01", "02", "03"), devices=(), connect=False, **sections):
    p = Params(name="x", corpora={"emodb": {}}, **sections)
    return preflight.problems(p, devices, set(steps), connect=connect)


def encoder(folder, **options):
    return {"audio": {"extractor": "encoder", "model": str(folder), **options}}


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network on this machine, and no access to the hub."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def without(monkeypatch):
    """A function that hides a package."""

    def hide(*packages):
        original = importlib.util.find_spec
        monkeypatch.setattr(faults, "find_spec", lambda name: None if name in packages else original(name))

    return hide


def test_complete_networks_have_no_problems(tmp_path):
    audio, text = tiny.sound(tmp_path / "audio"), tiny.text(tmp_path / "text")
    inputs = {**encoder(audio, layer=1), "text": {"extractor": "encoder", "model": str(text), "layer": "all"}}
    transcripts = {"recogniser": "whisper", "model": str(tiny.recogniser(tmp_path / "whisper"))}
    assert problems(features=inputs, transcripts=transcripts) == []


def test_one_list_names_every_parameter(tmp_path, offline):
    inputs = {
        **encoder(tmp_path / "gone"),
        "hub": {"modality": "audio", "extractor": "encoder", "model": "microsoft/wavlm-base", "revision": "abc"},
        "folder": {"modality": "text", "extractor": "encoder", "model": "models/roberta"},
        "video": {"extractor": "emo_affectnet", "weights": "models/face.pt"},
        "centre": {"modality": "video", "detector": "centerface", "detector_weights": "models/c.onnx"},
    }
    found = problems(
        features=inputs, transcripts={"recogniser": "whisper", "model": "openai/whisper-base"},
        training={"start_from": "outputs/gone"}, compute={"device": "cuda"},
    )  # fmt: skip
    messages = dict(problem.split(": ", 1) for problem in found)
    assert list(messages) == [
        "features.audio.model", "features.hub.model", "features.folder.model", "features.video.weights",
        "features.centre.detector_weights", "transcripts.model", "compute.device", "training.start_from",
    ]  # fmt: skip
    assert "gone does not exist" in messages["features.audio.model"]
    assert messages["features.hub.model"].endswith("hf download microsoft/wavlm-base --revision abc")
    assert "hf download" not in messages["features.folder.model"]  # there is no such repository
    assert messages["features.folder.model"].startswith("the folder models/roberta does not exist")
    assert "hf download ElenaRyumina/face_emotion_recognition" in messages["features.video.weights"]
    assert "--local-dir models" in messages["features.video.weights"]
    assert "model.json" in messages["training.start_from"]


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_incomplete_folder_names_the_file(missing, tmp_path):
    folder = tiny.sound(tmp_path / "model")
    (folder / missing).unlink()
    [problem] = problems(features=encoder(folder))
    assert problem.startswith("features.audio.model: ")
    assert missing in problem


def test_folder_without_weights_of_its_own_may_have_a_checkpoint(tmp_path):
    folder = tiny.sound(tmp_path / "model")
    (folder / "model.safetensors").rename(tmp_path / "other.safetensors")
    assert problems(features=encoder(folder, weights=str(tmp_path / "other.safetensors"))) == []
    [problem] = problems(features=encoder(folder, weights="models/gone.pth"))
    assert problem == "features.audio.weights: the file models/gone.pth does not exist"


@pytest.mark.parametrize(("layer", "exists"), [(0, True), (3, True), (-4, True), (4, False), (-5, False),
                                               ("projector", True), ("projektor", False)])  # fmt: skip
def test_layer_is_one_of_the_network(layer, exists, tmp_path):
    folder = tiny.sound(tmp_path / "model", head="ForSequenceClassification")
    found = problems(features=encoder(folder, layer=layer))
    assert [problem.partition(": ")[0] for problem in found] == ([] if exists else ["features.audio.layer"])


def test_blocks_of_whisper_are_those_of_its_encoder(tmp_path):
    folder = tiny.whisper(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    blocks = config["encoder_layers"]
    assert problems(features=encoder(folder, layer=blocks)) == []
    assert len(problems(features=encoder(folder, layer=blocks + 1))) == 1


def test_networks_of_the_hub_are_found_in_its_cache(tmp_path, offline):
    repository = tmp_path / "hub" / "models--owner--name"
    tiny.sound(repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert problems(features=encoder("owner/name")) == []
    assert problems(features=encoder("owner/name", revision="abc")) == []
    assert len(problems(features=encoder("owner/name", revision="v2"))) == 1
    (repository / "snapshots" / "abc" / "config.json").unlink()
    [problem] = problems(features=encoder("owner/name"))
    assert problem.endswith("hf download owner/name")


def test_cache_of_the_hub_is_where_huggingface_hub_has_it(tmp_path):
    program = """import importlib, os, sys
from huggingface_hub import constants
from mer.preflight import networks
before = dict(os.environ)
for name in ("", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
    os.environ.clear()
    os.environ.update(before | ({name: sys.argv[1]} if name else {}))
    importlib.reload(constants)  # which reads the variables
    assert constants.HF_HUB_CACHE == str(networks._hub_cache()), name
    print(constants.HF_HUB_CACHE)
"""
    environment = {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(files.ROOT)}
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "other")], env=environment, check=True,
                          capture_output=True, text=True)  # fmt: skip
    assert len(set(done.stdout.split())) == 4


def test_download_is_announced_and_the_hub_is_asked_before_a_run(tmp_path, offline, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    inputs = encoder("owner/name")
    [problem] = problems(features=inputs)
    assert "step 02 downloads it" in problem
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    [problem] = problems(features=inputs, connect=True)
    assert "the hub cannot be reached" in problem
    monkeypatch.setattr(networks, "hub_is_reachable", lambda: True)
    assert problems(features=inputs, connect=True) == []


@pytest.mark.parametrize(
    ("package", "extra", "sections"),
    [
        ("opensmile", "opensmile", {"features": {"audio": {"extractor": "egemaps"}}}),
        ("cv2", "video", {"features": {"video": {}}}),
        ("pocketsphinx", "asr", {"transcripts": {"recogniser": "pocketsphinx"}}),
    ],
)
def test_missing_package_names_its_extra(package, extra, sections, without):
    without(package)
    [problem] = problems(**sections)
    assert f'-e ".[{extra}]"' in problem


def test_devices():
    assert problems(compute={"device": "auto"}) == []
    assert problems(compute={"device": "cuda"})[0].startswith("compute.device: this machine has no CUDA device")
    assert problems(steps=("01", "09"), compute={"device": "cuda"}) == []


def test_only_requested_steps_are_checked(tmp_path):
    sections = {"features": encoder(tmp_path / "gone"), "training": {"start_from": "outputs/gone"}}
    assert len(problems(**sections)) == 2
    assert problems(steps=("01", "09"), **sections) == []
    assert [problem.partition(".")[0] for problem in problems(steps=("02",), **sections)] == ["features"]
    assert [problem.partition(".")[0] for problem in problems(steps=("03",), **sections)] == ["training"]


def test_extractors_of_opensmile_are_those_of_the_features():
    assert set(faults.OPENSMILE) == set(opensmile.SETS)


@pytest.fixture
def study(tmp_path):
    """A study whose encoder does not exist."""
    path = tmp_path / "lacking.yaml"
    content = {"name": "pytest-preflight", "corpora": ["ravdess"], "data": {"synthetic": {"speakers": 2, "clips": 1}}}
    content |= {"features": encoder("models/gone", layer=2), "systems": {"a": {"model": "ridge", "inputs": ["audio"]}}}
    path.write_text(yaml.safe_dump(content))
    return path


def test_run_ends_before_its_first_step_and_lists_warn(study):
    result = call_run_all(study)
    assert result.returncode == 2
    assert "1 problem, nothing was run" in result.stderr
    assert "features.audio.model: the folder models/gone does not exist" in result.stderr
    assert not (files.ROOT / "outputs" / "pytest-preflight").exists()
    for option in ("--list", "--explain"):
        result = call_run_all(study, option)
        assert result.returncode == 0
        assert "01 Build the dataset" in result.stdout
        assert "warning: features.audio.model: the folder models/gone does not exist" in result.stdout


def test_rows_of_an_ablation_need_their_own_networks_and_checkpoints(tmp_path, offline):
    rows = {
        "other": {"features.audio": {"extractor": "encoder", "model": str(tmp_path / "gone")}},
        "started": {"training.start_from": "outputs/gone"},
    }
    sections = {"ablations": {"rows": rows}, "systems": {"gated": {"model": "gated", "inputs": ["audio"]}}}
    found = dict(problem.split(": ", 1) for problem in problems(steps=("05",), **sections))
    assert list(found) == ["ablations.rows.other.features.audio.model", "ablations.rows.started.training.start_from"]
    assert problems(steps=("04",), **sections) == []
