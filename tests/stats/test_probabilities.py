"""Metrics of probabilities and their variance over speakers."""

import numpy as np
import pytest

from mer.stats import estimate_probabilities


def mean_true(truth, probabilities):
    return float(probabilities[np.arange(len(truth)), truth].mean())


def draw(speakers, clips, rng):
    truth = rng.integers(0, 3, speakers * clips)
    shares = rng.dirichlet(np.ones(3), (2, len(truth)))
    return truth, shares, np.repeat(np.arange(speakers), clips)


def test_variance_of_a_mean_is_the_textbook_variance():
    truth, probabilities, speakers = draw(9, 4, np.random.default_rng(0))
    one = estimate_probabilities(truth, probabilities, mean_true, [speakers])
    true_class = probabilities[:, np.arange(len(truth)), truth]
    by_speaker = true_class.mean(0).reshape(9, 4).mean(1)
    assert one.value == pytest.approx(true_class.mean())
    assert one.variance == pytest.approx(by_speaker.var(ddof=1) / 9)
    assert (one.degrees_of_freedom, one.clusters) == (pytest.approx(8), 9)


def test_the_larger_variance_of_two_kinds_of_clusters_counts():
    truth, probabilities, speakers = draw(8, 6, np.random.default_rng(1))
    dialogues = np.arange(len(truth)) // 2
    parts = [estimate_probabilities(truth, probabilities, mean_true, [group]) for group in (speakers, dialogues)]
    both = estimate_probabilities(truth, probabilities, mean_true, [speakers, dialogues])
    assert both.variance == max(part.variance for part in parts)
    assert both.clusters == 8


def test_two_speakers_have_no_variance():
    one = estimate_probabilities(*draw(2, 5, np.random.default_rng(0))[:2], mean_true, [np.arange(10) // 5])
    assert np.isnan(one.variance)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"probabilities are \(seeds, 2, k\)"):
        estimate_probabilities([0, 1], np.ones((3, 2)), mean_true, [[0, 1]])
    with pytest.raises(ValueError, match="no clips"):
        estimate_probabilities([], np.ones((1, 0, 2)), mean_true, [[]])
