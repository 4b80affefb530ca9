"""Support vector machines from plain arrays against scikit-learn's own predictions."""

from functools import partial

import numpy as np
import pytest
from sklearn.svm import SVC, LinearSVC

from mer import stats
from mer.params.schema import Training
from mer.training.baselines import classifier, kernel_machine
from mer.training.baselines.classifier import TrainedLinear, stack

BOTH = ("audio", "text")
ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]
FITS = {"linear": partial(classifier.fit, "svm_linear"), "rbf": partial(classifier.fit, "svm_rbf")}


def _more_classes(task, number):
    """Change the labels to 2, 3, …, so that there are classes without rows below and above."""
    task.labels[:] = 2 + ROWS % number
    task.features.arrays["audio"][:, 1] += 2 * task.labels


@pytest.mark.parametrize("weights", ["class_weights", "none"])
@pytest.mark.parametrize("number", [2, 3, 5])
def test_kernel_decisions_equal_scikit_learn(task, number, weights):
    _more_classes(task, number)
    fitted = classifier.fit("svm_rbf", task, TRAIN, TRAIN[:0], inputs=BOTH, training=Training(balance=weights))
    x, unseen = (stack(task.features, rows, fitted.standardiser) for rows in (TRAIN, TEST))
    theirs = None if weights == "none" else "balanced"
    model = SVC(C=20 * 1e-2, gamma=0.3 / 20, class_weight=theirs, decision_function_shape="ovo")
    wanted = model.fit(x, task.labels[TRAIN]).decision_function(unseen).reshape(len(TEST), -1)
    # libsvm ends at a tolerance of 1e-3, at other values if distances are given instead of rows
    tolerance = 2e-3
    if number == 2:
        wanted = -wanted  # scikit-learn's speaks for the second of two
    np.testing.assert_allclose(fitted.pair_decisions(task.features, TEST), wanted, atol=tolerance)
    probabilities = fitted.predict(task.features, TEST)
    assert set(probabilities.argmax(axis=1)) <= set(range(2, 2 + number))
    assert (probabilities[:, [0, 1]] == 0).all()
    if number > 2:
        model.set_params(decision_function_shape="ovr", break_ties=True)
        values = model.decision_function(unseen)
        logs = np.log(probabilities[:, 2 : 2 + number])
        np.testing.assert_allclose(logs - logs[:, :1], values - values[:, :1], atol=tolerance)
        assert (probabilities.argmax(axis=1) == model.predict(unseen)).all()


@pytest.mark.parametrize("weights", ["class_weights", "none"])
@pytest.mark.parametrize("number", [2, 5])
def test_linear_decisions_equal_scikit_learn(task, number, weights):
    _more_classes(task, number)
    fitted = classifier.fit("svm_linear", task, TRAIN, TRAIN[:0], inputs=BOTH, training=Training(balance=weights))
    x, unseen = (stack(task.features, rows, fitted.standardiser) for rows in (TRAIN, TEST))
    model = LinearSVC(C=1e-2, dual=False, class_weight=None if weights == "none" else "balanced")
    wanted = model.fit(x, task.labels[TRAIN]).decision_function(unseen)
    logs = np.log(fitted.predict(task.features, TEST)[:, 2 : 2 + number])
    if number == 2:
        np.testing.assert_allclose(logs[:, 1] - logs[:, 0], wanted, atol=1e-9)
    else:
        np.testing.assert_allclose(logs - logs[:, :1], wanted - wanted[:, :1], atol=1e-9)


@pytest.mark.parametrize("kernel", FITS)
def test_fit_learns_chooses_on_validation_and_is_repeatable(task, kernel):
    fitted = FITS[kernel](task, TRAIN, VALIDATION, inputs=BOTH, training=Training())
    probabilities = fitted.predict(task.features, TEST)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert stats.uar(stats.confusion(task.labels[TEST], probabilities.argmax(axis=1), 7)) > 0.8
    best = max(h["mean"] for h in fitted.history)
    assert np.mean(list(task.score_predictor(fitted.predict, VALIDATION).values())) == best
    assert len(fitted.history) == (3 if kernel == "linear" else 9)
    again = FITS[kernel](task, TRAIN, VALIDATION, inputs=BOTH, training=Training())
    assert (again.predict(task.features, TEST) == probabilities).all()


@pytest.mark.parametrize("kernel", FITS)
def test_tensors_suffice_for_a_prediction(task, kernel):
    fitted = FITS[kernel](task, TRAIN, VALIDATION, inputs=BOTH, training=Training())
    tensors = fitted.tensors()
    assert all(isinstance(t, np.ndarray) and t.dtype.kind in "fi" for t in tensors.values())
    again = type(fitted).from_tensors(tensors, fitted.standardiser)
    assert (again.predict(task.features, TEST) == fitted.predict(task.features, TEST)).all()


@pytest.mark.parametrize("kernel", FITS)
def test_feature_that_is_constant_in_training_has_no_effect(task, kernel):
    without = FITS[kernel](task, TRAIN, VALIDATION, inputs=("audio",), training=Training())
    before = without.predict(task.features, TEST)
    task.features.arrays["text"][:] = 0.1
    task.features.present["text"][:] = True
    with_it = FITS[kernel](task, TRAIN, VALIDATION, inputs=BOTH, training=Training())
    task.features.arrays["text"][TEST] = 1e6
    after = with_it.predict(task.features, TEST)
    assert np.isfinite(after).all()
    if kernel == "linear":
        np.testing.assert_allclose(after, before, atol=1e-9)
    assert (after.argmax(axis=1) == before.argmax(axis=1)).mean() > 0.9  # the kernel's width counts features


@pytest.mark.parametrize("kernel", FITS)
def test_invalid_input_is_named(task, kernel):
    one = TRAIN[task.labels[TRAIN] == 1]
    with pytest.raises(ValueError, match="40 training rows of 1 class"):
        FITS[kernel](task, one, VALIDATION, inputs=BOTH, training=Training())
    fitted = FITS[kernel](task, TRAIN, VALIDATION, inputs=BOTH, training=Training())
    task.features.arrays["text"][4, 0] = np.nan
    with pytest.raises(ValueError, match=r"text: 1 of 120 rows .* first row 4"):
        FITS[kernel](task, TRAIN, VALIDATION, inputs=BOTH, training=Training())
    with pytest.raises(ValueError, match=r"text: 1 of 10 rows .* first row 4"):
        fitted.predict(task.features, ROWS[:10])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("vectors", np.zeros((3, 20), np.float32), "shapes"),
        ("vectors", np.zeros((0,), np.float32), "'vectors'"),
        ("pairs", np.array([[0, 1], [0, 2], [1, 7]]), "shapes"),
        ("pairs", np.array([[0, 1], [0, -2], [1, 2]]), "shapes"),
        ("pairs", np.array([[0.0, 1], [0, 2], [1, 2]]), "shapes"),
        ("gamma", np.array("0.1"), "'gamma'"),
        ("bias", np.zeros(2), "shapes"),
        ("classes", None, "no tensor 'classes'"),
    ],
)
def test_inconsistent_tensors_are_refused(task, name, value, message):
    fitted = classifier.fit("svm_rbf", task, TRAIN, TRAIN[:0], inputs=BOTH, training=Training())
    tensors = fitted.tensors() | {name: value}
    if value is None:
        del tensors[name]
    with pytest.raises(ValueError, match=message):
        kernel_machine.TrainedKernelMachine.from_tensors(tensors, fitted.standardiser)


def test_prediction_in_blocks_is_the_same(task, monkeypatch):
    fitted = classifier.fit("svm_rbf", task, TRAIN, TRAIN[:0], inputs=BOTH, training=Training())
    at_once = fitted.predict(task.features, TEST)
    monkeypatch.setattr(kernel_machine, "MAX_KERNEL_VALUES", 7 * len(fitted.vectors))
    np.testing.assert_allclose(fitted.predict(task.features, TEST), at_once, rtol=1e-12)


def test_linear_machine_is_a_linear_classifier(task):
    fitted = classifier.fit("svm_linear", task, TRAIN, VALIDATION, inputs=BOTH, training=Training())
    assert isinstance(fitted, TrainedLinear)
    assert np.isneginf(fitted.bias[3:]).all()
