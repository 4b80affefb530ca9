"""The unweighted average recall of labels as texts."""

import numpy as np
import pandas as pd
import pytest

import mer
from mer import stats

Y = ["anger", "neutral", "fear"] * 8
P = ["anger", "neutral", "neutral"] * 8
SPEAKERS = [f"s{n // 6}" for n in range(24)]


def test_point_and_interval_are_those_of_a_study():
    numbers = {"anger": 0, "fear": 1, "neutral": 2}
    counts, _ = stats.cluster_confusions([numbers[y] for y in Y], [numbers[p] for p in P], SPEAKERS, 3)
    assert mer.uar(Y, P, groups=SPEAKERS) == stats.jackknife(counts)
    assert mer.uar(pd.Series(Y), np.array(P), groups=tuple(SPEAKERS), confidence=0.8) == stats.jackknife(
        counts, confidence=0.8
    )


def test_groups_may_have_any_names_and_order():
    order = np.random.default_rng(0).permutation(24)
    shuffled = [np.array(values)[order] for values in (Y, P)]
    assert mer.uar(*shuffled, groups=np.array(SPEAKERS)[order]).low == pytest.approx(
        mer.uar(Y, P, groups=[(1, name) for name in SPEAKERS]).low
    )


def test_there_is_no_interval_without_groups():
    interval = mer.uar(Y, P)
    assert interval.point == pytest.approx(2 / 3)
    assert np.isnan([interval.low, interval.high]).all()


def test_predictions_may_be_probabilities_and_outside_the_classes():
    table = pd.DataFrame({"anger": [0.9, 0.1], "joy": [0.1, 0.9]})
    assert mer.uar(["anger", "neutral"], table).point == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], ["a", "b"]), "as many labels as predictions"),
        (([], []), "at least one"),
        ((["a", None], ["a", "a"]), "y: 1 entries are missing, the first at position 1"),
        ((["a", "b"], ["a", "a"], ["s", np.nan]), "groups: 1 entries are missing"),
        ((["a", "b"], ["A", "b"]), "'A' and 'a' are two classes"),
    ],
)
def test_incomplete_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        mer.uar(*arguments)
