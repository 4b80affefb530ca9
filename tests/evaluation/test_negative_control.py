"""The negative control: every protocol scores at chance on permuted labels, and a planted leak is detected."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mer import files, stats
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as study
from mer.evaluation.protocols import negative_control
from mer.evaluation.protocols.negative_control import NegativeControl
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import grid
from tests.evaluation.test_protocols import corpus, manifest

CLASSES = ("neutral", "anger", "fear")
PROTOCOLS = ("in_corpus", "cross_corpus", "multi_corpus", "loco")
TRAINING = Training(epochs=2, hidden=4, batch_size=64, inverse_regularisation=(1e-3, 1e-1))
SYSTEMS = {name: System(model=name, inputs=("audio",)) for name in ("logistic", "concat")}


@pytest.fixture(scope="module")
def spoken():
    """Three corpora; features tell the class well, the speaker and the corpus."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    usable = manifest(*(corpus(name, name, 6) for name in "abc"))
    generator = np.random.default_rng(1)
    labels = usable["emotion"].map({c: i for i, c in enumerate(CLASSES)}).to_numpy()
    speakers, corpora = (pd.factorize(usable[column])[0] for column in ("speaker_id", "corpus"))
    audio = generator.normal(size=(len(usable), 8)) + 4 * np.eye(8)[labels]
    audio += generator.normal(size=(18, 8))[speakers] + generator.normal(size=(3, 8))[corpora]
    features = Features({"audio": audio.astype(np.float32)}, {"audio": np.ones(len(usable), bool)})
    task = study.build_task(usable, features, CLASSES)
    yield task, usable, protocols.plan(usable, PROTOCOLS, ["a", "b", "c"])
    torch.set_num_threads(before)


def test_every_protocol_scores_at_chance(spoken):
    task, usable, cells = spoken
    logistic = {"logistic": SYSTEMS["logistic"]}
    result = negative_control.summary(
        negative_control.run_all_protocols(task, usable, CLASSES, NegativeControl(cells, logistic, TRAINING))
    )
    assert set(result["protocol"]) == set(PROTOCOLS)
    assert (result["permutations"] == 20).all()
    # with 216 rows; benchmarks/negative_control.py requires .02 with 3,300 rows
    assert (result["above_chance"].abs() < 0.05).all(), result
    assert (result["above_guessing"].abs() < 0.05).all(), result


def test_ensemble_scores_at_chance_in_every_protocol(spoken):
    task, usable, cells = spoken
    members = {"logistic": SYSTEMS["logistic"], "ridge": System(model="ridge", inputs=("audio",))}
    late = System(model="ensemble", members=tuple(members), weights="validation")
    control = NegativeControl(cells, {"late": late, **members}, TRAINING, permutations=2)
    table = negative_control.run_all_protocols(task, usable, CLASSES, control)
    by_system = table.groupby("system")[[*negative_control.KEYS[1:], "permutation", "answers"]].apply(
        lambda rows: set(rows.itertuples(index=False, name=None))
    )
    assert by_system["late"] == by_system["logistic"] == by_system["ridge"]
    assert set(table.loc[table["system"] == "late", "protocol"]) == set(PROTOCOLS)
    gaps = negative_control.summary(table).set_index("system").loc["late", "above_chance"]
    assert gaps.abs().max() < 0.1, gaps


def test_network_scores_at_chance(spoken):
    task, usable, cells = spoken
    cells = [cell for cell in cells if cell.protocol == "loco"]
    control = NegativeControl(cells, {"concat": SYSTEMS["concat"]}, TRAINING, permutations=8)
    table = negative_control.run_all_protocols(task, usable, CLASSES, control)
    assert negative_control.summary(table)["above_chance"].abs().max() < 0.05


def test_features_predict_true_labels_and_a_planted_leak_is_detected(spoken):
    task, usable, cells = spoken
    jobs, _ = study.plan_jobs(
        [c for c in cells if c.protocol == "loco"], {"logistic": SYSTEMS["logistic"]}, TRAINING, (0,), task
    )
    [first, *_] = grid.run_jobs(task, jobs, grid.Engine())
    answers = first.probabilities.argmax(axis=1)
    assert stats.uar(stats.confusion(task.labels[first.job.test], answers, 3)) > 0.8
    dealt, table = negative_control.with_permuted_labels(task, usable, 0)
    # a label that rides on the rows into training: what a test row that trains would do
    leaky = np.column_stack([dealt.features.arrays["audio"], 9 * np.eye(3)[dealt.labels]]).astype(np.float32)
    seen = Features({"audio": leaky}, dealt.features.present)
    jobs, _ = study.plan_jobs([jobs[0].cell], {"logistic": SYSTEMS["logistic"]}, TRAINING, (0,), dealt)
    [done] = grid.run_jobs(study.build_task(table, seen, CLASSES), jobs, grid.Engine())
    truth, given_ = dealt.labels[done.job.test], done.probabilities.argmax(axis=1)
    speakers = table["speaker_id"].to_numpy(str)[done.job.test]
    assert stats.uar(stats.confusion(truth, given_, 3)) - negative_control.guessing(truth, given_, speakers, 3) > 0.5


def test_labels_and_votes_are_permuted_together_within_speakers(spoken):
    task, usable, _ = spoken
    votes = np.eye(3, dtype=np.float32)[task.labels]
    task = study.build_task(usable, task.features, CLASSES, {"soft": votes})
    dealt, table = negative_control.with_permuted_labels(task, usable, 3)
    assert (dealt.labels != task.labels).any()
    assert (dealt.targets["soft"].argmax(axis=1) == dealt.labels).all()
    assert (table["emotion"].map({c: i for i, c in enumerate(CLASSES)}) == dealt.labels).all()
    for column in ("split", "fold", "speaker_id", "audio_sha256"):
        assert table[column].equals(usable[column])
    shares = [t.groupby("speaker_id")["emotion"].value_counts().sort_index() for t in (usable, table)]
    assert shares[0].equals(shares[1])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=5))
def test_guessing_is_the_mean_over_all_permutations(rows):
    truth, answers, speakers = (np.array(column) for column in zip(*rows, strict=True))
    orders = [list(order) for order in itertools.permutations(range(len(rows)))]
    kept = [order for order in orders if (speakers[order] == speakers).all()]
    result = [stats.uar(stats.confusion(truth[order], answers, 3)) for order in kept]
    assert negative_control.guessing(truth, answers, speakers.astype(str), 3) == pytest.approx(np.mean(result))


def test_predictions_by_speaker_are_expected_above_one_in_k():
    truth = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    speakers = np.repeat(["x", "y"], 4)
    usual = np.repeat([0, 1], 4)
    assert negative_control.guessing(truth, usual, speakers, 2) == pytest.approx(0.75)
    assert negative_control.guessing(truth, np.zeros(8, int), speakers, 2) == pytest.approx(0.5)


def test_small_control_scores_at_chance_and_detects_test_rows_in_training(spoken):
    task, usable, cells = spoken
    result = negative_control.run_control(task, usable, cells, ("audio",), CLASSES)
    assert list(result.columns) == negative_control.COLUMNS
    assert set(zip(result["protocol"], result["test_corpus"], strict=True)) == {
        (protocol, name) for protocol in negative_control.PROTOCOLS for name in "abc"
    }
    assert not result["leaks"].any(), result
    assert ((result["low"] < result["UAR"]) & (result["UAR"] < result["high"])).all()
    assert negative_control.sentence(result).startswith("All scores on permuted labels are at chance")
    wide = np.random.default_rng(0).normal(size=(len(usable), 300)).astype(np.float32)
    seen = Features({"audio": wide}, {"audio": np.ones(len(usable), bool)})
    leaky = [replace(cell, train=np.union1d(cell.train, cell.test)) if cell.held_out in ("", "b") else cell
             for cell in cells]  # fmt: skip
    result = negative_control.run_control(study.build_task(usable, seen, CLASSES), usable, leaky, ("audio",), CLASSES)
    outcome = result.set_index(["protocol", "test_corpus"])["leaks"]
    assert outcome["in_corpus"].all(), result
    assert outcome["loco"].to_dict() == {"a": False, "b": True, "c": False}, result
    assert "loco of b" in negative_control.sentence(result)


def test_control_without_trainable_cells_is_empty(spoken):
    task, usable, _ = spoken
    assert negative_control.run_control(task, usable, [], ("audio",), CLASSES).empty
    assert "No corpus" in negative_control.sentence(pd.DataFrame(columns=negative_control.COLUMNS))


def test_notebook_04_runs_the_control():
    page = json.loads((files.ROOT / "notebooks" / "04_cross_corpus.ipynb").read_text(encoding="utf-8"))
    assert any("control.run_control(" in "".join(cell["source"]) for cell in page["cells"])
