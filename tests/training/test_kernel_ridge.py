"""Kernel ridge classification against the equations that define it, written with other formulas."""

import numpy as np
import pytest

from mer import stats
from mer.params.schema import Training
from mer.training.baselines import classifier, kernel_ridge

BOTH = ("audio", "text")
ROWS = np.arange(240)
TRAIN, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 3]


def _fit(task, strengths=(1e-2,), **training):
    parameters = Training(inverse_regularisation=strengths, **training)
    settings = kernel_ridge.settings(parameters)
    return kernel_ridge.fit_all(task, TRAIN, settings, inputs=BOTH, training=parameters)


def _defined(task, fitted, penalty, weights):
    """The decision values of the test rows from the dual equations with an intercept, a's sum over rows being 0."""
    x, unseen = (classifier.stack(task.features, rows, fitted.standardiser) for rows in (TRAIN, TEST))
    kernel = np.exp(-0.25 / x.shape[1] * ((x[:, None] - x) ** 2).sum(axis=2))
    n = len(x)
    system = np.zeros((n + 1, n + 1))
    system[:n, :n], system[:n, n], system[n, :n] = kernel + np.diag(penalty / weights), 1, 1
    targets = np.vstack([2 * np.eye(task.classes)[task.labels[TRAIN]] - 1, np.zeros(task.classes)])
    solution = np.linalg.solve(system, targets)
    return np.exp(-0.25 / x.shape[1] * ((unseen[:, None] - x) ** 2).sum(axis=2)) @ solution[:n] + solution[n]


@pytest.mark.parametrize("balance", ["class_weights", "none"])
def test_decisions_solve_the_equations(task, balance):
    task.labels[TRAIN[:30]] = 0  # classes of unequal size
    for fitted, strength in zip(_fit(task, (1e-3, 1e-1), balance=balance), (1e-3, 1e-1), strict=True):
        counts = np.bincount(task.labels[TRAIN], minlength=task.classes)
        weights = len(TRAIN) / ((counts > 0).sum() * counts[task.labels[TRAIN]])
        wanted = _defined(task, fitted, 0.5 / (strength * 20), weights if balance == "class_weights" else np.ones(120))
        values = fitted.logits(task.features, TEST)
        np.testing.assert_allclose(values[:, counts > 0], wanted[:, counts > 0], atol=5e-5)  # the jitter
        assert np.isneginf(values[:, counts == 0]).all()


def test_landmarks_approach_the_machine_of_all_rows(task, monkeypatch):
    [exact] = _fit(task)
    differences = []
    for number in (20, 60, 119):
        monkeypatch.setattr(kernel_ridge, "MAX_LANDMARKS", number)
        [fitted] = _fit(task)
        assert fitted.vectors.shape == (number, 20)
        trained = np.isfinite(exact.bias)
        gap = fitted.logits(task.features, TEST)[:, trained] - exact.logits(task.features, TEST)[:, trained]
        differences.append(np.abs(gap).max())
        answers = fitted.predict(task.features, TEST).argmax(axis=1)
        assert stats.uar(stats.confusion(task.labels[TEST], answers, 7)) > 0.8
    assert differences[0] > differences[1] > differences[2]
    assert differences[2] < 0.02


def test_blocks_of_rows_change_nothing(task, monkeypatch):
    [at_once] = _fit(task)
    values = at_once.logits(task.features, TEST)
    monkeypatch.setattr(kernel_ridge, "MAX_KERNEL_VALUES", 7 * len(TRAIN))
    [in_blocks] = _fit(task)
    trained = np.isfinite(at_once.bias)
    np.testing.assert_allclose(in_blocks.logits(task.features, TEST)[:, trained], values[:, trained], atol=1e-9)


def test_equal_rows_are_solved(task):
    task.features.arrays["audio"][TRAIN[1:40]] = task.features.arrays["audio"][TRAIN[0]]
    task.features.arrays["text"][TRAIN[1:40]] = task.features.arrays["text"][TRAIN[0]]
    [fitted] = _fit(task, (10.0,))
    assert np.isfinite(fitted.predict(task.features, TEST)).all()


def test_constant_feature_of_the_training_rows_has_no_effect(task):
    task.features.arrays["text"][:] = 0.1
    task.features.present["text"][:] = True
    [fitted] = _fit(task)
    before = fitted.predict(task.features, TEST)
    task.features.arrays["text"][TEST] = 1e6
    np.testing.assert_array_equal(fitted.predict(task.features, TEST), before)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("vectors", np.zeros((120, 3), np.float32), "shapes"),
        ("duals", np.zeros((7, 119)), "shapes"),
        ("bias", np.zeros(2), "shapes"),
        ("gamma", np.array("0.1"), "'gamma'"),
        ("duals", None, "no tensor 'duals'"),
    ],
)
def test_inconsistent_tensors_are_refused(task, name, value, message):
    [fitted] = _fit(task)
    tensors = fitted.tensors() | {name: value}
    again = kernel_ridge.TrainedKernelRidge.from_tensors(fitted.tensors(), fitted.standardiser)
    assert (again.predict(task.features, TEST) == fitted.predict(task.features, TEST)).all()
    if value is None:
        del tensors[name]
    with pytest.raises(ValueError, match=message):
        kernel_ridge.TrainedKernelRidge.from_tensors(tensors, fitted.standardiser)


def test_row_that_is_no_number_is_named(task):
    [fitted] = _fit(task)
    task.features.arrays["text"][4, 0] = np.nan
    with pytest.raises(ValueError, match=r"text: 1 of 120 rows .* first row 4"):
        _fit(task)
    with pytest.raises(ValueError, match=r"text: 1 of 10 rows .* first row 4"):
        fitted.predict(task.features, ROWS[:10])
