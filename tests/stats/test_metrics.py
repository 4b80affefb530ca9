import audmetric
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from mer import stats

K = 4
ROWS = st.lists(st.tuples(st.integers(0, K - 1), st.integers(0, K - 1), st.sampled_from("abc")), min_size=1)


def columns(rows):
    truth, prediction, clusters = zip(*rows, strict=True)
    return np.array(truth), np.array(prediction), np.array(clusters)


def test_metrics_equal_values_computed_by_hand():
    # class 0: 3 of 4; class 1: 1 of 2; class 2 is never spoken, but answered once
    counts = stats.confusion([0, 0, 0, 0, 1, 1], [0, 0, 0, 2, 1, 0], 3)
    assert counts.tolist() == [[3, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert stats.uar(counts) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert stats.wa(counts) == pytest.approx(4 / 6)
    assert stats.macro_f1(counts) == pytest.approx((6 / 8 + 2 / 3) / 2)
    assert stats.weighted_f1(counts) == pytest.approx((4 * 6 / 8 + 2 * 2 / 3) / 6)
    assert stats.classes_present(counts) == 2
    assert np.isnan(stats.recalls(counts)[2])


@given(ROWS)
def test_agrees_with_scikit_learn(rows):
    truth, prediction, _ = columns(rows)
    counts = stats.confusion(truth, prediction, K)
    present = {"labels": np.unique(truth), "zero_division": 0}
    assert stats.wa(counts) == pytest.approx(accuracy_score(truth, prediction))
    assert stats.uar(counts) == pytest.approx(recall_score(truth, prediction, average="macro", **present))
    assert stats.macro_f1(counts) == pytest.approx(f1_score(truth, prediction, average="macro", **present))
    assert stats.weighted_f1(counts) == pytest.approx(f1_score(truth, prediction, average="weighted", **present))


def test_agrees_with_audmetric_if_every_class_occurs():
    rng = np.random.default_rng(0)
    truth = np.r_[np.arange(7), rng.integers(0, 7, 300)]
    prediction = rng.integers(0, 7, len(truth))
    value = stats.uar(stats.confusion(truth, prediction, 7))
    assert value == pytest.approx(audmetric.unweighted_average_recall(truth, prediction))
    assert value == pytest.approx(balanced_accuracy_score(truth, prediction))


@given(ROWS, st.randoms())
def test_row_order_does_not_matter_and_clusters_add_up(rows, random):
    truth, prediction, clusters = columns(rows)
    matrices, names = stats.cluster_confusions(truth, prediction, clusters, K)
    random.shuffle(rows)
    shuffled, _ = stats.cluster_confusions(*columns(rows), K)
    assert (matrices == shuffled).all()
    assert names.tolist() == sorted(set(clusters))
    assert (matrices.sum(0) == stats.confusion(truth, prediction, K)).all()
    assert 0 <= stats.uar(matrices.sum(0)) <= 1


@given(ROWS)
def test_absent_class_changes_nothing(rows):
    truth, prediction, _ = columns(rows)
    small, large = stats.confusion(truth, prediction, K), stats.confusion(truth, prediction, K + 3)
    for metric in (stats.uar, stats.wa, stats.macro_f1, stats.weighted_f1, stats.classes_present):
        assert metric(small) == pytest.approx(metric(large))


def test_leading_axes_and_empty_matrices():
    stack = np.zeros((2, 3, K, K), int)
    stack[0, 1] = np.eye(K)
    for metric in (stats.uar, stats.wa, stats.macro_f1, stats.weighted_f1):
        values = metric(stack)
        assert values.shape == (2, 3)
        assert values[0, 1] == 1
        assert np.isnan(values).sum() == 5
    assert np.isnan(stats.uar(np.zeros((K, K))))


def test_chance_correction():
    assert stats.chance_corrected(1 / 7, 7) == pytest.approx(0)
    assert stats.chance_corrected([1, 0.5], [4, 2]).tolist() == [1, 0]
    assert np.isnan(stats.chance_corrected(1.0, 1))


def test_restrict_by_mask_and_by_number():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    assert stats.restrict(probabilities, [1, 2]).tolist() == [1, 2]
    assert stats.restrict(probabilities, np.array([True, True, False])).tolist() == [0, 1]


@pytest.mark.parametrize("allowed", [[], [3], [-1], [True, False]])
def test_restrict_refuses_invalid_classes(allowed):
    with pytest.raises(ValueError, match="class"):
        stats.restrict([[0.6, 0.3, 0.1]], np.array(allowed))


def test_restrict_refuses_nan():
    with pytest.raises(ValueError, match="NaN"):
        stats.restrict([[np.nan, 1.0]], [0, 1])


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [([0, 1], [0], "length"), ([0, 4], [0, 1], "truth"), ([0, 1], [0, -1], "prediction"), ([0.5], [0], "integers")],
)
def test_confusion_refuses_invalid_class_numbers(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        stats.confusion(truth, prediction, K)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_cluster_without_a_name_is_refused(missing):
    with pytest.raises(ValueError, match="cluster"):
        stats.cluster_confusions([0, 1], [0, 1], np.array(["a", missing], object), K)
