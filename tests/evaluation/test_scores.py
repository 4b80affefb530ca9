"""A metric of probabilities in the table of metrics becomes rows of the results."""

import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.evaluation.scores import scores
from mer.evaluation.scores.confusions import Scoring
from tests.evaluation.toy_data import CLASSES, manifest, predictions


def probability_of_truth(truth, probabilities):
    return float(probabilities[np.arange(len(truth)), truth].mean())


@pytest.fixture
def table():
    rows = manifest("a", speakers=5, clips=8)
    made = predictions(rows[rows["emotion"] != CLASSES[-1]], 0.7, seeds=(0, 1))
    shares = np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), len(made))
    return made.assign(**{f"p_{name}": shares[:, at] for at, name in enumerate(CLASSES)})


def score(table):
    return scores.score(table, Scoring(CLASSES, {"a": "speaker_id"}), study="s")


def test_metric_of_probabilities_has_seeds_mean_and_interval(table, monkeypatch):
    before, metric = score(table), stats.Metric("p_true", "p", probability_of_truth, reads="probabilities")
    monkeypatch.setitem(stats.METRICS, "p_true", metric)
    after = score(table.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(after[after["metric"] != "p_true"].reset_index(drop=True), before)
    free = after[(after["answers"] == "free") & (after["metric"] == "p_true")].set_index("seed")
    truth = pd.Index(CLASSES).get_indexer(table["emotion"])
    of_truth = table[[f"p_{name}" for name in CLASSES]].to_numpy()[np.arange(len(table)), truth]
    assert free.loc[0, "value"] == pytest.approx(of_truth[: len(table) // 2].mean())
    [mean] = free[free.index.isna()].to_dict("records")
    assert mean["low"] < mean["value"] < mean["high"]
    assert mean["value"] == pytest.approx(of_truth.mean())
    assert (mean["n_seeds"], np.isnan(mean["p_chance"])) == (2, True)


def test_restricted_probabilities_sum_to_one_over_classes_of_the_corpus(table, monkeypatch):
    def mean_sum(truth, probabilities):
        return float(probabilities.sum(axis=1).mean())

    monkeypatch.setitem(stats.METRICS, "sum", stats.Metric("sum", "sum", mean_sum, reads="probabilities"))
    results = score(table.assign(**{f"p_{CLASSES[-1]}": 1.0}))
    values = results[results["metric"] == "sum"].groupby("answers")["value"]
    assert values.min()["free"] > 1
    assert np.allclose(values.get_group("restricted"), 1)
