import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer import stats

ROWS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from([(0.5, 0.3, 0.2), (0.2, 0.5, 0.3), (0.1, 0.1, 0.8)])),
                min_size=1, max_size=60)  # fmt: skip


def drawn(n, seed, sharpness=1.0, classes=4):
    """Return labels that are drawn from probabilities, and the same probabilities to the power of `sharpness`."""
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(classes), n)
    labels = (p.cumsum(axis=1) < generator.random((n, 1))).sum(axis=1).clip(max=classes - 1)
    q = p**sharpness
    return labels, q / q.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n", [60, 250, 2000])
def test_error_of_calibrated_probabilities_is_near_0_for_any_number_of_rows(n):
    values = [stats.calibration_error(*drawn(n, seed)) for seed in range(100)]
    plain = [plain_error(*drawn(n, seed)) for seed in range(100)]
    assert np.mean(values) < 0.75 * np.mean(plain)
    assert np.mean(values) < {60: 0.06, 250: 0.05, 2000: 0.02}[n]


def plain_error(truth, probabilities):
    certainty, accuracy, sizes = stats.reliability(truth, probabilities)
    return float(np.average(np.abs(certainty - accuracy), weights=sizes))


@pytest.mark.parametrize("sharpness", [0.3, 3.0])
def test_error_of_many_rows_is_that_without_correction(sharpness):
    truth, probabilities = drawn(20_000, 0, sharpness)
    assert stats.calibration_error(truth, probabilities) == pytest.approx(plain_error(truth, probabilities), abs=2e-3)
    assert stats.calibration_error(truth, probabilities) > 0.1


@given(ROWS, st.randoms())
def test_order_of_rows_does_not_matter_among_equal_certainties(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    for function in (stats.calibration_error, stats.area_under_risk_coverage):
        first, second = (
            function(*(np.array(column) for column in zip(*some, strict=True))) for some in (rows, shuffled)
        )
        assert first == pytest.approx(second, abs=1e-12)
        assert 0 <= first <= 1


def test_one_row_and_certain_probabilities():
    assert stats.calibration_error([0], [[1.0, 0.0]]) == 0.0
    assert stats.calibration_error([1], [[1.0, 0.0]]) == 1.0
    assert stats.area_under_risk_coverage([1], [[1.0, 0.0]]) == 1.0
    certainty, accuracy, rows = stats.reliability([0], [[0.7, 0.3]])
    assert (certainty.tolist(), accuracy.tolist(), rows.tolist()) == ([0.7], [1.0], [1])


def test_risk_of_a_perfect_order_is_lower_than_of_a_random_one():
    truth, probabilities = drawn(2000, 1)
    errors = (probabilities.argmax(axis=1) != truth).mean()
    ordered = stats.area_under_risk_coverage(truth, probabilities)
    assert ordered < 0.8 * errors
    same = np.eye(4)[probabilities.argmax(axis=1)]
    assert stats.area_under_risk_coverage(truth, same) == pytest.approx(errors)


@pytest.mark.parametrize(("truth", "probabilities"), [([], np.zeros((0, 2))), ([0, 1], np.ones((3, 2)))])
def test_rows_are_required_to_agree(truth, probabilities):
    with pytest.raises(ValueError, match="same rows"):
        stats.calibration_error(truth, probabilities)
