"""Notebook 05 on small synthetic corpora: rows are what studies with their parameters would be."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml

from mer import stats
from mer.corpora.synthetic import trees
from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.scores import scores
from mer.params.schema import Synthetic
from mer.training import grid
from tests.studies import run_cells

mpl.use("Agg")
CORPORA = ["cremad", "emodb", "ravdess"]
STUDY = {
    "corpora": CORPORA,
    "features": {"audio": {"n_mfcc": 13}, "text": {"dimensions": 32, "lexical_control": ["free", "parallel"]}},
    "systems": {
        "gated": {"model": "gated", "inputs": ["audio", "text"]},
        "logistic": {"model": "logistic", "inputs": ["audio"]},
    },
    "training": {"epochs": 2, "hidden": 4, "inverse_regularisation": [0.01]},
    "evaluation": {"seeds": [0, 1], "min_clips": 20, "protocols": ["loco", "in_corpus"]},
}
ROWS = {
    "zero_text": {"zero": ["text"]},
    "shuffled_audio": {"shuffle": ["audio"]},
    "no_text": {"inputs": ["audio"]},
    "softmax": {"training.gate": "softmax"},
    "wide": {"reference": "logistic", "features.audio.n_mfcc": 20},
    "four": {"reference": "logistic", "labels.policy": "primary4"},
    "without_emodb": {"reference": "logistic", "without": ["emodb"]},
    "ridge": {"reference": "logistic", "model": "ridge"},
}
KEYS = ["protocol", "train_corpora", "test_corpus", "fold", "seed", "utterance_id"]


def write(folder, rows, **sections):
    data = {"raw": str(folder / "raw"), "store": str(folder / "store")}
    tree = STUDY | {"data": data, "ablations": {"rows": rows}} | sections
    (folder / "study.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return folder / "study.yaml"


def run(folder, name, steps, rows, **sections):
    try:
        run_cells(write(folder, rows, **sections), folder / name, steps)
    finally:
        plt.close("all")
    return folder / name


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablations")
    trees.write(folder / "raw", Synthetic(speakers=4, clips=2))
    run(folder, "run", "01,02,05", ROWS)
    return folder


@pytest.fixture(scope="module")
def table(finished):
    return pd.read_csv(finished / "run/tables/ablations.csv", keep_default_na=False, na_values=[""])


def predictions(finished, row, run_folder="run"):
    return pd.read_parquet(finished / run_folder / "tables/ablations" / f"{row}.parquet")


def test_every_row_has_a_difference_under_each_protocol(table):
    means = table[table["test_corpus"] == MEAN].set_index(["system", "protocol"])
    assert set(means.index) == {(name, protocol) for name in ROWS for protocol in ("loco", "in_corpus")}
    assert means["difference"].notna().all()
    assert means["low"].le(means["difference"]).all()
    assert (
        means["reference"] == ["logistic" if "reference" in ROWS[name] else "gated" for name, _ in means.index]
    ).all()
    corpora = means["corpora"].groupby("system").agg(set).to_dict()
    assert corpora == {name: {2 if "without" in row else 3} for name, row in ROWS.items()}


def test_difference_is_that_of_the_chance_corrected_restricted_uar(finished, table):
    for row, reference in (("no_text", "gated"), ("shuffled_audio", "gated"), ("ridge", "logistic")):
        means = [mean_uar(predictions(finished, name)) for name in (row, reference)]
        found = table[(table["system"] == row) & (table["test_corpus"] == MEAN) & (table["protocol"] == "loco")]
        assert found["difference"].item() == pytest.approx(means[0] - means[1])
        assert found["value"].item() == pytest.approx(means[0])


def mean_uar(predicted):
    values = []
    for _, part in predicted[predicted["protocol"] == "loco"].groupby("test_corpus"):
        hits = (part["emotion"] == part["restricted"]).groupby([part["seed"], part["emotion"]]).mean()
        values.append(stats.chance_corrected(hits.groupby("seed").mean().mean(), part["emotion"].nunique()))
    return np.mean(values)


def test_p_values_are_adjusted_over_all_rows_and_protocols(table):
    means = table[table["test_corpus"] == MEAN]
    assert np.allclose(means["p_holm"], stats.holm(means["p"]), equal_nan=True)


def test_row_with_another_extraction_is_the_study_with_that_extraction(finished):
    run(finished, "wide", "01,02,04", {}, features=STUDY["features"] | {"audio": {"n_mfcc": 20}})
    other = pd.read_parquet(finished / "wide/tables/steps/04_predictions.parquet")
    same_predictions(predictions(finished, "wide"), other[other["system"] == "logistic"])


def test_row_with_another_policy_is_the_study_with_that_policy(finished):
    run(finished, "four", "01,02,04", {}, labels={"policy": "primary4"})
    other = pd.read_parquet(finished / "four/tables/steps/04_predictions.parquet")
    found = predictions(finished, "four")
    assert set(found["system"]) == {"four", "gated"}  # all systems are ranked
    same_predictions(found[found["system"] == "four"], other[other["system"] == "logistic"])
    same_predictions(found[found["system"] == "gated"], other[other["system"] == "gated"])


def same_predictions(first, second):
    columns = [*KEYS, "emotion", "free", "restricted", *(c for c in first if c.startswith("p_"))]
    first, second = (one[columns].sort_values(KEYS, ignore_index=True) for one in (first, second))
    assert len(first) > 0
    pd.testing.assert_frame_equal(first, second, check_exact=False, rtol=0, atol=1e-6)


def test_policies_are_compared_on_the_utterances_and_classes_of_both(finished, table):
    [row] = table[
        (table["system"] == "four") & (table["test_corpus"] == "emodb") & (table["protocol"] == "loco")
    ].to_dict("records")
    sides = []
    for name, system in (("four", "four"), ("logistic", "logistic")):
        found = predictions(finished, name)
        sides.append(found[(found["system"] == system) & (found["protocol"] == "loco")].set_index("utterance_id"))
    own, reference = (side[side["test_corpus"] == "emodb"] for side in sides)
    assert len(own) < len(reference)
    reference = reference.loc[own.index]
    four = ["neutral", "happiness", "sadness", "anger"]
    chosen = reference[[f"p_{name}" for name in four]].idxmax(axis=1).str.removeprefix("p_")
    recall = (chosen == reference["emotion"]).groupby(reference["emotion"]).mean()
    assert row["n"] == len(own)
    assert row["reference_value"] == pytest.approx(recall.mean())


def test_ranks_are_given_under_both_policies(finished):
    ranks = pd.read_csv(finished / "run/tables/ablation_ranks.csv")
    assert set(ranks["labels"]) == {"study", "four"}
    assert ranks.groupby("labels")["system"].agg(set).tolist() == [{"gated", "logistic"}] * 2
    assert ranks["rank"].notna().all()


def test_left_out_corpus_is_neither_trained_on_nor_tested(finished):
    found = predictions(finished, "without_emodb")
    assert set(found["test_corpus"]) == {"cremad", "ravdess"}
    assert not found["train_corpora"].str.contains("emodb").any()


def test_new_row_trains_nothing_but_itself_and_a_removed_one_trains_nothing(finished, monkeypatch):
    trained, original = [], grid._train_group

    def recorded(jobs):
        trained.extend(job.system for job in jobs)
        return original(jobs)

    monkeypatch.setattr(grid, "_train_group", recorded)
    before = predictions(finished, "no_text")
    run(finished, "run", "05", ROWS | {"wider": {"training.hidden": 5}})
    assert set(trained) == {"wider"}
    trained.clear()
    fewer = {name: row for name, row in ROWS.items() if name != "ridge"}
    run(finished, "run", "05", fewer)
    assert trained == []
    assert {path.name for path in (finished / "run/trainings_ablations/rows").iterdir()} == set(fewer)
    assert not (finished / "run/tables/ablations/ridge.parquet").exists()
    pd.testing.assert_frame_equal(predictions(finished, "no_text"), before)
    run(finished, "run", "05", ROWS)
    assert set(trained) == {"ridge"}


def test_shapley_values_of_corpora_and_inputs_are_stored(finished):
    values = pd.read_csv(finished / "run/tables/ablation_shapley.csv")
    assert set(values["players"]) == {"corpora", "inputs"}
    assert set(values.loc[values["players"] == "inputs", "player"]) == {"audio", "text"}


def test_predictions_of_a_row_can_be_scored(finished, table):
    from mer.evaluation.scores.confusions import Scoring

    classes = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
    found = predictions(finished, "ridge")
    clusters = dict.fromkeys(CORPORA, "speaker_id")
    results = scores.score(found, Scoring(classes, clusters), study="x")
    keep = (results["protocol"] == "loco") & (results["metric"] == "UAR") & results["seed"].isna()
    restricted = results[keep & (results["answers"] == "restricted")].set_index("test_corpus")["value"]
    rows = table[(table["system"] == "ridge") & (table["protocol"] == "loco")].set_index("test_corpus")["value"]
    assert np.allclose(rows[restricted.index].astype(float), restricted)


def test_row_that_leaves_out_nothing_states_the_reason(finished):
    corpora = [*CORPORA, "nemo"]  # not on disk
    folder = run(
        finished, "run", "05", {"without_nemo": {"reference": "logistic", "without": ["nemo"]}}, corpora=corpora
    )
    table = pd.read_csv(folder / "tables/ablations.csv")
    assert set(table["verdict"]) == {"nemo: not scored in this study"}


def test_study_without_rows_has_an_empty_table(finished):
    folder = run(finished, "run", "05", {})
    assert pd.read_csv(folder / "tables/ablations.csv").empty
