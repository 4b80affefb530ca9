"""A study's model gives the study's predictions outside of it, and in notebook 08."""

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
from tests.studies import run_cells

mpl.use("Agg")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    trees.write(home / "raw", Synthetic(speakers=4, clips=1))
    tree = {
        "data": {"raw": str(home / "raw"), "store": str(home / "store")},
        "corpora": ["emodb", "ravdess"],
        "features": {"audio": {"n_mfcc": 13}, "text": {"dimensions": 32}},
        "systems": {
            "gated": {"model": "gated"},
            "svm": {"model": "svm_rbf", "inputs": ["audio"]},
            "late": {"model": "ensemble", "members": ["svm", "gated"]},
        },
        "training": {"epochs": 2, "hidden": 4},
        "evaluation": {"seeds": [0], "min_clips": 20},
        "predict": {"files": str(home / "raw/emodb"), "voice": "energy"},
    }
    (home / "small.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    run_cells(home / "small.yaml", home / "run", "01,02,03,08")
    plt.close("all")
    return home


@pytest.mark.parametrize("system", ["gated", "svm", "late"])
def test_copied_checkpoint_gives_the_predictions_of_the_study(study, tmp_path, system):
    moved = shutil.copytree(study / f"run/checkpoints/{system}-seed0", tmp_path / "model")
    rows = pd.read_parquet(study / "run/tables/steps/03_predictions.parquet").query("system == @system")
    manifest = pd.read_parquet(study / "run/data/manifest.parquet").set_index("utterance_id")
    predictor = load(moved, settings=PredictionSettings(voice="energy"))
    for row in rows.groupby("test_corpus").head(2).itertuples():
        [prediction] = predictor(study / "raw" / manifest.loc[row.utterance_id, "source_path"])
        for name, p in prediction.probabilities.items():
            assert p == pytest.approx(getattr(row, f"p_{name}"), abs=1e-5)


def test_model_card_has_results_and_limitations(study):
    text = (study / "run/checkpoints/svm-seed0/README.md").read_text(encoding="utf-8")
    results = pd.read_parquet(study / "run/tables/steps/03_results.parquet")
    keep = (results["system"] == "svm") & (results["metric"] == "UAR") & (results["answers"] == "free")
    [uar] = results[keep & results["seed"].isna() & (results["test_corpus"] == "emodb")]["value"]
    assert f"| {f'{uar:.3f}'.removeprefix('0')} |" in text.partition("## Results")[2].partition("## ")[0]
    for part in ("## Intended use", "## Limitations", "CC BY-NC-SA 4.0", "Burkhardt", "2024/1689"):
        assert part in text


def test_ensemble_predicts_with_the_members_that_have_their_inputs(study, tmp_path, capsys):
    folder, recording = study / "run/checkpoints/late-seed0", min((study / "raw/emodb").rglob("*.wav"))
    energy, of_text = PredictionSettings(voice="energy"), PredictionSettings(voice="energy", inputs=("text",))
    [both] = load(folder, settings=energy)(recording, "What do you want?")
    assert (both.inputs, set(both.per_input)) == (("audio", "text"), {"audio", "text"})
    [alone] = load(folder, settings=of_text)(recording, "What do you want?")
    [gated] = load(study / "run/checkpoints/gated-seed0", settings=of_text)(recording, "What do you want?")
    assert alone.probabilities == pytest.approx(gated.probabilities) == both.per_input["text"]
    out = ["--out", str(tmp_path / "p.csv"), "--html", "--voice", "energy", "--inputs", "text"]
    assert main([str(recording), "--text", "no", "--model", str(folder), *out]) == 0
    assert "members of the ensemble that need other inputs, too, predict nothing: svm-seed0" in capsys.readouterr().out
    assert "late-seed0" in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_model_card_of_an_ensemble_names_its_members(study):
    text = (study / "run/checkpoints/late-seed0/README.md").read_text(encoding="utf-8")
    assert "An ensemble of svm-seed0 (" in text
    assert "(temperatures " in text


def test_notebook_predicts_every_recording_of_a_folder(study):
    rows = pd.read_csv(study / "run/predictions/predictions.csv")
    recordings = [p for p in (study / "raw/emodb").rglob("*") if p.suffix in (".wav", ".flac")]
    assert len(rows) == len(recordings)
    assert rows["error"].isna().all()
    assert (study / "run/predictions/predictions.html").read_text(encoding="utf-8").count("<section>") == len(rows)
