"""A checkpoint is asked about rows of any study, and the run that it belongs to stays as it is."""

import json
import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml

from mer import files
from mer.corpora import synthetic
from mer.evaluation import checkpoints
from mer.evaluation.__main__ import main
from tests.studies import run_cells

mpl.use("Agg")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Two run folders: one with checkpoints of emodb and ravdess, one with the features of three corpora."""
    home = tmp_path_factory.mktemp("studies")
    synthetic.write(home / "raw", speakers=4, clips=1)
    tree = {
        "data": {"raw": str(home / "raw"), "store": str(home / "store")},
        "features": {"acoustic": {"n_mfcc": 13}, "linguistic": {"dimensions": 32}},
        "systems": {"gated": {"model": "gated"}, "logistic": {"model": "logistic", "modalities": ["audio"]}},
        "training": {"epochs": 2, "hidden": 4},
        "evaluation": {"seeds": [0], "min_clips": 20},
    }
    for name, corpora, steps in (
        ("two", ["emodb", "ravdess"], "01,02,03"),
        ("three", ["emodb", "esd", "meld"], "01,02"),
    ):
        path = home / f"{name}.yaml"
        path.write_text(yaml.safe_dump(tree | {"corpora": corpora}), encoding="utf-8")
        run_cells(path, home / name, steps)
        shutil.copy(path, home / name / "params.yaml")
        (home / name / "stamps").mkdir()
    plt.close("all")
    return home


def content(folder):
    return {str(p): files.digest_file(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def ask(studies, *arguments, model="logistic-seed0"):
    return main([str(studies / "two/checkpoints" / model), *map(str, arguments)])


def test_by_default_the_test_part_of_its_own_study(studies, tmp_path, capsys):
    before = content(studies / "two")
    assert ask(studies, "--out", tmp_path / "out", model="gated-seed0") == 0
    assert content(studies / "two") == before
    asked = pd.read_parquet(tmp_path / "out/predictions.parquet")
    manifest = pd.read_parquet(studies / "two/data/manifest.parquet")
    wanted = manifest[manifest["exclude_reason"].isna() & (manifest["split"] == "test")]
    assert set(asked["utterance_id"]) == set(wanted["utterance_id"])
    assert "emodb: the model was trained on other parts of it" in capsys.readouterr().out
    known = pd.read_parquet(studies / "two/tables/parts/03_predictions.parquet")
    known = known[known["system"] == "gated"].set_index("utterance_id")["p_anger"]
    pd.testing.assert_series_equal(asked.set_index("utterance_id")["p_anger"].loc[known.index], known)


def test_another_study_all_of_what_is_new_and_the_test_part_of_what_is_not(studies, tmp_path):
    assert ask(studies, "--on", studies / "three", "--out", tmp_path / "out") == 0
    asked = pd.read_parquet(tmp_path / "out/predictions.parquet")
    manifest = pd.read_parquet(studies / "three/data/manifest.parquet").set_index("utterance_id")
    counts = asked["test_corpus"].value_counts()
    assert counts["esd"] == (manifest["corpus"] == "esd").sum()
    assert set(manifest.loc[asked.loc[asked["test_corpus"] == "emodb", "utterance_id"], "split"]) == {"test"}


def test_the_order_of_labels_is_the_studys_whatever_the_models(studies, tmp_path):
    assert ask(studies, "--out", tmp_path / "as_is") == 0
    turned = shutil.copytree(studies / "two/checkpoints/logistic-seed0", tmp_path / "turned")
    card = json.loads((turned / "model.json").read_text(encoding="utf-8"))
    from safetensors.numpy import load_file, save_file

    tensors = load_file(turned / "model.safetensors")
    for name in ("weights", "bias"):
        tensors[name] = tensors[name][::-1].copy()
    save_file(tensors, turned / "model.safetensors")
    digest = files.digest_file(turned / "model.safetensors")
    files.write_json(turned / "model.json", card | {"classes": card["classes"][::-1], "tensors_sha256": digest})
    assert main([str(turned), "--on", str(studies / "two"), "--out", str(tmp_path / "out")]) == 0
    first, second = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("as_is", "out"))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--corpora", "iemocap"], "iemocap is not in this study, which has emodb, ravdess"),
        (["--on", "nowhere"], "params.yaml is not there"),
        (["--out", "{two}/tables"], "lies inside of the run"),
    ],
)
def test_what_cannot_be_asked(studies, capsys, arguments, told):
    before = content(studies)
    assert ask(studies, *(a.format(two=studies / "two") for a in arguments)) == 2
    assert told in capsys.readouterr().err
    assert content(studies) == before


def test_other_classes_or_features_are_named(studies):
    study = checkpoints.open_study(studies / "two")
    folder = studies / "two/checkpoints/gated-seed0"
    from dataclasses import replace

    with pytest.raises(checkpoints.Mismatch, match="the model answers neutral"):
        checkpoints.evaluate(folder, replace(study, classes=("neutral", "anger")))
    other = {**study.specs, "audio": study.specs["audio"] | {"n_mfcc": 14}}
    with pytest.raises(checkpoints.Mismatch, match=r"audio: the model was trained on n_mfcc = 13.* have 14"):
        checkpoints.evaluate(folder, replace(study, specs=other))
    with pytest.raises(checkpoints.Mismatch, match="text: the model needs it"):
        checkpoints.evaluate(folder, replace(study, specs={"audio": study.specs["audio"]}))


def test_no_checkpoint(studies, tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "there is no model.json" in capsys.readouterr().err
