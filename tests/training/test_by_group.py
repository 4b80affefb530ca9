"""Normalisation by speaker and corpus: its effect, and that held-out corpora do not affect training."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs as study
from mer.evaluation.purity import purity, row_access
from mer.evaluation.scores import scores
from mer.evaluation.scores.confusions import Scoring
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.engines.engine import Engine
from mer.training.scaling.by_group import MIN_ROWS
from mer.training.scaling.normaliser import Normaliser, scaled_inputs
from tests.evaluation.test_protocols import corpus, manifest

CLASSES = ("neutral", "anger", "fear")


def features(audio, present=None, **more):
    audio = np.asarray(audio, np.float32)
    there = np.ones(len(audio), bool) if present is None else np.asarray(present)
    return Features({"audio": audio, **more}, {"audio": there, **dict.fromkeys(more, there)})


def normalised(values, groups, wider):
    return Normaliser(("speaker",), scaled_inputs(values, values.arrays)).apply(
        values, {"speaker": groups, "corpus": wider}
    )


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_large_groups_have_mean_0_and_deviation_1(names, seed):
    groups, rng = np.array(names), np.random.default_rng(seed)
    offset = {name: (rng.normal(0, 100), rng.uniform(0.1, 10)) for name in "abc"}
    plain = rng.normal(size=(len(groups), 3))
    audio = np.array([row * offset[g][1] + offset[g][0] for row, g in zip(plain, groups, strict=True)])
    found = normalised(features(audio), groups, np.full(len(groups), "all")).arrays["audio"]
    expected = normalised(features(plain), groups, np.full(len(groups), "all")).arrays["audio"]
    assert np.isfinite(found).all()
    for name in set(names):
        rows = groups == name
        if rows.sum() >= MIN_ROWS:
            np.testing.assert_allclose(found[rows].mean(axis=0), 0, atol=1e-4)
            np.testing.assert_allclose(found[rows].std(axis=0), 1, atol=1e-3)
            np.testing.assert_allclose(found[rows], expected[rows], atol=1e-2)  # who it was is gone


def test_small_groups_constants_and_missing_rows():
    audio = np.column_stack([np.arange(20.0), np.full(20, 7.3)])
    present = np.arange(20) != 4
    groups = np.array(["many"] * 18 + ["few"] * 2)
    found = normalised(features(audio * present[:, None], present), groups, np.full(20, "corpus")).arrays["audio"]
    everyone = audio[present, 0]
    np.testing.assert_allclose(found[18:, 0], (audio[18:, 0] - everyone.mean()) / everyone.std(), rtol=1e-5)
    assert (found[:, 1] == 0).all()
    assert (found[4] == 0).all()


def test_text_is_unchanged_and_no_rows_are_accepted():
    text = np.ones((6, 2), np.float32)
    groups = np.full(6, "a")
    assert normalised(features(np.arange(12).reshape(6, 2), text=text), groups, groups).arrays["text"] is text
    none = features(np.zeros((6, 2)), np.zeros(6, bool))
    assert (normalised(none, groups, groups).arrays["audio"] == 0).all()


@pytest.fixture
def spoken():
    """Three corpora whose speakers differ more than their emotions."""
    usable = manifest(*(corpus(name, name, 6) for name in "abc"))
    rng = np.random.default_rng(1)
    labels = usable["emotion"].map({c: i for i, c in enumerate(CLASSES)}).to_numpy()
    speakers = usable["speaker_id"].factorize()[0]
    audio = rng.normal(size=(len(usable), 8)) + 2 * np.eye(8)[labels] + rng.normal(0, 30, (18, 8))[speakers]
    seen = Features({"audio": audio.astype(np.float32)}, {"audio": np.ones(len(usable), bool)})
    return study.build_task(usable, seen, CLASSES), usable, protocols.plan(usable, ("loco",), ["a", "b", "c"])


SYSTEMS = {
    "plain": System(model="logistic", inputs=("audio",)),
    "speaker": System(model="logistic", inputs=("audio",), training={"normalisation": "speaker"}),
    "network": System(model="concat", inputs=("audio",), training={"normalisation": "speaker", "learning_rate": 0.03}),
}
TRAINING = Training(epochs=15, hidden=8, batch_size=32, inverse_regularisation=(1e-2, 1.0))


def test_normalisation_by_speaker_helps_and_is_flagged(spoken):
    task, usable, cells = spoken
    jobs, _ = study.plan_jobs(cells, SYSTEMS, TRAINING, (0,), task)
    table = scores.predictions(grid.run_jobs(task, jobs, Engine("auto")), usable, CLASSES, task.features.present)
    results = scores.score(table, Scoring(CLASSES, dict.fromkeys("abc", "speaker_id")), study="s")
    rows = results[(results["metric"] == "UAR") & results["seed"].isna() & (results["answers"] == "free")]
    uar = rows.groupby("system")["value"].mean()
    assert uar["speaker"] > uar["plain"] + 0.2
    assert uar["network"] > uar["plain"] + 0.2
    assert rows.groupby("system")["transductive"].agg(["all", "any"]).loc["plain"].eq(False).all()
    assert rows.groupby("system")["transductive"].all()[["speaker", "network"]].all()


def test_held_out_corpus_does_not_affect_training(spoken):
    task, _, cells = spoken
    jobs, _ = study.plan_jobs(cells, SYSTEMS, TRAINING, (0,), task)
    assert set(row_access.check_row_access(task, jobs)) == set(SYSTEMS)
    leaky = replace(task, groups=dict.fromkeys(("speaker", "corpus"), np.full(len(task.labels), "everybody")))
    with pytest.raises(purity.ContaminationError, match="fitted on rows outside"):
        row_access.check_row_access(leaky, jobs)


def test_parts_of_a_published_split_are_scaled_separately(spoken):
    usable = spoken[1].assign(speaker_id="joey", fold=None)
    usable["split"] = np.where(np.arange(len(usable)) % 2, "train", "test")
    groups = study.normalisation_groups(usable)
    assert len(set(groups["speaker"])) == 6
    assert not set(groups["speaker"][::2]) & set(groups["speaker"][1::2])


def test_result_with_other_speakers_is_not_reused(spoken, tmp_path):
    task, _, cells = spoken
    [planned], _ = study.plan_jobs(cells[:1], {"speaker": SYSTEMS["speaker"]}, TRAINING, (0,), task)
    jobs = [replace(planned, train=cells[0].train, validation=cells[0].validation, folds=(), choice_seed=None)]
    grid.run_jobs(task, jobs, Engine(), tmp_path)
    kept = grid.ResultCache(tmp_path, task, Engine())
    other = replace(task, groups={**task.groups, "speaker": task.groups["corpus"]})
    assert kept.load(jobs[:1]) is not None
    assert grid.ResultCache(tmp_path, other, Engine()).load(jobs[:1]) is None
