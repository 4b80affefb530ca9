from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.params.schema import System, Training
from mer.training import ensemble, grid
from mer.training.job import Job

ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
QUICK = Training(epochs=2, batch_size=32, hidden=8, learning_rate=1e-2)


@st.composite
def members(draw):
    """Probabilities of 2 to 4 members for the same rows, some classes impossible for some members, and weights."""
    n, k, count = draw(st.integers(1, 6)), draw(st.integers(2, 5)), draw(st.integers(2, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    values = random.dirichlet(np.ones(k), (count, n))
    if draw(st.booleans()):
        values[0, :, 0] = 0.0
        values[0] /= values[0].sum(axis=1, keepdims=True)
    return list(values), random.dirichlet(np.ones(count)), random.integers(0, k, n)


@settings(max_examples=60, deadline=None)
@given(members())
def test_combined_probabilities_are_the_softmax_of_the_mean_logarithm(drawn):
    values, weights, _ = drawn
    combined = ensemble.combine(values, weights)
    np.testing.assert_allclose(combined.sum(axis=1), 1, atol=1e-12)
    product = np.prod([v**w for v, w in zip(values, weights, strict=True)], axis=0)
    np.testing.assert_allclose(combined, product / product.sum(axis=1, keepdims=True), atol=1e-12)
    assert (combined[np.min(values, axis=0) == 0] == 0).all()


@settings(max_examples=60, deadline=None)
@given(members(), st.randoms())
def test_weights_are_on_the_simplex_and_no_worse_than_equal_ones_in_any_order(drawn, random):
    values, _, targets = drawn

    def loss(values, weights):
        own = ensemble.combine(values, weights)[np.arange(len(targets)), targets]
        return -np.log(own[(np.min(values, axis=0) > 0)[np.arange(len(targets)), targets]]).sum()

    weights = ensemble.fit_weights(values, targets)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    assert (ensemble.fit_weights(values, targets) == weights).all()
    if all(v.min() > 0 for v in values):
        assert loss(values, weights) <= loss(values, np.full(len(values), 1 / len(values))) + 1e-9
        order = list(range(len(values)))
        random.shuffle(order)
        shuffled = [values[i] for i in order]
        assert loss(shuffled, ensemble.fit_weights(shuffled, targets)) == pytest.approx(loss(values, weights), abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(members(), st.integers(2, 4))
def test_equal_members_are_the_member(drawn, count):
    [first, *_], _, targets = drawn
    same = [first] * count
    weights = ensemble.fit_weights(same, targets)
    np.testing.assert_allclose(weights, np.full(count, 1 / count))
    np.testing.assert_allclose(ensemble.combine(same, weights), first, atol=1e-12)


def test_without_validation_rows_weights_are_equal():
    nothing = [np.zeros((0, 3))] * 2
    assert ensemble.fit_weights(nothing, np.zeros(0, int)).tolist() == [0.5, 0.5]


def test_members_that_exclude_every_class_are_averaged():
    combined = ensemble.combine([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])], [0.25, 0.75])
    np.testing.assert_allclose(combined, [[0.25, 0.75]])
    certain = ensemble.combine([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])], [1.0, 0.0])
    np.testing.assert_allclose(certain, [[1.0, 0.0]])  # a weight of 0 is no vote


SYSTEMS = {
    "net": System(model="concat", inputs=("audio", "text")),
    "line": System(model="logistic", inputs=("text",)),
    "both": System(model="ensemble", members=("net", "line")),
    "fitted": System(model="ensemble", members=("line", "net"), weights="validation"),
}


@pytest.fixture
def trained(task):
    """Results of a network with two seeds and of a linear model, which has no row without text."""
    has = task.features.present["text"]
    jobs = [Job("net", "cell", SYSTEMS["net"], QUICK, s, TRAIN, VALIDATION, TEST) for s in (0, 1)]
    parts = (part[has[part]] for part in (TRAIN, VALIDATION, TEST))
    return grid.run_jobs(task, [*jobs, Job("line", "cell", SYSTEMS["line"], QUICK, 0, *parts)], grid.Engine())


def test_an_ensemble_has_a_result_for_every_seed_of_its_members(task, trained):
    results = ensemble.results(task, trained, SYSTEMS)
    assert [(r.job.system, r.job.seed) for r in results] == [("both", 0), ("both", 1), ("fitted", 0), ("fitted", 1)]
    net, line = trained[1], trained[2]
    both = results[1]
    assert both.depends_on_seed
    assert all(a is b for a, b in zip(both.members, (net, line), strict=True))
    assert both.job.test.tolist() == TEST.tolist()
    shared = np.isin(TEST, line.job.test)
    expected = ensemble.combine([net.probabilities[shared], line.probabilities], [0.5, 0.5])
    np.testing.assert_allclose(both.probabilities[shared], expected)
    np.testing.assert_allclose(both.probabilities[~shared], net.probabilities[~shared])  # nothing else predicts them
    assert both.history == [{"net": 0.5, "line": 0.5}]
    assert set(both.validation_uar) == {"one", "two"}
    [weights] = results[3].history
    assert sum(weights.values()) == pytest.approx(1)


def test_linear_members_give_one_result(task, trained):
    other = replace(trained[2], job=replace(trained[2].job, system="other"))
    systems = {"late": System(model="ensemble", members=("line", "other"))}
    [result] = ensemble.results(task, [trained[2], other], systems)
    assert not result.depends_on_seed
    np.testing.assert_allclose(result.probabilities, trained[2].probabilities)


def test_cell_without_a_member_has_no_ensemble(task, trained):
    assert ensemble.results(task, trained[:2], SYSTEMS) == []


def test_a_class_that_a_member_was_not_trained_on_is_never_predicted(task):
    two = TRAIN[task.labels[TRAIN] < 2]
    jobs = [
        Job(name, None, SYSTEMS["net"], QUICK, 0, rows, VALIDATION, TEST) for name, rows in (("a", two), ("b", TRAIN))
    ]
    actual = grid.run_jobs(task, jobs, grid.Engine())
    [result] = ensemble.results(task, actual, {"e": System(model="ensemble", members=("a", "b"), weights="validation")})
    weights = result.history[0]
    assert weights["a"] == 0 or (result.probabilities[:, 2:] == 0).all()
