"""An ensemble with one member per training family: its rows, its classes, its weights and its checkpoint."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mer.evaluation.protocols import jobs as planning
from mer.evaluation.protocols.cells import Cell
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import ensemble, grid
from mer.training.adaptation import trial
from mer.training.adaptation.jobs import classes_of_corpora
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints import ensemble as ensemble_checkpoint
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.job import JobResult
from mer.training.task import Task

TRAINING = Training(inverse_regularisation=(0.1,))
LINE = System(model="logistic", inputs=("audio",))
PER_FAMILY = System(model="ensemble", members=("line",), members_per="family")
FAMILIES = np.repeat(["a", "b", "c", "d"], 60)
ROWS = np.arange(240)


@pytest.fixture
def task():
    """Four corpora. Corpus b has two of four classes, c has labels at random, and d is tested."""
    generator = np.random.default_rng(0)
    labels = np.where(FAMILIES == "b", ROWS % 2, ROWS % 4)
    audio = generator.normal(0, 1, (240, 6)).astype(np.float32)
    audio[:, :4] += 2 * np.eye(4)[labels]
    labels = np.where(FAMILIES == "c", generator.permutation(labels), labels)
    return Task(Features({"audio": audio}, {"audio": np.ones(240, bool)}), labels, FAMILIES.astype(str), 4)


@pytest.fixture
def cell():
    validation = ROWS[(FAMILIES != "d") & (ROWS % 5 == 0)]
    train = ROWS[(FAMILIES != "d") & (ROWS % 5 > 0)]
    return Cell("loco", ("a", "b", "c"), "d", 0, train, validation, ROWS[FAMILIES == "d"])


def planned(task, cell, systems):
    jobs, skipped = planning.plan_jobs([cell], systems, TRAINING, (0,), task)
    assert not skipped
    return [*jobs, *planning._family_jobs(jobs, systems, FAMILIES, task)]


def test_each_member_is_trained_on_one_family_and_tested_on_the_same_rows(task, cell):
    jobs = planned(task, cell, {"line": LINE, "sources": PER_FAMILY})
    assert [job.system for job in jobs] == ["line", "line.a", "line.b", "line.c"]
    for job in jobs[1:]:
        assert set(FAMILIES[job.train]) == {job.family}
        assert set(job.train) == {row for row in cell.train if FAMILIES[row] == job.family}
        assert (job.test == cell.test).all()
        assert (job.validation == cell.validation).all()


def test_two_ensembles_share_their_members(task, cell):
    weighted = PER_FAMILY.model_copy(update={"weights": "corpora"})
    jobs = planned(task, cell, {"line": LINE, "equal": PER_FAMILY, "weighted": weighted})
    assert len(jobs) == 4


def test_a_family_of_one_class_has_no_member(task, cell):
    labels = np.where(FAMILIES == "b", 0, task.labels)
    jobs = planned(replace(task, labels=labels), cell, {"line": LINE, "sources": PER_FAMILY})
    assert [job.system for job in jobs] == ["line", "line.a", "line.c"]


def test_members_of_families_with_spaces_have_names_of_folders(task, cell):
    systems = {"line": LINE, "sources": PER_FAMILY}
    names = np.where(FAMILIES == "a", "a (synthetic)", FAMILIES)
    jobs, _ = planning.plan_jobs([cell], systems, TRAINING, (0,), task)
    assert planning._family_jobs(jobs, systems, names, task)[0].system == "line.a_synthetic"
    with pytest.raises(ValueError, match="one name"):
        planning._family_jobs(jobs, systems, np.where(FAMILIES == "b", "a_synthetic", names), task)


def test_a_system_with_the_name_of_a_member_is_refused(task, cell):
    with pytest.raises(ValueError, match=r"systems\.line\.a"):
        planned(task, cell, {"line": LINE, "line.a": LINE, "sources": PER_FAMILY})


def results(task, cell, **fields):
    systems = {"line": LINE, "sources": PER_FAMILY.model_copy(update=fields)}
    trained = grid.run_jobs(task, planned(task, cell, systems), grid.Engine())
    [result] = ensemble.results(task, trained, systems)
    return result, trained


def test_a_class_that_one_member_does_not_know_is_not_excluded(task, cell):
    result, trained = results(task, cell)
    assert (trained[2].probabilities[:, 2:] == 0).all()  # family b has classes 0 and 1
    assert (result.probabilities > 0).all()
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1)
    known = [ensemble.with_unknown_classes(member.probabilities) for member in trained[1:]]
    np.testing.assert_allclose(result.probabilities, ensemble.combine(known, [1 / 3] * 3))
    recall = (result.probabilities.argmax(axis=1) == task.labels[cell.test])[task.labels[cell.test] > 1].mean()
    assert recall > 0.5


def test_unknown_classes_keep_the_order_of_the_known_ones_and_rows_sum_to_1():
    p = np.array([[0.6, 0.4, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
    whole = ensemble.with_unknown_classes(p)
    np.testing.assert_allclose(whole.sum(axis=1), 1)
    assert whole[1].tolist() == p[1].tolist()
    assert whole[0, 0] / whole[0, 1] == pytest.approx(1.5)


def test_weights_by_other_families_ignore_what_a_member_says_about_its_own(task, cell):
    """Member a is perfect on its own family and guesses elsewhere; b is fair everywhere."""
    jobs = planned(task, cell, {"line": LINE, "sources": PER_FAMILY})[1:]
    truth, family = task.labels[cell.validation], FAMILIES[cell.validation]
    fair = np.where(np.eye(4)[truth] == 1, 0.55, 0.15)
    perfect = np.where((family == "a")[:, None], 0.96 * np.eye(4)[truth] + 0.01, 0.25)
    guesses = np.full((len(truth), 4), 0.25)
    test = np.full((len(cell.test), 4), 0.25)
    members = [JobResult(job, test, p) for job, p in zip(jobs, (perfect, fair, guesses), strict=True)]
    weights = {}
    for kind in ("validation", "corpora"):
        [result] = ensemble.results(task, members, {"sources": PER_FAMILY.model_copy(update={"weights": kind})})
        assert list(result.history[0]) == ["line.a", "line.b", "line.c"]
        assert sum(result.history[0].values()) == pytest.approx(1)
        weights[kind] = result.history[0]
    assert weights["validation"]["line.a"] > 0.05
    assert weights["corpora"]["line.a"] < 0.01
    assert weights["corpora"]["line.b"] > 0.9


def test_order_of_rows_does_not_matter(task, cell):
    result, _ = results(task, cell, weights="corpora")
    shuffle = np.random.default_rng(1).permutation
    other = replace(cell, train=shuffle(cell.train), validation=shuffle(cell.validation), test=shuffle(cell.test))
    shuffled, _ = results(task, other, weights="corpora")
    by_row = pd.DataFrame(shuffled.probabilities, index=shuffled.job.test).loc[result.job.test]
    np.testing.assert_allclose(by_row, result.probabilities, atol=5e-3)  # the solver stops at a tolerance


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"model": "logistic", "members_per": "family"}, "this is for"),
     ({"model": "ensemble", "members": ("x", "y"), "weights": "corpora"}, "needs `members_per: family`"),
     ({"model": "ensemble", "members": ("x",)}, "at least two")],
)  # fmt: skip
def test_parameters_that_do_not_fit_together_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        System(**fields)


def test_members_are_chosen_and_calibrated_on_other_families_where_corpora_choose(task, cell):
    [job] = planning.plan_jobs([cell], {"line": LINE}, TRAINING, (0,), task)[0]
    rows = np.union1d(cell.train, cell.validation)
    by_corpora = replace(job, train=rows, validation=rows[:0], choose_by="corpora")
    members = ensemble.family_members([by_corpora], PER_FAMILY, FAMILIES)
    for member in members:
        assert set(FAMILIES[member.train]) == {member.family}
        assert set(member.train) | set(member.validation) == set(rows)
        assert not set(FAMILIES[member.validation]) & {member.family, "d"}
    weighted = {"sources": PER_FAMILY.model_copy(update={"weights": "corpora"})}
    [result] = ensemble.results(task, grid.run_jobs(task, members, grid.Engine()), weighted)
    assert result.leaves_families_out
    assert sorted(result.job.validation) == rows.tolist()
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("adaptation", ["none", "speaker_gaussians"])
def test_checkpoint_predicts_as_the_result(task, cell, adaptation, tmp_path, monkeypatch):
    """Members are adapted one by one, if they are, and say nothing about classes that they do not know."""
    monkeypatch.setattr(trial, "_gain", lambda gains, step: 0.1)  # the members' validation rows are few
    task = replace(task, groups={"speaker": task.corpora, "corpus": task.corpora})
    names = [str(row) for row in ROWS]
    manifest = pd.DataFrame({"corpus": FAMILIES, "family": FAMILIES, "fold": 0, "audio_sha256": names,
                             "utterance_id": names, "speaker_id": names})  # fmt: skip
    record = StudyRecord({"audio": {"extractor": "mfcc"}}, tuple("abcd"), manifest)
    systems = {"line": LINE.model_copy(update={"training": {"adaptation": adaptation}}),
               "sources": PER_FAMILY.model_copy(update={"weights": "corpora"})}  # fmt: skip
    members, folders = [], []
    for job in planned(task, cell, systems)[1:]:
        model = grid.fit_job(task, job, "cpu")
        members.append(grid.job_result(task, job, model))
        folders.append(tmp_path / checkpoint.name(job))
        checkpoint.save(folders[-1], model, job, task, record)
    [result] = ensemble.results(task, members, systems)
    ensemble_checkpoint.save(tmp_path / "sources-seed0", result, folders, task, record)
    model, stored = checkpoint.load(tmp_path / "sources-seed0", fields=None)
    assert stored.card.members_per == "family"
    assert (checkpoint.predict(model, stored, task, result.job.test) == result.probabilities).all()
    plain = model.predict(task.features, result.job.test)
    assert (plain == result.probabilities).all() == (adaptation == "none")
    allowed = classes_of_corpora(task, result.job.test)
    restricted = checkpoint.predict(model, stored, task, result.job.test, allowed)
    if adaptation != "none":
        assert (restricted == result.restricted_probabilities).all()
