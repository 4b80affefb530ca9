"""Systems that are trained on several classes at once: from training to results, in both engines."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.scores import multi_label, scores
from mer.evaluation.scores.confusions import Scoring
from mer.features import Features
from mer.params.schema import System, Training
from mer.report.tables.multi_label import multi_label_table
from mer.training import grid
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.task import Task

CLASSES = ("neutral", "happiness", "sadness")
N = 240
ROWS = np.arange(N)
PARTS = ROWS[ROWS % 4 > 1], ROWS[ROWS % 4 == 1], ROWS[ROWS % 4 == 0]


@pytest.fixture
def task():
    """Audio tells which of two emotions are there; utterances with neither are neutral."""
    random = np.random.default_rng(0)
    emotions = random.random((N, 2)) < 0.4
    audio = random.normal(0, 0.5, (N, 6)).astype(np.float32)
    audio[:, :2] += 3 * emotions
    several = np.column_stack([~emotions.any(1), emotions]).astype(np.float32)
    features = Features({"audio": audio}, {"audio": np.ones(N, bool)})
    return Task(features, several.argmax(1), np.full(N, "mosei"), 3, {"multi_label": several, "soft": several})


@pytest.fixture
def manifest(task):
    return pd.DataFrame({
        "utterance_id": [f"mosei/{n}" for n in ROWS], "corpus": "mosei", "family": "mosei",
        "speaker_id": [f"mosei_{n % 12}" for n in ROWS], "dialogue_id": [f"mosei_{n % 12}" for n in ROWS],
        "emotion": np.array(CLASSES)[task.labels], "breach": pd.Series(None, ROWS, "str"),
        "capped": False,
    })  # fmt: skip


def jobs(targets="multi_label", system="several", model="gated"):
    train, validation, test = PARTS
    cell = Cell("in_corpus", ("mosei",), "mosei", 0, train, validation, test)
    training = Training(epochs=30, hidden=8, batch_size=32, learning_rate=1e-2, targets=targets, label_smoothing=0.0)
    return [Job(system, cell, System(model=model, inputs=("audio",)), training, seed, train, validation, test)
            for seed in (0, 1)]  # fmt: skip


def results_of(task, manifest, engine="single", folder=None, planned=None):
    done = grid.run_jobs(task, planned or jobs(), Engine(engine), folder)
    table = scores.predictions(done, manifest, CLASSES, task.features.present)
    return done, table, scores.score(table, Scoring(CLASSES, {"mosei": "speaker_id"}), study="t")


@pytest.mark.parametrize("engine", ["single", "stacked"])
def test_results_hold_the_metrics_of_sets_of_labels(task, manifest, engine):
    done, table, results = results_of(task, manifest, engine)
    mean = results[results["seed"].isna()].set_index("metric")
    test = done[0].job.test
    truth = task.targets["multi_label"][test, 1:] > 0  # neutral is the empty set
    for name, metric in stats.MULTI_LABEL_METRICS.items():
        expected = np.mean([metric.function(truth, one.label_sets[1][:, 1:]) for one in done])
        assert mean.loc[name, "value"] == pytest.approx(expected)
        assert mean.loc[name, "low"] < expected < mean.loc[name, "high"]
        assert mean.loc[name, "chance"] == pytest.approx(stats.constant_score(metric.function, truth))
        assert (results["metric"] == name).sum() == 3  # two seeds and their mean, of free predictions
    assert mean.loc["wAcc", "value"] > 0.9
    assert set(table[multi_label.TRUE]) == {"neutral", "happiness", "sadness", "happiness+sadness"}


def test_a_label_is_predicted_where_its_probability_is_at_least_a_half(task):
    [one, _] = grid.run_jobs(task, jobs(), Engine("single"))
    model = grid.fit_job(task, one.job, "cpu")
    logits = model.logits(task.features, one.job.test)
    np.testing.assert_array_equal(one.label_sets[1], 1 / (1 + np.exp(-logits)) >= 0.5)
    np.testing.assert_array_equal(grid.label_sets(task, one.job, logits), one.label_sets)


def test_stored_results_hold_their_sets(task, manifest, tmp_path):
    first, _, expected = results_of(task, manifest, folder=tmp_path)
    again, _, result = results_of(task, manifest, folder=tmp_path)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.label_sets, other.label_sets)
    pd.testing.assert_frame_equal(expected, result)


def test_systems_of_one_class_have_none_also_beside_others(task, manifest):
    hard, linear = jobs("hard", "one"), [replace(jobs(system="linear", model="logistic")[0], seed=0)]
    done, table, results = results_of(task, manifest, planned=[*hard, *linear])
    assert all(one.label_sets is None for one in done)
    assert multi_label.PREDICTED not in table
    assert not set(results["metric"]) & set(stats.MULTI_LABEL_METRICS)
    assert multi_label_table(results) is None
    _, _, mixed = results_of(task, manifest, planned=[*hard, *jobs()])
    own = mixed[mixed["metric"].isin(list(stats.MULTI_LABEL_METRICS))]
    assert set(own["system"]) == {"several"}
    alone = mixed[mixed["system"] == "one"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, results[results["system"] == "one"].reset_index(drop=True))


def test_the_report_shows_each_metric_beside_the_best_constant_answer(task, manifest):
    table = multi_label_table(results_of(task, manifest)[2])
    assert list(table.data.columns)[:3] == ["wAcc", "Jaccard accuracy", "example F1"]
    [entry] = table.data["wAcc"]
    assert entry.endswith("constant .500")
    assert "[" in entry
