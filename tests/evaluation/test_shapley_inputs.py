"""Shapley values of inputs against their definition: every subset is trained and tested anew."""

from itertools import permutations

import numpy as np
import pytest

from mer.evaluation.comparison import shapley, shapley_inputs
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import jobs
from mer.evaluation.scores.confusions import Scoring
from mer.features import Features
from tests.evaluation.test_protocols import CLASSES, corpus, manifest

INPUTS = ("audio", "pitch", "words")
CLUSTERS = dict.fromkeys(("a", "b", "c"), "speaker_id")
SCORING = Scoring(CLASSES, CLUSTERS)


@pytest.fixture(scope="module")
def study():
    """Three corpora: `audio` tells the class, `pitch` repeats it with noise, `words` says nothing."""
    usable, generator = manifest(*(corpus(name, name, 6) for name in CLUSTERS)), np.random.default_rng(0)
    labels = usable["emotion"].map({c: i for i, c in enumerate(CLASSES)}).to_numpy()
    one_hot = np.eye(len(CLASSES))[labels]
    arrays = {
        "audio": one_hot + generator.normal(0, 0.5, one_hot.shape),
        "pitch": one_hot + generator.normal(0, 1, one_hot.shape),
        "words": generator.normal(size=one_hot.shape),
    }
    arrays = {name: values.astype(np.float32) for name, values in arrays.items()}
    present = {name: np.ones(len(usable), bool) for name in arrays}
    modalities = {"audio": "audio", "pitch": "audio", "words": "text"}
    task = jobs.build_task(usable, Features(arrays, present, modalities=modalities), CLASSES)
    return task, usable, protocols.plan(usable, ("loco",), list(CLUSTERS))


def test_values_are_the_mean_over_orders(study):
    task, usable, cells = study
    values, subsets = shapley_inputs.of_inputs(task, usable, cells, INPUTS, SCORING)
    for target, part in subsets.groupby("target"):
        uar = {frozenset(filter(None, row.inputs.split("+"))): row.value for row in part.itertuples()}
        expected = dict.fromkeys(INPUTS, 0.0)
        orders = list(permutations(INPUTS))
        for order in orders:
            for at, name in enumerate(order):
                expected[name] += (uar[frozenset(order[: at + 1])] - uar[frozenset(order[:at])]) / len(orders)
        result = values[values["target"] == target].set_index("player")["value"]
        assert result.to_dict() == pytest.approx(expected)
        assert result["audio"] > result["pitch"] > result["words"]
        assert uar[frozenset()] == pytest.approx(1 / usable.loc[usable["corpus"] == target, "emotion"].nunique())
    sums = values.groupby("target")["value"].sum()
    assert np.allclose(sums, shapley.gains(subsets))


def test_all_inputs_score_as_all_corpora(study):
    """The game of inputs and the game of corpora share the coalition of everything."""
    task, usable, cells = study
    _, subsets = shapley_inputs.of_inputs(task, usable, cells, INPUTS, SCORING)
    _, coalitions = shapley.of_corpora(task, usable, cells, INPUTS, SCORING)
    last = [table.groupby("target")["value"].last() for table in (subsets, coalitions)]
    assert np.allclose(*last)


def test_one_input_or_too_many_have_no_values(study):
    task, usable, cells = study
    with pytest.raises(ValueError, match="one input"):
        shapley_inputs.of_inputs(task, usable, cells, ("audio",), SCORING)
    assert "at most 8 inputs" in shapley_inputs.reason_against(task, ("audio",) * 9)
