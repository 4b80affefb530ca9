"""Notebook 07 on complete studies, and on studies that lack what it compares."""

import shutil

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml

from mer.corpora.synthetic import trees
from mer.evaluation.comparison import comparison, sensitivity
from mer.params.schema import Synthetic
from mer.report.figures import comparisons, published, ranking
from tests.studies import run_cells

mpl.use("Agg")
TABLES = ("comparison", "ranks", "recalls", "metric_sensitivity", "split_inflation", "slices", "slice_gaps")
TABLES += ("published",)
LINEAR = {"model": "logistic", "inputs": ["audio"]}
QUICK = {
    "features": {"audio": {"n_mfcc": 13}, "text": {"dimensions": 32}},
    "systems": {"gated": {"model": "gated"}, "logistic": LINEAR},
    "training": {"epochs": 1, "hidden": 4, "inverse_regularisation": [0.01]},
    "evaluation": {"seeds": [0], "min_clips": 20, "protocols": ["in_corpus", "loco"]},
}


CORPORA = ["emodb", "meld"]


def study(folder, raw, **sections):
    tree = QUICK | {"corpora": CORPORA, "data": {"raw": str(raw), "store": str(raw.parent / "store")}} | sections
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Raw folder, and a run folder after steps 01 and 02, which do not depend on systems and protocols."""
    folder = tmp_path_factory.mktemp("built")
    trees.write(folder / "raw", Synthetic(speakers=4, clips=2))
    run_cells(study(folder, folder / "raw"), folder / "run", "01,02")
    plt.close("all")
    return folder / "raw", folder / "run"


@pytest.fixture
def compare(built, tmp_path, monkeypatch):
    """Run a study up to step 07; return its tables, and the sentences that replaced figures."""
    raw, done = built
    shutil.copytree(done, tmp_path / "run")
    drawn, draw = [], comparisons.empty_figure
    for module in (comparisons, published, ranking):
        monkeypatch.setattr(
            module, "empty_figure", lambda text, *size, **more: drawn.append(text) or draw(text, *size, **more)
        )

    def run(steps="04,07", **sections):
        try:
            run_cells(study(tmp_path, raw, **sections), tmp_path / "run", steps)
        finally:
            plt.close("all")
        return {name: pd.read_csv(tmp_path / "run" / "tables" / f"{name}.csv") for name in TABLES}, drawn

    return run


def kinds(*protocols):
    return {"evaluation": QUICK["evaluation"] | {"protocols": list(protocols)}}


def test_complete_study_has_every_comparison(compare, tmp_path):
    tables, drawn = compare()
    assert set(tables["comparison"]["test_corpus"]) == {*CORPORA, comparison.MEAN}
    assert set(tables["comparison"]["system"]) == {"logistic"}
    assert set(tables["comparison"]["reference"]) == {"gated"}
    assert tables["ranks"]["first"].sum() == pytest.approx(1)
    assert set(tables["ranks"]["system"]) == {"gated", "logistic"}  # and not what is chosen of the two
    assert set(tables["metric_sensitivity"]["protocol"]) == {"in_corpus", "loco"}  # nothing of the random split
    splits = tables["split_inflation"]
    assert set(splits["system"]) == {"gated", "logistic"}
    assert set(splits["split"]) | set(splits["than"]) == set(sensitivity.SPLIT_NAMES.values())
    assert splits["points"].notna().all()
    assert set(tables["slices"]["system"]) == {"gated"}
    assert any("A rank diagram needs at least" in message for message in drawn)
    assert not any("held out" in message and "diagram" not in message for message in drawn)
    near = tables["published"][tables["published"]["table"] == "paper, MELD"]
    assert (
        near["reason"].str.fullmatch(r"other clips: 2,610; MER: \d+").all()
    )  # the split is ours, and few of its clips
    predicted = pd.read_parquet(tmp_path / "run" / "tables" / "steps" / "04_predictions.parquet")
    held = predicted[(predicted["protocol"] == "loco") & (predicted["system"] == "logistic")]
    hits = (held["emotion"] == held["free"]).groupby([held["test_corpus"], held["emotion"]]).mean()
    mine = tables["recalls"][tables["recalls"]["system"] == "logistic"].set_index(["test_corpus", "emotion"])["recall"]
    assert len(mine) == len(hits)
    assert np.allclose(mine, hits.reindex(mine.index))


def test_single_system_has_no_comparison(compare):
    tables, drawn = compare(systems={"logistic": LINEAR})
    assert any("logistic is the only system" in message for message in drawn)
    assert tables["comparison"].empty
    assert tables["ranks"]["system"].tolist() == ["logistic"]
    assert set(tables["split_inflation"]["system"]) == {"logistic"}


@pytest.mark.parametrize("protocol", ["in_corpus", "cross_corpus"])
def test_sentences_replace_figures_without_a_held_out_corpus(compare, protocol):
    check_without_held_out(*compare(**kinds(protocol), systems={"logistic": LINEAR}), {protocol})


def test_transductive_reference_is_marked_and_has_no_published_comparison(compare):
    training = QUICK["training"] | {"normalisation": "speaker"}
    tables, _ = compare(systems={"logistic": LINEAR | {"training": training}, "ridge": LINEAR | {"model": "ridge"}})
    assert set(tables["comparison"]["reference"]) == {"logistic"}
    assert tables["comparison"]["reference_transductive"].all()
    assert set(tables["comparison"]["system"]) == {"ridge"}
    assert not tables["comparison"]["transductive"].any()
    assert set(tables["split_inflation"]["system"]) == {"logistic"}
    assert tables["split_inflation"]["transductive"].all()
    near = tables["published"]["test_corpus"].isin(CORPORA)
    assert tables["published"].loc[near, "reason"].str.startswith("MER used unlabelled data of the test corpus").all()


def test_single_family_cannot_be_held_out(compare):
    check_without_held_out(*compare("01,02,04,07", corpora=["emodb"], **kinds("in_corpus", "loco")), {"in_corpus"})


def check_without_held_out(tables, drawn, protocols):
    assert any("no predictions of loco" in message for message in drawn)
    assert any("No corpus has been held out" in message for message in drawn)
    assert all(tables[name].empty for name in ("comparison", "ranks", "recalls", "slices", "slice_gaps"))
    assert set(tables["metric_sensitivity"]["protocol"]) == protocols
    known = tables["split_inflation"]["points"].notna()
    assert known.any() == ("in_corpus" in protocols)
    assert tables["split_inflation"].loc[~known, "verdict"].str.startswith("not trained with").all()


def test_reference_without_its_inputs_elsewhere_is_reported(compare):
    words = {"model": "logistic", "inputs": ["text"]}  # only one of the two corpora has words of its own
    tables, drawn = compare(systems={"words": words, "logistic": LINEAR})
    assert any("words has no predictions of loco" in message for message in drawn)
    assert tables["ranks"]["system"].tolist() == ["logistic"]
    assert set(tables["split_inflation"].loc[tables["split_inflation"]["system"] == "words", "test_corpus"]) == {"meld"}
