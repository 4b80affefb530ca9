"""A finished run as tables and models."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml

import mer
from mer import corpora, files
from mer.corpora.synthetic import trees
from mer.dataset.manifest import schema
from mer.params.output_check import OutputChanged
from mer.params.schema import Synthetic
from mer.report.export import models
from tests.studies import run_cells


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The run folder of a study of two corpora whose steps 01 to 03 have run."""
    home = tmp_path_factory.mktemp("runs")
    trees.write(home / "raw", Synthetic(speakers=4, clips=1))
    tree = {
        "data": {"raw": str(home / "raw"), "store": str(home / "store")},
        "corpora": ["emodb", "meld"],
        "features": {"audio": {"n_mfcc": 5}, "text": {"dimensions": 16}},
        "systems": {"logistic": {"model": "logistic", "inputs": ["audio"]}},
        "evaluation": {"seeds": [0], "min_clips": 20},
    }
    path = home / "small.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    run_cells(path, home / "small", "01,02,03")
    (home / "small/params.yaml").write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    plt.close("all")
    return home / "small"


def test_tables_are_those_of_the_run(folder):
    run = mer.load_run(folder)
    assert repr(run).endswith("emodb, meld)")
    assert set(run.manifest["corpus"]) == {"emodb", "meld"}
    assert set(run.results["system"]) == {"logistic"}
    assert set(run.predictions["utterance_id"]) <= set(run.manifest["utterance_id"])
    assert isinstance(run.table("leaks"), pd.DataFrame)
    with pytest.raises(ValueError, match="did you mean 'leaks'"):
        run.table("leak")


def test_models_are_exported_and_compared_on_all_recordings(folder, tmp_path):
    pytest.importorskip("onnxruntime")
    run = mer.load_run(folder)
    finished = models.FinishedModels(folder, run.params, run.manifest, run.results, corpora.of_study(run.params))
    [line] = models.write(tmp_path, finished)
    usable = schema.usable(run.manifest)["audio_sha256"].notna().sum()
    assert f"In {usable} predictions from utterances of the study, probabilities differ by at most" in line
    assert line.endswith("the most probable class differs in 0.")


def test_features_have_a_row_per_usable_utterance(folder):
    run = mer.load_run(folder)
    usable = schema.usable(run.manifest)
    audio, text = run.features("audio"), run.features("text")
    assert list(audio.index) == list(text.index) == usable["utterance_id"].tolist()
    assert list(audio.columns)[:2] == ["cepstrum 0 mean", "cepstrum 1 mean"]
    assert audio.notna().all().all()
    read = usable["corpus"].eq("emodb").to_numpy()  # read sentences are masked
    assert text[read].isna().all().all()
    assert text[~read].notna().any().any()
    with pytest.raises(ValueError, match=r"'audoi' is no input of this study \(did you mean 'audio'\?\)"):
        run.features("audoi")


def test_models_predict(folder):
    run = mer.load_run(folder)
    assert list(run.models) == ["logistic-seed0"]
    row = schema.usable(run.manifest).query("corpus == 'emodb'").iloc[0]
    [prediction] = run.models["logistic-seed0"](folder.parent / "raw" / row["source_path"])
    assert prediction.error is None or prediction.error.startswith("audio: no speech")
    with pytest.raises(KeyError, match="logistic-seed0"):
        _ = run.models["logistic"]


def test_scores_are_computed_again_from_the_predictions(folder):
    run = mer.load_run(folder)
    again = mer.score(
        run.predictions, classes=[name.removeprefix("p_") for name in run.predictions if name[:2] == "p_"]
    )
    keys = ["system", "protocol", "answers", "train_corpora", "test_corpus", "metric"]
    own = run.results[run.results["seed"].isna() & ~run.results["test_corpus"].isin(["TestA", "TestB"])]
    both = own.merge(again.results[again.results["seed"].isna()], on=keys, suffixes=("", "_again"))
    assert len(both) == len(own)
    for name in ("value", "low", "high", "chance"):
        np.testing.assert_allclose(both[name].astype(float), both[f"{name}_again"].astype(float))


def test_folders_without_a_run_and_changed_files_are_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="is no run folder"):
        mer.load_run(tmp_path)
    (tmp_path / "params.yaml").write_text((folder / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="--steps 01"):
        _ = mer.load_run(tmp_path).manifest
    assert list(mer.load_run(tmp_path).models) == []
    (tmp_path / "data").mkdir()
    (tmp_path / "stamps").mkdir()
    (tmp_path / "data/manifest.parquet").write_bytes((folder / "data/manifest.parquet").read_bytes())
    (tmp_path / "stamps/01_build_dataset.json").write_text(
        '{"state": "done", "outputs": {"data/manifest.parquet": "other"}}', encoding="utf-8"
    )
    with pytest.raises(OutputChanged):
        _ = mer.load_run(tmp_path).manifest


def test_map_shows_every_step_with_its_state_and_links(folder):
    steps = mer.study_map(folder)
    assert steps.table["number"].tolist() == [f"{n:02d}" for n in range(1, 10)]
    assert set(steps.table["state"]) == {"not run"}  # cells were run, not steps
    files.write_json(folder / "run.json", {"title": "<b>", "state": "done", "command": "python run_all.py", "steps": [
        {"number": "01", "state": "done", "seconds": 90}]})  # fmt: skip
    (folder / "01_build_dataset.html").write_text("x")
    steps = mer.study_map(folder)
    first = steps.table.iloc[0]
    assert (first["state"], first["minutes"]) == ("done", 1.5)
    page = steps._repr_html_()
    assert "&lt;b&gt;" in page
    assert page.count(">page</a>") == 1
    assert page.count(">notebook</a>") == 9
    assert set(steps.table["question"]) - {""}
    (folder / "run.json").write_text("[")
    assert mer.study_map(folder).run == {}


def test_map_of_a_study_that_never_ran_says_how_to_run_it(tmp_path):
    page = mer.study_map(tmp_path / "nothing")._repr_html_()
    assert "python run_all.py" in page
    assert "not run" in page


def test_runs_and_models_show_themselves(folder):
    run = mer.load_run(folder)
    assert "04 Cross-corpus evaluation" in run._repr_html_()
    page = run.models._repr_html_()
    assert "logistic-seed0" in page
    assert "<td>emodb, meld</td>" in page
