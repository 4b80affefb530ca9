"""Adaptation without labels: what each method finds, what its guard refuses, and that rows and classes are handled."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from mer.params.schema import System, Training
from mer.training import ensemble, grid
from mer.training.adaptation import adaptation, gaussians, methods, priors, trial
from mer.training.adaptation.rows import Rows, Source
from mer.training.job import Job

CLASSES = 4
METHODS = tuple(methods.METHODS)
UNIFORM = np.full(CLASSES, 1 / CLASSES)


def drawn(shares, n, seed=0, name="t", moved=0.0):
    """Return labels, and predicted rows of 30 clips per speaker, from Gaussian classes with given shares.

    The probabilities are calibrated for equal shares if nothing is `moved`: all features, as by another microphone.
    """
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, n, p=shares)
    means = 1.6 * np.eye(CLASSES, 8)
    x = means[labels] + generator.normal(0, 1, (n, 8)) + moved * np.eye(8)[0]
    p = softmax(x @ means.T, axis=1)  # the posterior of Gaussians of equal norm and unit covariance
    speakers = np.array([f"{name}{number // 30}" for number in range(n)])
    return labels, Rows(p, x, np.repeat(name, n), speakers)


def joined(*parts):
    fields = ("probabilities", "vectors", "corpora", "speakers")
    return Rows(*(np.concatenate([getattr(part, field) for part in parts]) for field in fields))


def fitted(method, moved=0.0):
    """What a method needs, from three corpora of 300 rows."""
    labels, parts = zip(*(drawn(UNIFORM, 300, seed, name, moved) for seed, name in enumerate("abc", 5)), strict=True)
    return trial.fit(method, joined(*parts), np.concatenate(labels), UNIFORM)


@pytest.fixture(scope="module")
def source():
    """Statistics with which every method is used."""
    return replace(fitted("prior_bbse"), steps=np.ones(2), temperature=np.ones(2))


@pytest.mark.parametrize("shares", [(0.7, 0.1, 0.1, 0.1), (0.4, 0.4, 0.1, 0.1), (0.0, 0.5, 0.5, 0.0)])
def test_shares_are_found_under_prior_shift(source, shares):
    _, rows = drawn(shares, 2000)
    everything = np.ones(CLASSES, bool)
    np.testing.assert_allclose(priors.em(rows.probabilities, source.prior), shares, atol=0.05)
    np.testing.assert_allclose(priors.bbse(rows.probabilities, source.confusion, everything), shares, atol=0.08)


def test_em_maximises_the_likelihood(source):
    _, rows = drawn((0.6, 0.2, 0.1, 0.1), 300)
    p = rows.probabilities
    best = priors.em(p, source.prior)

    def log_likelihood(shares):
        return np.log(p @ (shares / source.prior)).mean()

    for other in (source.prior, *np.random.default_rng(0).dirichlet(np.ones(CLASSES), 200)):
        assert log_likelihood(other) <= log_likelihood(best) + 1e-9


def accuracy(p, labels):
    return (p.argmax(axis=1) == labels).mean()


@pytest.mark.parametrize("method", ["prior_em", "prior_bbse"])
def test_prior_shift_is_corrected_where_the_training_corpora_show_it(method):
    labels, rows = drawn((0.7, 0.2, 0.05, 0.05), 500)
    adapted = adaptation.adapt(method, fitted(method), rows)
    assert accuracy(adapted, labels) > accuracy(rows.probabilities, labels) + 0.03


@pytest.mark.parametrize("method", ["gaussians", "speaker_gaussians"])
def test_gaussians_correct_moved_features_where_the_training_corpora_show_it(method):
    labels, rows = drawn(UNIFORM, 600, moved=1.2)
    adapted = adaptation.adapt(method, fitted(method, moved=1.2), rows)
    assert accuracy(adapted, labels) > accuracy(rows.probabilities, labels) + 0.01


@pytest.mark.parametrize("method", ["gaussians", "speaker_clusters"])
def test_methods_that_expect_every_class_refuse_uneven_targets(source, method):
    """Whether features moved or one class is frequent cannot be known there."""
    uneven, even = (replace(drawn(UNIFORM, 300, moved=m)[1], corpora=np.repeat("t", 300)) for m in (3.0, 0.0))
    uneven, even = (replace(one, speakers=one.corpora) for one in (uneven, even))
    assert adaptation.evenness(uneven.probabilities) < adaptation.MIN_EVENNESS < adaptation.evenness(even.probabilities)
    assert (adaptation.adapt(method, source, uneven) == uneven.probabilities).all()
    assert (adaptation.adapt(method, source, even) != even.probabilities).any()


@pytest.mark.parametrize("method", ["prior_em", "prior_bbse"])
def test_prior_shift_is_not_corrected_where_features_move_between_corpora(method):
    """Every training corpus looks as if one class were frequent, and none has other shares than the source."""
    labels, parts = zip(
        *(
            drawn(UNIFORM, 300, seed, name, moved)
            for seed, (name, moved) in enumerate(zip("abc", (3, -3, 3), strict=True))
        ),
        strict=True,
    )
    source = trial.fit(method, joined(*parts), np.concatenate(labels), UNIFORM)
    assert not source.steps.any()
    _, rows = drawn((0.7, 0.2, 0.05, 0.05), 500)
    assert (adaptation.adapt(method, source, rows) == rows.probabilities).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_corpora_show_nothing(method, count):
    labels, rows = drawn(UNIFORM, 300 * count)
    source = trial.fit(method, rows, labels, UNIFORM)
    assert source.steps.tolist() == [0, 0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("allowed", [None, (True, True, False, True)])
def test_rows_sum_to_1_and_classes_that_are_not_allowed_get_nothing(source, method, allowed):
    _, rows = drawn((0.7, 0.1, 0.1, 0.1), 200)
    rows.probabilities[:3] = np.eye(CLASSES)[[2, 2, 0]]  # certain, two of them of a class that is not allowed
    mask = None if allowed is None else np.tile(allowed, (200, 1))
    adapted = adaptation.adapt(method, source, rows, mask)
    np.testing.assert_allclose(adapted.sum(axis=1), 1)
    assert np.isfinite(adapted).all()
    if mask is not None:
        assert (adapted[:, 2] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_does_not_matter_to_the_bit(source, method):
    labels, rows = drawn((0.6, 0.2, 0.1, 0.1), 300)
    order = np.random.default_rng(3).permutation(300)
    assert (adaptation.adapt(method, source, rows)[order] == adaptation.adapt(method, source, rows.take(order))).all()
    both = replace(rows, corpora=np.repeat(["a", "b", "c"], 100))
    first, second = (trial.fit(method, both.take(o), labels[o], UNIFORM) for o in (np.arange(300), order))
    assert (first.steps == second.steps).all()
    assert (first.temperature == second.temperature).all()
    assert (first.confusion == second.confusion).all()


@pytest.mark.parametrize("method", METHODS)
def test_targets_do_not_affect_each_other(source, method):
    parts = [
        drawn(shares, 150, seed, name)[1] for seed, name, shares in ((0, "a", (0.7, 0.1, 0.1, 0.1)), (1, "b", UNIFORM))
    ]
    alone = np.concatenate([adaptation.adapt(method, source, rows) for rows in parts])
    mixed = np.random.default_rng(0).permutation(300)
    assert (adaptation.adapt(method, source, joined(*parts).take(mixed)) == alone[mixed]).all()


@pytest.mark.parametrize("n", [1, adaptation.MIN_ROWS - 1])
@pytest.mark.parametrize("method", METHODS)
def test_few_rows_are_not_adapted(source, method, n):
    _, rows = drawn((1.0, 0.0, 0.0, 0.0), n)
    assert (adaptation.adapt(method, source, rows) == rows.probabilities).all()


@pytest.mark.parametrize("method", METHODS)
def test_identical_rows_are_handled(source, method):
    one = drawn(UNIFORM, 1)[1]
    rows = one.take(np.zeros(60, int))
    adapted = adaptation.adapt(method, source, rows)
    assert np.isfinite(adapted).all()
    np.testing.assert_allclose(adapted.sum(axis=1), 1)


@pytest.mark.parametrize("method", METHODS)
def test_an_untrained_class_stays_impossible(source, method):
    _, rows = drawn((0.4, 0.4, 0.2, 0.0), 200)
    rows.probabilities[:, 3] = 0
    rows.probabilities[:] /= rows.probabilities.sum(axis=1, keepdims=True)
    three = replace(source, prior=np.array([1, 1, 1, 0]) / 3)
    adapted = adaptation.adapt(method, three, rows)
    assert (adapted[:, 3] == 0).all()
    np.testing.assert_allclose(adapted.sum(axis=1), 1)


def test_bbse_without_source_rows_of_a_class_changes_nothing(source):
    confusion = source.confusion.copy()
    confusion[:, 1] = np.nan
    _, rows = drawn((0.7, 0.1, 0.1, 0.1), 200)
    np.testing.assert_allclose(
        adaptation.adapt("prior_bbse", replace(source, confusion=confusion), rows), rows.probabilities
    )


def test_components_are_the_same_by_rows_and_by_features():
    x = np.random.default_rng(0).normal(0, 1, (40, 100))
    by_rows, by_features = gaussians.components(x), gaussians.components(np.tile(x, (3, 1)))[:40]
    count = min(by_rows.shape[1], by_features.shape[1])
    np.testing.assert_allclose(np.abs(by_rows[:, :count]), np.abs(by_features[:, :count]), atol=1e-6)
    assert gaussians.components(np.ones((40, 5))).shape[0] == 40


def test_reweighting_under_impossible_shares_leaves_rows_as_they_are():
    p = np.array([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(priors.reweighted(p, np.array([0.5, 0.5]), np.array([0.0, 1.0])), [[1, 0], [0, 1]])


ROWS = np.arange(240)
TRAIN, VALIDATION, TEST = ROWS[ROWS % 4 < 2], ROWS[ROWS % 4 == 2], ROWS[ROWS % 4 == 3]


def job(model, method, **fields):
    training = Training(epochs=2, hidden=8, adaptation=method, inverse_regularisation=(0.1,), **fields)
    return Job("s", "cell", System(model=model, inputs=("audio",)), training, 0, TRAIN, VALIDATION, TEST)


@pytest.mark.parametrize("model", ["logistic", "ridge", "kernel_ridge", "svm_rbf", "concat"])
def test_every_kind_of_model_adapts_and_its_result_is_read_back(task, model, tmp_path):
    task = replace(task, groups={"speaker": task.corpora, "corpus": task.corpora})
    for method in METHODS:
        one = job(model, method)
        [result] = grid.run_jobs(task, [one], grid.Engine(), tmp_path)
        [again] = grid.run_jobs(task, [one], grid.Engine(), tmp_path)
        assert (again.probabilities == result.probabilities).all()
        assert (again.restricted_probabilities == result.restricted_probabilities).all()
        trained = grid.fit_job(task, one, "cpu")
        assert (grid.job_result(task, one, trained).probabilities == result.probabilities).all()


def test_a_system_that_does_not_adapt_has_no_other_result(task):
    [result] = grid.run_jobs(task, [job("logistic", "none")], grid.Engine())
    assert result.restricted_probabilities is None
    assert result.among_test_classes is result.probabilities


def test_labels_of_test_rows_are_read_for_the_classes_of_a_corpus_only(task):
    shuffled = task.labels.copy()
    for corpus in ("one", "two"):
        own = TEST[task.corpora[TEST] == corpus]
        shuffled[own] = np.random.default_rng(0).permutation(shuffled[own])
    for method in ("prior_em", "gaussians"):
        first, second = (grid.run_jobs(replace(task, labels=labels), [job("logistic", method)], grid.Engine())[0]
                         for labels in (task.labels, shuffled))  # fmt: skip
        assert (first.probabilities == second.probabilities).all()
        assert (first.restricted_probabilities == second.restricted_probabilities).all()


def test_statistics_of_a_checkpoint_are_checked(source):
    tensors = source.tensors()
    read = Source.from_tensors(tensors, CLASSES)
    assert all((getattr(read, name) == getattr(source, name)).all() for name in ("prior", "steps", "temperature"))
    assert Source.from_tensors({}, CLASSES) is None
    with pytest.raises(ValueError, match=r"adaptation\.steps"):
        Source.from_tensors({n: v for n, v in tensors.items() if n != "adaptation.steps"}, CLASSES)


def test_an_adapted_system_is_transductive_alone_and_in_an_ensemble(task):
    """The flag is that of predictions: it must not depend on whether the features are normalised, too."""
    assert Training(adaptation="prior_em").transductive
    assert Training(normalisation="speaker").transductive
    assert not Training().transductive
    jobs = [job("logistic", "none"), replace(job("ridge", "prior_em"), system="t")]
    trained = grid.run_jobs(task, jobs, grid.Engine())
    [result] = ensemble.results(task, trained, {"e": System(model="ensemble", members=("s", "t"))})
    assert result.job.training.transductive
    assert result.restricted_probabilities is not None
    np.testing.assert_allclose(result.restricted_probabilities.sum(axis=1), 1)
