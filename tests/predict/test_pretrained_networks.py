"""Models whose inputs come from pretrained networks, and transcripts of Whisper: tiny networks with random weights."""

import csv
import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml

from mer.corpora.synthetic import trees
from mer.params.schema import Synthetic
from mer.predict import PredictionSettings, load
from mer.predict.__main__ import main
from mer.training.checkpoints.checkpoint import CheckpointError
from tests.features.pretrained import tiny
from tests.studies import run_cells

mpl.use("Agg")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return a study whose pretrained networks were moved after training, as on another machine."""
    home = tmp_path_factory.mktemp("encoders")
    trees.write(home / "raw", Synthetic(speakers=4, clips=1))
    before, after = home / "before", home / "after"
    tree = {
        "data": {"raw": str(home / "raw"), "store": str(home / "store")},
        "corpora": ["emodb"],
        "features": {
            "audio": {"extractor": "encoder", "model": str(tiny.sound(before / "sound")), "layer": "all"},
            "text": {"extractor": "encoder", "model": str(tiny.text(before / "text")), "max_tokens": 60,
                           "lexical_control": ["parallel"]},
        },
        "systems": {"gated": {"model": "gated"}},
        "training": {"epochs": 2, "hidden": 4},
        "evaluation": {"seeds": [0], "min_clips": 20},
    }  # fmt: skip
    (home / "small.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    run_cells(home / "small.yaml", home / "run", "01,02,03")
    plt.close("all")
    before.rename(after)
    tiny.recogniser(home / "whisper")
    return home


@pytest.fixture(scope="module")
def networks(study):
    return {"audio": str(study / "after/sound"), "text": str(study / "after/text")}


def recording(study):
    """Return a row of the study's predictions, the path of its recording and its transcript."""
    rows = pd.read_parquet(study / "run/tables/steps/03_predictions.parquet")
    manifest = pd.read_parquet(study / "run/data/manifest.parquet").set_index("utterance_id")
    utterance = manifest.loc[rows.iloc[0]["utterance_id"]]
    return rows.iloc[0], study / "raw" / utterance["source_path"], utterance["transcription"]


def test_moved_network_gives_the_predictions_of_the_study(study, networks):
    row, path, text = recording(study)
    model = load(study / "run/checkpoints/gated-seed0", settings=PredictionSettings(voice="energy"), networks=networks)
    [prediction] = model(path, text)
    assert prediction.inputs == ("audio", "text")
    for name, p in prediction.probabilities.items():
        assert p == pytest.approx(row[f"p_{name}"], abs=1e-5)


def test_missing_or_different_network_is_refused(study, networks, tmp_path):
    folder = study / "run/checkpoints/gated-seed0"
    with pytest.raises(FileNotFoundError, match="sound"):
        load(folder)
    other = tiny.sound(tmp_path / "other", kind="hubert")
    with pytest.raises(CheckpointError, match="audio was extracted with"):
        load(folder, networks={**networks, "audio": str(other)})
    with pytest.raises(CheckpointError, match="--network video="):
        load(folder, networks={**networks, "video": str(other)})


def test_transcripts_of_whisper_are_used(study, networks, tmp_path, capsys):
    _, path, _ = recording(study)
    shutil.copy(path, tmp_path / path.name)
    arguments = [str(tmp_path / path.name), "--model", str(study / "run/checkpoints/gated-seed0"), "--voice", "energy",
             *(f"--network={m}={place}" for m, place in networks.items()), "--out", str(tmp_path / "o.csv"),
             "--transcribe", "whisper", "--force"]  # fmt: skip
    assert main([*arguments, "--whisper", str(study / "whisper")]) == 0
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["text"]
    assert row["text_source"] == f"whisper {study / 'whisper'}"
    assert row["modalities"] == "audio+text"
    assert row["language"] == ""
    assert "valid only if English was spoken" in capsys.readouterr().out
    for more, message in ([], "needs --whisper"), (["--whisper", str(tmp_path / "none")], "none"):
        assert main([*arguments, *more]) == 2
        assert message in capsys.readouterr().err
