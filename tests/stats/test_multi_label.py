"""Metrics of several labels at once: against scikit-learn and against the published code's formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from mer.stats import MULTI_LABEL_METRICS, constant_score
from mer.stats.multi_label import balanced_accuracy, example_f1, jaccard, label_f1, positive_recall, yes_no_f1

SHAPE = st.tuples(st.integers(2, 30), st.integers(2, 6))
PAIRS = SHAPE.flatmap(lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape)))


def published_wacc(truth, predicted):
    """`weighted_accuracy` of the published code, for a label that occurs."""
    tp, tn = float((truth & predicted).sum()), float((~truth & ~predicted).sum())
    p, n = float(truth.sum()), float((~truth).sum())
    return (tp * (n / (p + 1e-16)) + tn) / (2 * n + 1e-16)


@settings(max_examples=80, deadline=None)
@given(PAIRS)
def test_metrics_equal_scikit_learn_and_the_published_formulas(pair):
    truth, predicted = pair
    some = truth.any(0) & ~truth.all(0)
    if some.any():
        expected = np.mean([published_wacc(truth[:, c], predicted[:, c]) for c in np.flatnonzero(some)])
        assert balanced_accuracy(truth, predicted) == pytest.approx(expected)
        of_sklearn = [metrics.balanced_accuracy_score(truth[:, c], predicted[:, c]) for c in np.flatnonzero(some)]
        assert balanced_accuracy(truth, predicted) == pytest.approx(np.mean(of_sklearn))
    assert jaccard(truth, predicted) == pytest.approx(
        metrics.jaccard_score(truth, predicted, average="samples", zero_division=1.0)
    )
    sizes = truth.sum(1) + predicted.sum(1)
    each = [1.0 if not size else 2 * (a & b).sum() / size for a, b, size in zip(truth, predicted, sizes, strict=True)]
    assert example_f1(truth, predicted) == pytest.approx(np.mean(each))
    occurring = truth.any(0)
    if occurring.any():
        recalls = [metrics.recall_score(truth[:, c], predicted[:, c]) for c in np.flatnonzero(occurring)]
        assert positive_recall(truth, predicted) == pytest.approx(np.mean(recalls))
        f1 = [metrics.f1_score(truth[:, c], predicted[:, c]) for c in np.flatnonzero(occurring)]
        assert label_f1(truth, predicted) == pytest.approx(np.mean(f1))
    weighted = [metrics.f1_score(t, p, average="weighted", zero_division=0)
                for t, p in zip(truth.T, predicted.T, strict=True)]  # fmt: skip
    assert yes_no_f1(truth, predicted) == pytest.approx(np.mean(weighted))


def test_an_answer_of_yes_to_all_scores_1_in_the_papers_uar_only():
    truth = np.random.default_rng(0).random((500, 6)) < 0.2
    everything = np.ones_like(truth)
    assert positive_recall(truth, everything) == 1
    assert constant_score(positive_recall, truth) == 1
    assert balanced_accuracy(truth, everything) == constant_score(balanced_accuracy, truth) == 0.5
    assert jaccard(truth, everything) < 0.3 < label_f1(truth, everything) < 0.4


@given(PAIRS)
def test_values_are_shares_and_a_perfect_answer_scores_1(pair):
    truth, predicted = pair
    for metric in MULTI_LABEL_METRICS.values():
        value, perfect = metric.function(truth, predicted), metric.function(truth, truth)
        assert np.isnan(value) or 0 <= value <= 1
        assert np.isnan(perfect) or perfect == pytest.approx(1)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 2)), ((0, 2), (0, 2)), ((3,), (3,))])
def test_sets_of_other_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="sets of labels"):
        jaccard(*(np.zeros(shape, bool) for shape in shapes))
