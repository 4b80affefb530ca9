"""The search for the minimum of logistic regression, beside that of scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mer.training.baselines import multinomial


def rows(classes, width, count=90, seed=0):
    """Rows with correlated features of very different scales, an offset, and classes of different frequencies."""
    generator = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), generator.integers(0, classes, count - classes) ** 2 // classes])
    mixing = generator.normal(size=(width, width)) * np.geomspace(1e-2, 3, width)
    return generator.normal(size=(count, width)) @ mixing + y[:, None] * 0.3 + 2, y


def sklearn(x, y, strength, weight):
    model = LogisticRegression(C=strength, max_iter=100_000, tol=1e-9).fit(x, y, sample_weight=weight)
    return model.predict_proba(x)


def probabilities(x, weights, bias):
    logits = x @ weights.T + bias
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("full", [True, False], ids=["pairs", "each feature"])
def test_is_the_minimum_of_scikit_learn(classes, full, monkeypatch):
    if not full:
        monkeypatch.setattr(multinomial, "FULL_WIDTH", 3)
    x, y = rows(classes, width=8)
    weight = np.random.default_rng(1).uniform(0.2, 3, len(y))
    strengths = [1e-1, 1e-4, 1.0, 1e-2]
    found = multinomial.fit(x, y, strengths, weight, tolerance=1e-8)
    for strength, model in zip(strengths, found, strict=True):
        np.testing.assert_allclose(probabilities(x, *model), sklearn(x, y, strength, weight), atol=1e-4)


def test_weights_count_as_repeated_rows():
    x, y = rows(3, width=4)
    weight = 1.0 + (np.arange(len(y)) % 3 == 0)
    repeated = np.repeat(np.arange(len(y)), weight.astype(int))
    [weighted] = multinomial.fit(x, y, [0.1], weight, tolerance=1e-9)
    [longer] = multinomial.fit(x[repeated], y[repeated], [0.1], np.ones(len(repeated)), tolerance=1e-9)
    np.testing.assert_allclose(weighted[0], longer[0], atol=1e-6)
    np.testing.assert_allclose(weighted[1], longer[1], atol=1e-5)


def test_more_features_than_rows_and_constant_ones():
    x, y = rows(3, width=60, count=20)
    x[:, 7] = 0.0
    [(weights, bias)] = multinomial.fit(x, y, [0.01], np.ones(len(y)), tolerance=1e-8)
    assert not weights[:, 7].any()
    np.testing.assert_allclose(probabilities(x, weights, bias), sklearn(x, y, 0.01, np.ones(len(y))), atol=1e-4)


def test_large_values_and_equal_features_leave_the_curvature_positive():
    x, y = rows(3, width=6)
    x = np.hstack([x, x])
    noise = np.random.default_rng(2).normal(size=(len(y), 1))
    [plain] = multinomial.fit(np.hstack([x, noise]), y, [0.1], np.ones(len(y)))
    [scaled] = multinomial.fit(np.hstack([x, noise * 1e9]), y, [0.1], np.ones(len(y)))
    shares = [probabilities(np.hstack([x, noise * s]), *model) for s, model in ((1, plain), (1e9, scaled))]
    assert np.mean(shares[0].argmax(1) == shares[1].argmax(1)) > 0.9  # the noise itself is penalised less


@pytest.mark.parametrize(("width", "count"), [(30, 400), (120, 100)], ids=["more rows", "more features"])
def test_the_tolerance_of_a_training_hardly_changes_predictions_of_new_rows(width, count):
    x, y = rows(4, width, 2 * count)
    train, new = np.arange(0, 2 * count, 2), np.arange(1, 2 * count, 2)
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    strengths = [1e-4, 1e-2, 1.0]
    exact = multinomial.fit(x[train], y[train], strengths, np.ones(count), tolerance=1e-7)
    used = multinomial.fit(x[train], y[train], strengths, np.ones(count))
    for one, other in zip(exact, used, strict=True):
        difference = probabilities(x[new], *one) - probabilities(x[new], *other)
        assert np.abs(difference).max() < 0.02


def test_a_search_that_ends_too_early_says_so(monkeypatch):
    monkeypatch.setattr(multinomial, "STEPS", 2)
    x, y = rows(3, width=6)
    with pytest.warns(RuntimeWarning, match=r"C = 10 has found no minimum: the largest entry of the gradient is"):
        multinomial.fit(x, y, [10.0], np.ones(len(y)))
