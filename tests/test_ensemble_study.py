"""A study with two audio inputs, a text input and an ensemble with validated weights, through every notebook."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml

from mer.corpora.synthetic import trees
from mer.evaluation.comparison.selection import INNER_SCORE
from mer.evaluation.protocols import negative_control
from mer.params.schema import SELECTED, Synthetic
from tests.studies import run_cells

mpl.use("Agg")
CORPORA = ["emodb", "meld"]
MEMBERS = ["voice", "both"]
KEYS = ["protocol", "train_corpora", "test_corpus", "fold", "seed", "utterance_id"]
STUDY = {
    "corpora": CORPORA,
    "features": {
        "audio": {"n_mfcc": 13},
        "cepstra": {"modality": "audio", "extractor": "mfcc", "n_mfcc": 20},
        "text": {"dimensions": 32, "lexical_control": ["free", "parallel"]},
    },
    "systems": {
        "late": {"model": "ensemble", "members": MEMBERS, "weights": "validation"},
        "voice": {"model": "logistic", "inputs": ["audio", "cepstra"]},
        "both": {"model": "gated", "inputs": ["audio", "cepstra", "text"]},
    },
    "training": {"epochs": 2, "hidden": 4, "inverse_regularisation": [0.01]},
    "evaluation": {"seeds": [0, 1], "min_clips": 20, "protocols": ["in_corpus", "cross_corpus", "loco"]},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The run folder after all steps, and the inputs and rows of the negative control of step 04."""
    folder, controls = tmp_path_factory.mktemp("ensemble"), []
    trees.write(folder / "raw", Synthetic(speakers=4, clips=2))
    tree = STUDY | {"data": {"raw": str(folder / "raw"), "store": str(folder / "store")}}
    (folder / "study.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    run_control = negative_control.run_control

    def recorded(task, manifest, cells, inputs, *more):
        controls.append((inputs, run_control(task, manifest, cells, inputs, *more)))
        return controls[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(negative_control, "run_control", recorded)
        try:
            run_cells(folder / "study.yaml", folder / "run", "01,02,03,04,07,09")
        finally:
            plt.close("all")
    [control] = controls
    return folder / "run", control


@pytest.fixture(scope="module")
def predictions(finished):
    return pd.read_parquet(finished[0] / "tables/predictions.parquet")


def test_ensemble_is_scored_in_every_protocol_on_the_utterances_of_its_members(finished, predictions):
    results = pd.read_parquet(finished[0] / "tables/results.parquet")
    cells = results.groupby("system")[["protocol", "test_corpus", "answers", "metric"]].apply(
        lambda rows: set(rows.itertuples(index=False, name=None))
    )
    assert cells["late"] == cells["voice"] == cells["both"]
    assert {protocol for protocol, *_ in cells["late"]} == {"in_corpus", "cross_corpus", "multi_corpus", "loco"}
    utterances = (
        predictions[predictions["seed"] == 0]
        .groupby("system")[KEYS]
        .apply(lambda rows: set(rows.itertuples(index=False, name=None)))
    )
    assert utterances["late"] == utterances["voice"] == utterances["both"]
    assert set(predictions.loc[predictions["system"] == "late", "seed"]) == {0, 1}
    assert (results.loc[results["system"] == "late", "lacks"] == "").all()


def centred_log(table, rows, columns):
    """Logarithms of probabilities less their mean over classes, which removes the sum that the softmax divides by."""
    logs = np.log(table.loc[rows, columns].to_numpy(float))
    return logs - logs.mean(axis=1, keepdims=True)


def test_log_probabilities_are_a_weighted_mean_of_those_of_the_members(predictions):
    names = [name for name in predictions if name.startswith("p_")]
    table = predictions.set_index(["system", *KEYS])[names]
    late, both = table.loc["late"].sort_index(), table.loc["both"].sort_index()
    voice = table.loc["voice"].reset_index().drop(columns="seed").merge(late.reset_index()[KEYS])
    voice = voice.set_index(KEYS)[names].sort_index()  # a linear model has one seed, which is combined with each
    assert late.index.equals(both.index)
    assert late.index.equals(voice.index)
    weights = set()
    for _, rows in late.groupby(["protocol", "train_corpora", "fold", "seed"]):
        trained = [
            name for name in names if all((part.loc[rows.index, name] > 0).all() for part in (late, voice, both))
        ]
        assert len(trained) > 2
        pooled, first, second = (centred_log(part, rows.index, trained) for part in (late, voice, both))
        weight = np.sum((pooled - second) * (first - second)) / np.sum((first - second) ** 2)
        assert -1e-6 <= weight <= 1 + 1e-6
        assert np.allclose(pooled, weight * first + (1 - weight) * second, atol=1e-4)
        weights.add(round(float(weight), 3))
    assert len(weights) > 1  # validation rows of each cell and seed have fitted their own


def test_ensemble_is_a_candidate_of_selection(finished, predictions):
    choices = pd.read_csv(finished[0] / "tables/selection.csv").dropna(subset=["held_out"])
    assert set(choices["held_out"]) == {"emodb", "friends"}
    assert (choices["systems"] == 3).all()
    scores = choices[[f"{INNER_SCORE}{name}" for name in (*MEMBERS, "late")]]
    assert scores.notna().all(axis=None)
    highest = scores.idxmax(axis=1).str.removeprefix(INNER_SCORE)  # an ensemble is the last among equals
    assert choices["chosen"].tolist() == highest.tolist()
    assert "late" in set(choices["chosen"])
    assert SELECTED in set(predictions["system"])


def test_negative_control_reads_all_inputs_of_the_members(finished):
    inputs, control = finished[1]
    assert inputs == ("audio", "cepstra", "text")
    assert set(zip(control["protocol"], control["test_corpus"], strict=True)) == {
        (protocol, corpus) for protocol in negative_control.PROTOCOLS for corpus in CORPORA
    }
    assert not control["leaks"].any()


def test_ensemble_is_the_reference_of_comparisons(finished):
    tables = {path.stem: pd.read_csv(path) for path in (finished[0] / "tables").glob("*.csv")}
    assert set(tables["comparison"]["reference"]) == {"late"}
    assert set(tables["comparison"]["system"]) == set(MEMBERS)
    for name in ("ranks", "recalls", "metric_sensitivity"):
        assert set(tables[name]["system"]) == {"late", *MEMBERS}, name
    assert set(tables["slices"]["system"]) == {"late"}
    inflation = tables["split_inflation"]
    assert inflation.loc[inflation["system"] == "late", "points"].notna().all()
    players = tables["shapley"].groupby("players")["player"].agg(set)
    assert players["inputs"] == {"audio", "cepstra", "text"}
    assert "late" in (finished[0] / "tables/results.csv").read_text(encoding="utf-8")
