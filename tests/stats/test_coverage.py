"""Coverage of intervals, within bounds for a few hundred repeats; `python -m benchmarks.intervals` runs thousands."""

import numpy as np
import pytest

from benchmarks import intervals
from mer.stats import uar

NEAR = intervals.CONDITIONS["another corpus, speaker norm"]


@pytest.mark.parametrize("size", intervals.SIZES[1:], ids=lambda size: f"{size.speakers} speakers")
def test_jackknife_interval_covers_the_true_value(size, monkeypatch):
    monkeypatch.setattr(intervals, "DRAWS", 200)
    result = intervals.coverage(size, NEAR, 250)
    assert 0.92 < result["jackknife"] < 0.985
    assert result["percentile"] <= result["jackknife"]
    if size.speakers <= 7:
        assert result["percentile"] < 0.91


def test_two_speakers_have_no_interval():
    assert np.isnan(intervals.coverage(intervals.SIZES[0], NEAR, 5)["jackknife"])


def test_true_value_is_that_of_many_speakers():
    size, condition = intervals.Size(20_000, 4, 3, 0.5), intervals.CONDITIONS["another corpus"]
    [counts] = intervals.speak(size, condition, np.random.default_rng(0))
    assert uar(counts.sum(0)) == pytest.approx(intervals.truth(size, condition), abs=0.006)


def test_tests_keep_their_level_and_have_power():
    size = intervals.Size(12, 4, 10, 0.25)
    none, some = (intervals.rejections(size, NEAR, gain, 150)["sign flips"] for gain in (0.0, 0.8))
    assert none < 0.09
    assert some > 0.8


def test_fit_recovers_the_parameters():
    condition = intervals.Condition(0.5, 0.8, 0.6, 0.9)
    [counts] = intervals.speak(intervals.Size(90, 3, 20, 0.3), condition, np.random.default_rng(0))
    result = intervals.fit(counts)
    assert list(vars(result).values()) == pytest.approx(list(vars(condition).values()), abs=0.2)
