"""Model folders that are made to exhaust memory, to lead onto the network or to deceive a reader."""

import json
import socket

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save

from mer import files
from mer.foreign import Malformed, load_json
from mer.params.schema import Training
from mer.params.systems import Network
from mer.predict.predictor import load
from mer.report.pages.markdown import escape_cell, markdown_table
from mer.training.checkpoints import binding, checkpoint
from mer.training.checkpoints.card import CheckpointError
from mer.training.networks.trained import Shape, TrainedNetwork, build_network
from mer.training.scaling.standardise import Standardiser
from tests.predict.conftest import CLASSES, save_linear


def rewritten(folder, change, tensors=None):
    """Change a card and seal it again, as anyone can."""
    written = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    change(written)
    tensors = load_file(folder / "model.safetensors") if tensors is None else tensors
    own = {name: value for name, value in written.items() if name not in binding.DEPENDENT_FIELDS}
    (folder / "model.safetensors").write_bytes(save(tensors, binding.field_digests(own)))
    own["tensors_sha256"] = files.digest_file(folder / "model.safetensors")
    files.write_json(folder / "model.json", binding.sealed(own))
    return folder


@pytest.fixture
def linear(tmp_path):
    return save_linear(tmp_path / "model", ("audio", "text"))


@pytest.fixture
def network(linear):
    """The folder of a small network instead of the linear model."""
    card = checkpoint.open_checkpoint(linear).card
    training = Training(hidden=4)
    shape = Shape("gated", card.widths, card.modalities, {}, len(CLASSES))
    moments = {name: (np.zeros(width), np.ones(width)) for name, width in card.widths.items()}
    model = TrainedNetwork(build_network(shape, training), Standardiser(moments), np.ones(3, bool), "cpu")

    def change(written):
        written["model"] = "gated"
        written["training"] = training.model_dump(mode="json")

    rewritten(linear, change, checkpoint.tensors_of(model))
    checkpoint.load(linear)
    return linear


def changed(**fields):
    def change(written):
        for path, value in fields.items():
            *parents, leaf = path.split("__")
            part = written
            for name in parents:
                part = part[name]
            part[leaf] = value

    return change


@pytest.mark.parametrize("hidden", [8, 10**6, 2**40])
def test_a_network_is_compared_before_it_takes_memory(network, hidden):
    """With hidden 10^6 it would take 4 TB."""
    rewritten(network, changed(training__hidden=hidden))
    with pytest.raises(CheckpointError, match=r"missing or of other shapes|not those that model.json describes"):
        checkpoint.load(network)


@pytest.mark.parametrize("name", Network.__args__)
@pytest.mark.parametrize("missing", ["zeros", "learned"])
def test_every_network_can_be_built_without_memory(name, missing):
    import torch

    inputs = {"audio": 6, "text": 8}
    shape = Shape(name, inputs, {"audio": "audio", "text": "text"}, {"audio": 3}, 3, {})
    training = Training(hidden=8, missing=missing)
    real = {k: tuple(v.shape) for k, v in build_network(shape, training).state_dict().items()}
    with torch.device("meta"):
        network = build_network(shape, training)
    assert {k: tuple(v.shape) for k, v in network.state_dict().items()} == real
    assert all(value.is_meta for value in network.state_dict().values())


def test_a_linear_model_whose_width_is_not_that_of_its_tensors_is_refused(linear):
    rewritten(linear, changed(widths__text=2**31))
    with pytest.raises(CheckpointError, match="its width is 2147483648"):
        load(linear)


def test_hashing_into_2_to_the_40_dimensions_is_refused(linear):
    rewritten(linear, changed(extraction__text__dimensions=2**40, features__text__width=2**40))
    with pytest.raises(CheckpointError, match="how its inputs are made"):
        load(linear)


def test_a_card_that_names_a_network_of_the_hub_is_not_obeyed(linear, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("connects"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    encoder = {"extractor": "encoder", "modality": "audio", "model": "nobody/evil-network"}
    rewritten(linear, changed(extraction__audio=encoder))
    with pytest.raises(CheckpointError, match="hf download nobody/evil-network"):
        load(linear)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100 + "1" + "}" * 100, "1e999", "NaN", "-Infinity", "9" * 5000, "{", '"\ud800"[']
)
def test_json_beyond_the_limits_is_malformed(text):
    with pytest.raises(Malformed):
        load_json(text)


@pytest.mark.parametrize("value", ["[" * 50_000, '{"a":' * 500 + "1" + "}" * 500, "1e999"])
def test_a_card_beyond_the_limits_is_one_message(linear, value):
    path = linear / "model.json"
    text = path.read_text(encoding="utf-8").rstrip().removesuffix("}")
    path.write_text(f'{text}, "git": {{"x": {value}}}}}', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"model\.json: not readable as JSON") as caught:
        checkpoint.load(linear)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [("![x](http://evil.example/x.png)", "]("), ("[click](javascript:alert(1))", "]("), ("[a]: http://x", "]:"),
     ("[x][a]", "]["), ("see http://evil.example", "://"), ("www.evil.example", "www."), ("<img src=x>", "<"),
     ("a|b", " a|b")],
)  # fmt: skip
def test_foreign_text_on_a_page_of_markdown_is_only_text(text, forbidden):
    shown = escape_cell(text)
    assert forbidden not in shown.replace("\\]", "").replace("\\|", "")
    assert forbidden not in markdown_table(["a"], [[text]]).replace("\\]", "").replace("\\|", "").replace("| a |", "")
    assert escape_cell("[0.41, 0.63] (4)") == "[0.41, 0.63] (4)"


def test_files_of_tensors_have_the_permissions_of_other_files(linear, tmp_path):
    from mer.training.cache.arrays import read_arrays, write_arrays

    write_arrays(tmp_path / "a.safetensors", "runs", {"x": np.arange(3)}, {})
    assert read_arrays(tmp_path / "a.safetensors", "runs")[0]["x"].tolist() == [0, 1, 2]
    files.write_text(tmp_path / "a.txt", "")
    modes = {path.stat().st_mode for path in (tmp_path / "a.txt", tmp_path / "a.safetensors", *linear.iterdir())}
    assert len(modes) == 1, modes


def test_spreadsheets_run_nothing_of_a_table(tmp_path):
    from mer import csv_tables

    table = pd.DataFrame({"=file": ["=cmd|' /C calc'!A0", "-1.5", "+49 30", None], "n": [-1.0, 2.0, np.nan, 3.0],
                          "text": ["@SUM(1)", "\t=1", "fine", "-"]})  # fmt: skip
    csv_tables.write(tmp_path / "a.csv", table)
    read = pd.read_csv(tmp_path / "a.csv", dtype=str, keep_default_na=False)
    assert list(read) == ["'=file", "n", "text"]
    assert read["'=file"].tolist() == ["'=cmd|' /C calc'!A0", "-1.5", "'+49 30", ""]
    assert read["n"].tolist() == ["-1.0", "2.0", "", "3.0"]
    assert read["text"].tolist() == ["'@SUM(1)", "'\t=1", "fine", "'-"]
    plain = pd.DataFrame({"a": ["x", None], "b": [1, 2], "c": [True, False], "d": [0.1, np.nan]})
    csv_tables.write(tmp_path / "b.csv", plain)
    assert (tmp_path / "b.csv").read_text() == plain.to_csv(index=False)


def test_predictions_of_hostile_names_are_inert(tmp_path):
    from mer.predict.outputs.output_tables import row
    from mer.predict.outputs.prediction import Prediction

    written = row(Prediction("=1+2.wav", text="=HYPERLINK(0)", error="@x", warnings=("+a",)), CLASSES, ["audio"])
    assert written["path"] == "./=1+2.wav"
    assert [written[name] for name in ("text", "error", "warning")] == ["'=HYPERLINK(0)", "'@x", "'+a"]
