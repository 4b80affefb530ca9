from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from mer import stats
from mer.params.schema import System, Training
from mer.training import calibration, grid
from mer.training.job import Job


def made(truth, n=400, seed=0):
    """Return labels that are drawn from softmax(z), and `truth` times z."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, 4))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    return logits * truth, labels.clip(max=3)


def unlikely(logits, labels, corpora, t):
    each = -log_softmax(logits / t, axis=1)[np.arange(len(labels)), labels]
    return np.mean([each[corpora == c].mean() for c in np.unique(corpora)])


@pytest.mark.parametrize("truth", [0.3, 1.0, 4.0])
def test_temperature_equals_a_grid_search(truth):
    logits, labels = made(truth)
    corpora = np.where(np.arange(len(labels)) < 80, "small", "large")
    grid = np.exp(np.linspace(*np.log(calibration.LIMITS), 4001))
    best = grid[np.argmin([unlikely(logits, labels, corpora, t) for t in grid])]
    result = calibration.temperature(logits, labels, corpora, multi_label=False)
    assert result == pytest.approx(best, rel=2e-3)
    assert result == pytest.approx(truth, rel=0.4)


def test_rows_of_untrained_classes_are_left_out():
    logits, labels = made(2.0)
    corpora = np.repeat("c", len(labels))
    kept = labels < 3
    logits[:, 3] = -np.inf
    alone = calibration.temperature(logits[kept], labels[kept], corpora[kept], multi_label=False)
    assert calibration.temperature(logits, labels, corpora, multi_label=False) == alone
    assert calibration.temperature(logits[:0], labels[:0], corpora[:0], multi_label=False) == 1.0
    assert calibration.temperature(logits[~kept], labels[~kept], corpora[~kept], multi_label=False) == 1.0


def test_temperature_of_perfect_predictions_stays_within_the_limits():
    logits = 5 * np.eye(4)[np.arange(40) % 4]
    result = calibration.temperature(logits, np.arange(40) % 4, np.repeat("c", 40), multi_label=False)
    assert calibration.LIMITS[0] <= result < 0.2  # by then, it is certain to the last digit


def many(seed, n=1000, classes=7):
    """Return logits of multi-label networks: mostly below 0, that of the class higher."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    logits = generator.normal(-2.5, 1.5, (n, classes))
    logits[np.arange(n), labels] += 2.0
    return logits, labels


@pytest.mark.parametrize("seed", range(4))
def test_multi_label_temperature_is_fitted_to_the_probabilities_in_use(seed):
    logits, labels = many(seed)
    corpora = np.where(np.arange(len(labels)) < 200, "small", "large")

    def unlikely_too(t):
        each = -np.log(calibration.probabilities(logits / t, multi_label=True)[np.arange(len(labels)), labels])
        return np.mean([each[corpora == c].mean() for c in np.unique(corpora)])

    result = calibration.temperature(logits, labels, corpora, multi_label=True)
    grid = np.exp(np.linspace(*np.log(calibration.LIMITS), 2001))
    assert unlikely_too(result) <= min(map(unlikely_too, grid)) + 1e-7
    other = calibration.temperature(logits, labels, corpora, multi_label=False)
    errors = [stats.calibration_error(labels, calibration.probabilities(logits / t, True)) for t in (result, other)]
    assert errors[0] < 0.07 < 0.1 < errors[1]


@pytest.mark.parametrize("t", [*calibration.LIMITS, 1.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 40.0])
def test_most_probable_class_has_the_largest_logit_for_saturated_sigmoids(t, scale):
    for shift in (-20, 0, 20):
        logits = many(0)[0] * scale + shift
        logits[:, 2] = -np.inf
        result = calibration.probabilities(logits / t, multi_label=True)
        assert (result.argmax(axis=1) == logits.argmax(axis=1)).mean() > 0.999  # but for equals within 1e-4
        assert (result[:, 2] == 0).all()
        np.testing.assert_allclose(result.sum(axis=1), 1)


@pytest.mark.parametrize("shift", [-30, -5, 0, 5, 30])
def test_best_of_several_minima_is_found_for_sigmoids(shift):
    for seed in range(4):
        logits, labels = many(seed, n=60, classes=4)
        logits = logits * 4 + shift
        logits[:, 3][labels != 3] = -np.inf
        corpora = np.repeat("a", len(labels))
        known = np.isfinite(logits[np.arange(60), labels])

        def unlikely_too(t, z=logits[known], y=labels[known]):
            return -np.log(calibration.probabilities(z / t, multi_label=True)[np.arange(len(y)), y]).mean()

        result = calibration.temperature(logits, labels, corpora, multi_label=True)
        best = min(map(unlikely_too, np.exp(np.linspace(*np.log(calibration.LIMITS), 1001))))
        assert unlikely_too(result) <= best * (1 + 1e-3) + 1e-6


@pytest.mark.parametrize("engine", ["single", "stacked"])
def test_multi_label_training_is_calibrated_on_its_probabilities(task, engine, tmp_path):
    answers = np.eye(7, dtype=np.float32)[task.labels]
    answers[:, 5] = np.arange(240) % 7 == 0
    many = replace(task, targets={"multi_label": answers})
    rows = np.arange(240)
    job = Job("gated", None, System(model="gated", inputs=("audio", "text")),
              Training(epochs=6, hidden=8, targets="multi_label"), 0,
              rows[rows % 4 < 2], rows[rows % 4 == 2], rows[rows % 4 == 3])  # fmt: skip
    model = grid.fit_job(many, job, "cpu")
    logits = model.logits(many.features, job.validation)
    outcome = many.labels[job.validation], many.corpora[job.validation]
    assert model.temperature == calibration.temperature(logits, *outcome, multi_label=True)
    assert model.temperature != calibration.temperature(logits, *outcome, multi_label=False)
    [done] = grid.run_jobs(many, [job], grid.Engine(engine))
    np.testing.assert_allclose(done.probabilities, model.predict(many.features, job.test), atol=1e-3)


def test_temperature_makes_probabilities_calibrated():
    logits, labels = made(3.0)
    fitted = calibration.temperature(logits, labels, np.repeat("c", len(labels)), multi_label=False)
    before, after = (stats.calibration_error(labels, softmax(logits / t, axis=1)) for t in (1.0, fitted))
    assert after < 0.5 * before
