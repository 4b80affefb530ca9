"""The expected UAR over permuted labels equals the mean over all permutations."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer import stats

ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6)


@given(ROWS)
def test_mean_and_deviation_equal_those_over_all_orders(rows):
    truth, answers, clusters = (np.array(column) for column in zip(*rows, strict=True))
    orders = [list(order) for order in itertools.permutations(range(len(rows)))]
    kept = [order for order in orders if (clusters[order] == clusters).all()]
    result = [stats.uar(stats.confusion(truth[order], answers, 3)) for order in kept]
    counts, _ = stats.cluster_confusions(truth, answers, clusters, 3)
    mean, deviation = stats.permuted(counts)
    assert mean == pytest.approx(np.mean(result))
    assert deviation == pytest.approx(np.std(result), abs=1e-7)


def test_folds_at_most_double_the_variance():
    """Each cluster is answered by what the others have in common with it: labels are in one another's answers."""
    random, result, outcome = np.random.default_rng(0), [], []
    speakers = np.repeat(np.arange(8), 12)
    for _ in range(400):
        cue = random.normal(size=(96, 6))
        truth = np.concatenate([random.permutation(np.arange(12) % 3) for _ in range(8)])
        answers = np.empty(96, int)
        for speaker in range(8):
            mine = speakers == speaker
            means = np.stack([cue[~mine & (truth == c)].mean(axis=0) for c in range(3)])
            answers[mine] = (cue[mine] @ means.T - (means**2).sum(axis=1) / 2).argmax(axis=1)
        counts, _ = stats.cluster_confusions(truth, answers, speakers, 3)
        result.append(stats.uar(counts.sum(axis=0)))
        outcome.append(stats.permuted(counts)[1] ** 2)
    assert 1.2 < np.var(result) / np.mean(outcome) < 2.2
    assert abs(np.mean(result) - 1 / 3) < 0.01


def test_no_clips_are_refused():
    with pytest.raises(ValueError, match="no clips"):
        stats.permuted(np.zeros((2, 3, 3)))
