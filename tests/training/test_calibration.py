import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from mer.training import calibration


def made(truth, n=400, seed=0):
    """Labels drawn from softmax(z), and z that is `truth` times too large."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, 4))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    return logits * truth, labels.clip(max=3)


def unlikely(logits, labels, corpora, t):
    each = -log_softmax(logits / t, axis=1)[np.arange(len(labels)), labels]
    return np.mean([each[corpora == c].mean() for c in np.unique(corpora)])


@pytest.mark.parametrize("truth", [0.3, 1.0, 4.0])
def test_the_temperature_is_that_of_a_grid_search(truth):
    logits, labels = made(truth)
    corpora = np.where(np.arange(len(labels)) < 80, "small", "large")
    grid = np.exp(np.linspace(*np.log(calibration.LIMITS), 4001))
    best = grid[np.argmin([unlikely(logits, labels, corpora, t) for t in grid])]
    found = calibration.temperature(logits, labels, corpora)
    assert found == pytest.approx(best, rel=2e-3)
    assert found == pytest.approx(truth, rel=0.4)


def test_rows_of_untrained_classes_are_left_out():
    logits, labels = made(2.0)
    corpora = np.repeat("c", len(labels))
    kept = labels < 3
    logits[:, 3] = -np.inf
    alone = calibration.temperature(logits[kept], labels[kept], corpora[kept])
    assert calibration.temperature(logits, labels, corpora) == alone
    assert calibration.temperature(logits[:0], labels[:0], corpora[:0]) == 1.0
    assert calibration.temperature(logits[~kept], labels[~kept], corpora[~kept]) == 1.0


def test_what_is_always_right_stays_within_the_limits():
    logits = 5 * np.eye(4)[np.arange(40) % 4]
    found = calibration.temperature(logits, np.arange(40) % 4, np.repeat("c", 40))
    assert calibration.LIMITS[0] <= found < 0.2  # by then, it is certain to the last digit


def plainly(probabilities, labels, bins):
    total = 0.0
    for lower in np.arange(bins) / bins:
        certainty = probabilities.max(axis=1)
        here = (certainty >= lower) & ((certainty < lower + 1 / bins) | (lower + 1 / bins > 1 - 1e-9))
        if here.any():
            right = (probabilities[here].argmax(axis=1) == labels[here]).mean()
            total += here.mean() * abs(right - certainty[here].mean())
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_is_that_of_a_plain_loop(bins):
    logits, labels = made(3.0)
    probabilities = softmax(logits, axis=1)
    found = calibration.expected_calibration_error(probabilities, labels, bins)
    assert found == pytest.approx(plainly(probabilities, labels, bins))
    calibrated = softmax(logits / calibration.temperature(logits, labels, np.repeat("c", len(labels))), axis=1)
    assert calibration.expected_calibration_error(calibrated, labels) < 0.5 * calibration.expected_calibration_error(
        probabilities, labels
    )
