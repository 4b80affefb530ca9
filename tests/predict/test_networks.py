"""Models whose inputs come from pretrained networks, and words that a network hears: tiny ones with random weights."""

import csv
import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml

from mer.corpora.synthetic import trees
from mer.predict import Settings, load
from mer.predict.__main__ import main
from mer.training.checkpoints.checkpoint import CheckpointError
from tests.features.pretrained import tiny
from tests.studies import run_cells

mpl.use("Agg")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study that is trained with networks which then lie elsewhere, as on another machine."""
    home = tmp_path_factory.mktemp("encoders")
    trees.write(home / "raw", speakers=4, clips=1)
    then, now = home / "then", home / "now"
    tree = {
        "data": {"raw": str(home / "raw"), "store": str(home / "store")},
        "corpora": ["emodb"],
        "features": {
            "audio": {"extractor": "encoder", "model": str(tiny.sound(then / "sound")), "layer": "all"},
            "text": {"extractor": "encoder", "model": str(tiny.text(then / "text")), "max_tokens": 60,
                           "lexical_control": ["parallel"]},
        },
        "systems": {"gated": {"model": "gated"}},
        "training": {"epochs": 2, "hidden": 4},
        "evaluation": {"seeds": [0], "min_clips": 20},
    }  # fmt: skip
    (home / "small.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    run_cells(home / "small.yaml", home / "run", "01,02,03")
    plt.close("all")
    then.rename(now)
    tiny.recogniser(home / "whisper")
    return home


@pytest.fixture(scope="module")
def networks(study):
    return {"audio": str(study / "now/sound"), "text": str(study / "now/text")}


def recording(study):
    """A row of the study's predictions, where its recording lies and what is said in it."""
    rows = pd.read_parquet(study / "run/tables/parts/03_predictions.parquet")
    manifest = pd.read_parquet(study / "run/data/manifest.parquet").set_index("utterance_id")
    told = manifest.loc[rows.iloc[0]["utterance_id"]]
    return rows.iloc[0], study / "raw" / told["source_path"], told["transcription"]


def test_a_network_that_lies_elsewhere_is_named_and_answers_as_it_did(study, networks):
    known, path, said = recording(study)
    model = load(study / "run/checkpoints/gated-seed0", settings=Settings(voice="energy"), networks=networks)
    [answer] = model(path, said)
    assert answer.used == ("audio", "text")
    for name, p in answer.probabilities.items():
        assert p == pytest.approx(known[f"p_{name}"], abs=1e-5)


def test_a_network_that_is_missing_or_another_one_is_said(study, networks, tmp_path):
    folder = study / "run/checkpoints/gated-seed0"
    with pytest.raises(FileNotFoundError, match="sound"):
        load(folder)
    other = tiny.sound(tmp_path / "other", kind="hubert")
    with pytest.raises(CheckpointError, match="audio was extracted with"):
        load(folder, networks={**networks, "audio": str(other)})
    with pytest.raises(CheckpointError, match="--network video="):
        load(folder, networks={**networks, "video": str(other)})


def test_words_that_whisper_hears_are_answered_from(study, networks, tmp_path, capsys):
    _, path, _ = recording(study)
    shutil.copy(path, tmp_path / path.name)
    given = [str(tmp_path / path.name), "--model", str(study / "run/checkpoints/gated-seed0"), "--voice", "energy",
             *(f"--network={m}={place}" for m, place in networks.items()), "--out", str(tmp_path / "o.csv"),
             "--transcribe", "whisper"]  # fmt: skip
    assert main([*given, "--whisper", str(study / "whisper")]) == 0
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["text"]
    assert row["text_source"] == f"whisper {study / 'whisper'}"
    assert row["modalities"] == "audio+text"
    capsys.readouterr()
    for more, told in ([], "needs --whisper"), (["--whisper", str(tmp_path / "none")], "none"):
        assert main([*given, *more]) == 2
        assert told in capsys.readouterr().err
