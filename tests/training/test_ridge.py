"""Ridge regression from sums against scikit-learn on the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeClassifier

from mer import stats
from mer.features import Features
from mer.params.schema import Training
from mer.training.baselines import classifier, least_squares, ridge
from mer.training.baselines.classifier import TrainedLinear
from mer.training.scaling import standardise

BOTH = ("audio", "text")
CLASSES = 5


def _rows(seed, groups=4):
    """120 rows of 5 classes, not all in every group; different scales and means, a constant, half without text."""
    generator = np.random.default_rng(seed)
    group, label = generator.integers(0, groups, 120), generator.integers(0, CLASSES, 120)
    label = np.where(group == 1, label % 2, label)
    audio = generator.normal(0, 1, (120, 9)) * 10.0 ** generator.integers(-3, 4, 9) + generator.normal(0, 100, 9)
    audio[:, 2] = 0.1
    text = generator.poisson(0.5, (120, 4)) + (label == 3)[:, None]
    there = generator.random(120) < 0.5
    arrays = {"audio": audio.astype(np.float32), "text": (text * there[:, None]).astype(np.float32)}
    return Features(arrays, {"audio": np.ones(120, bool), "text": there}, {"text": "tfidf"}), label, group


def _plain(features, rows, label, penalty, balanced):
    """Return the fit of scikit-learn on rows that are standardised as in a training, in float64."""
    moments = standardise.fit(features, rows, BOTH).moments
    z = [(features.arrays[m][rows] - mean) / scale for m, (mean, scale) in moments.items()]
    z = np.concatenate([v * features.present[m][rows, None] for v, m in zip(z, BOTH, strict=True)], axis=1)
    weights = np.ones(len(rows))
    if balanced:
        counts = np.bincount(label[rows], minlength=CLASSES)
        weights = len(rows) / ((counts > 0).sum() * counts[label[rows]])
    targets = 2 * np.eye(CLASSES)[label[rows]] - 1
    return z, Ridge(alpha=penalty, solver="cholesky").fit(z, targets, sample_weight=weights)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    chosen=st.lists(st.booleans(), min_size=4, max_size=4).filter(any),
    penalty=st.floats(1e-2, 1e4),
    balanced=st.booleans(),
)
def test_model_of_a_subset_equals_the_fit_on_its_rows(seed, chosen, penalty, balanced):
    features, label, group = _rows(seed)
    rows = np.flatnonzero(np.array(chosen)[group])
    cells = least_squares.collect(features, np.arange(120), BOTH, label, group)
    (result,) = ridge.solve(cells, np.array([chosen]), np.array([penalty]), CLASSES, balanced=balanced)
    _, wanted = _plain(features, rows, label, penalty, balanced)
    seen = np.unique(label[rows])
    np.testing.assert_allclose(result.weights, wanted.coef_, rtol=1e-8, atol=1e-8 * np.abs(wanted.coef_).max() + 1e-15)
    np.testing.assert_allclose(result.bias[seen], wanted.intercept_[seen], rtol=1e-8, atol=1e-8)
    assert np.isneginf(np.delete(result.bias, seen)).all()


@pytest.mark.parametrize("balanced", ["balanced", None])
def test_decisions_equal_ridge_classifier(balanced):
    features, label, group = _rows(3)
    rows = np.flatnonzero(group != 1)
    cells = least_squares.collect(features, rows, BOTH, label[rows], group[rows])
    subsets = np.ones((1, 4), bool)
    (result,) = ridge.solve(cells, subsets, np.array([7.0]), CLASSES, balanced=balanced is not None)
    z, _ = _plain(features, rows, label, 7.0, False)
    wanted = RidgeClassifier(alpha=7.0, class_weight=balanced, solver="cholesky").fit(z, label[rows])
    np.testing.assert_allclose(z @ result.weights.T + result.bias, wanted.decision_function(z), rtol=1e-8, atol=1e-8)


def test_subsets_in_blocks_equal_single_subsets(monkeypatch):
    features, label, group = _rows(5)
    cells = least_squares.collect(features, np.arange(120), BOTH, label, group)
    subsets = np.arange(1, 16)[:, None] >> np.arange(4) & 1 == 1
    together = list(ridge.solve(cells, subsets, np.full(15, 3.0), CLASSES, balanced=True))
    monkeypatch.setattr(ridge, "MAX_BLOCK_VALUES", 13**2 * 2)
    apart = list(ridge.solve(cells, subsets, np.full(15, 3.0), CLASSES, balanced=True))
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-9, atol=1e-12)


def test_fit_learns_and_chooses_on_validation(task):
    rows = np.arange(240)
    train, validation, test = rows[rows % 4 < 2], rows[rows % 4 == 2], rows[rows % 4 == 3]
    fitted = classifier.fit("ridge", task, train, validation, inputs=BOTH, training=Training())
    probabilities = fitted.predict(task.features, test)
    assert probabilities.shape == (60, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert not probabilities[:, 3:].any()  # classes that nobody has
    assert stats.uar(stats.confusion(task.labels[test], probabilities.argmax(axis=1), 7)) > 0.8
    assert [set(h) for h in fitted.history] == [{"inverse_regularisation", "mean", "one", "two"}] * 3
    best = max(h["mean"] for h in fitted.history)
    assert np.mean(list(task.score_predictor(fitted.predict, validation).values())) == best
    again = TrainedLinear.from_tensors(fitted.tensors(), fitted.standardiser)
    assert (again.predict(task.features, test) == probabilities).all()


def test_fit_without_validation_takes_the_middle_penalty(task):
    train = np.arange(0, 240, 2)
    fitted = classifier.fit("ridge", task, train, train[:0], inputs=BOTH, training=Training())
    (middle,) = ridge.solve(
        least_squares.collect(task.features, train, BOTH, task.labels[train], np.zeros(120, int)),
        np.ones((1, 1), bool), np.array([0.5 / 1e-2]), 7, balanced=True,
    )  # fmt: skip
    np.testing.assert_allclose(fitted.weights, middle.weights, rtol=1e-9, atol=1e-12)


def test_degenerate_rows_are_fitted(task):
    task.features.arrays["audio"][:, 4] = 3e12
    few = np.flatnonzero(task.labels == 0)[:5]
    fitted = classifier.fit("ridge", task, few, few[:0], inputs=BOTH, training=Training())
    assert (fitted.predict(task.features, np.arange(240)).argmax(axis=1) == 0).all()
    few = np.arange(9)
    fitted = classifier.fit("ridge", task, few, few[:0], inputs=BOTH, training=Training())
    assert (fitted.weights[:, 4] == 0).all()
    assert np.isfinite(fitted.predict(task.features, np.arange(240))).all()


def test_invalid_input_is_named(task):
    rows = np.arange(240)
    cells = least_squares.collect(task.features, rows, BOTH, task.labels, rows % 3)
    with pytest.raises(ValueError, match="a subset of groups has no rows"):
        list(ridge.solve(cells, np.zeros((1, 3), bool), np.ones(1), 7, balanced=True))
    task.features.arrays["audio"][:, 1] = task.features.arrays["audio"][:, 0]
    cells = least_squares.collect(task.features, rows[:6], BOTH, task.labels[:6], rows[:6] % 3)
    with pytest.raises(ValueError, match="too small for these features"):
        list(ridge.solve(cells, np.ones((1, 3), bool), np.array([1e-300]), 7, balanced=True))
    fitted = classifier.fit("ridge", task, rows, rows[:0], inputs=BOTH, training=Training())
    task.features.arrays["audio"][7, 0] = np.inf
    with pytest.raises(ValueError, match=r"audio: 1 of 20 rows .* first row 7"):
        fitted.predict(task.features, rows[:20])
    with pytest.raises(ValueError, match=r"audio: 1 of 240 rows .* first row 7"):
        classifier.fit("ridge", task, rows, rows[:0], inputs=BOTH, training=Training())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": np.zeros(6)}, "but bias and standardiser"),
        ({"bias": np.zeros((7, 20))}, "'bias'"),
        ({"weights": np.full((7, 20), "x")}, "'weights'"),
        ({"weights": None}, "no tensor 'weights'"),
    ],
)
def test_inconsistent_tensors_are_refused(task, change, message):
    fitted = classifier.fit("ridge", task, np.arange(240), np.arange(0), inputs=BOTH, training=Training())
    tensors = {name: t for name, t in (fitted.tensors() | change).items() if t is not None}
    with pytest.raises(ValueError, match=message):
        TrainedLinear.from_tensors(tensors, fitted.standardiser)
