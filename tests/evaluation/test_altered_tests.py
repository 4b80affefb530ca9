"""Test rows with other vectors leave the models as they are."""

import numpy as np
import pytest

from mer.evaluation.ablations import altered_tests
from mer.evaluation.protocols.cells import Cell
from mer.features import Features
from mer.params.ablations import Ablation
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.job import Job
from mer.training.scaling import standardise
from mer.training.task import Task

ROWS = np.arange(240)
PARTS = (ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3])


@pytest.fixture
def task():
    generator = np.random.default_rng(0)
    labels = ROWS % 3
    audio = generator.normal(5, 2, (240, 12)).astype(np.float32)
    audio[:, :3] += 3 * np.eye(3, dtype=np.float32)[labels]
    text = generator.normal(-1, 1, (240, 8)).astype(np.float32)
    has_text = ROWS % 5 > 1
    features = Features({"audio": audio, "text": text * has_text[:, None]},
                        {"audio": np.ones(240, bool), "text": has_text})  # fmt: skip
    corpora = np.where(ROWS < 120, "one", "two")
    groups = {"speaker": np.char.add(corpora, (ROWS // 20).astype(str)), "corpus": corpora}
    return Task(features, labels, corpora, 7, groups=groups)


def job(model="gated", seed=0, **training):
    train, validation, test = PARTS
    cell = Cell("loco", ("one",), "x", 0, train, validation, test)
    settings = Training(**{"epochs": 3, "batch_size": 32, "hidden": 8, **training})
    return Job(model, cell, System(model=model, inputs=("audio", "text")), settings, seed, train, validation, test)


def run(task, jobs, row, engine):
    found = grid.run_jobs(*altered_tests.altered(task, jobs, row), engine)
    return altered_tests.with_original_rows(found, jobs)


@pytest.mark.parametrize("normalisation", ["training", "speaker"])
@pytest.mark.parametrize("engine", ["single", "stacked"])
def test_models_are_those_of_the_reference_to_the_bit(task, engine, normalisation):
    jobs = [job(seed=seed, normalisation=normalisation) for seed in (0, 1)]
    jobs += [job("logistic", normalisation=normalisation)]
    plain = grid.run_jobs(task, jobs, grid.Engine(engine))
    altered = run(task, jobs, Ablation(shuffle=("audio",), zero=("text",)), grid.Engine(engine))
    assert altered_tests.same_models(plain, altered)
    for first, second in zip(plain, altered, strict=True):
        assert second.job is not None
        assert (second.job.test == first.job.test).all()
        assert not np.allclose(first.probabilities, second.probabilities)


def test_untouched_vectors_predict_the_same(task):
    jobs = [job(), job("logistic")]
    copied = grid.run_jobs(*altered_tests.altered(task, jobs, Ablation()), grid.Engine())
    for first, second in zip(grid.run_jobs(task, jobs, grid.Engine()), copied, strict=True):
        assert np.array_equal(first.probabilities, second.probabilities)


def test_zero_is_the_mean_of_the_training_rows_and_0_after_scaling(task):
    extended, [changed] = altered_tests.altered(task, [job()], Ablation(zero=("text",)))
    scaled = standardise.fit(extended.features, changed.train, ("audio", "text")).apply(extended.features, changed.test)
    has_text = task.features.present["text"][PARTS[2]]
    assert np.abs(scaled["text"]).max() < 1e-5
    assert (extended.features.present["text"][changed.test] == has_text).all()
    assert np.array_equal(extended.features.arrays["audio"][changed.test], task.features.arrays["audio"][PARTS[2]])


def test_zero_is_0_where_each_speaker_is_normalised(task):
    one = job(normalisation="speaker")
    extended, [changed] = altered_tests.altered(task, [one], Ablation(zero=("audio",)))
    features = extended.normalised_for(one).features
    original = task.normalised_for(one).features
    assert np.array_equal(features.arrays["audio"][:240], original.arrays["audio"])  # statistics are as they were
    assert (features.arrays["audio"][changed.test] == 0).all()  # the mean of each speaker


def test_shuffle_exchanges_vectors_among_rows_of_a_corpus_that_have_the_input(task):
    extended, [changed] = altered_tests.altered(task, [job()], Ablation(shuffle=("text",)))
    for corpus in ("one", "two"):
        is_here = (task.corpora[PARTS[2]] == corpus) & task.features.present["text"][PARTS[2]]
        before, after = (f.arrays["text"][rows[is_here]] for f, rows in
                         ((task.features, PARTS[2]), (extended.features, changed.test)))  # fmt: skip
        assert not np.array_equal(before, after)
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
    absent = ~task.features.present["text"][PARTS[2]]
    assert (extended.features.arrays["text"][changed.test[absent]] == 0).all()


def test_rows_of_the_study_stay_where_they_are(task):
    extended, [changed] = altered_tests.altered(task, [job()], Ablation(shuffle=("audio",), zero=("text",)))
    for name, values in task.features.arrays.items():
        assert np.array_equal(extended.features.arrays[name][:240], values)
    assert (extended.labels[changed.test] == task.labels[PARTS[2]]).all()
    assert changed.test.min() == 240
    for kind, groups in extended.groups.items():
        assert np.array_equal(groups[:240], task.groups[kind])
        assert not set(groups[240:]) & set(groups[:240])
