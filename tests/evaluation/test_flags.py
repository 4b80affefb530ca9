"""Flags of scores: breaches, accepted copies, missing inputs, predictions outside the test classes."""

import numpy as np
import pandas as pd
import pytest

from mer.dataset.audit.findings import Finding, with_breaches
from mer.evaluation.scores import flags, scores
from mer.evaluation.scores.confusions import Scoring
from tests.evaluation.toy_data import CLASSES, manifest, predictions


def finding(kind, where, severity="breach"):
    return Finding(kind, severity, where, 1, 2, (), "", "", "")


def test_breach_flags_every_row_of_its_corpora():
    rows = pd.DataFrame({"corpus": ["a", "b", "c", "d"]})
    result = [
        finding("near-duplicate across families", "a + b"),
        finding("speakers across folds", "a"),
        finding("duration shortcut", "c", "warning"),
    ]
    marked = with_breaches(rows, result)["breach"]
    assert marked.fillna("-").tolist() == [
        "near-duplicate across families; speakers across folds", "near-duplicate across families", "-", "-"
    ]  # fmt: skip
    assert flags.accepted(marked, "loco").tolist() == [True, True, False, False]
    assert not flags.accepted(marked, "in_corpus").any()
    assert not flags.accepted(pd.Series(["speakers across folds"]), "loco").any()


def test_flags_pass_from_predictions_to_results_and_derived_tables():
    a, b = manifest("a", speakers=4, clips=8), manifest("b", speakers=4, clips=8)
    table = pd.concat(
        [
            predictions(a, 0.7).assign(flagged=True),
            predictions(b, 0.7),
            predictions(b, 0.7, "t").assign(transductive=True),
        ]
    )
    results = scores.score(table, Scoring(CLASSES, dict.fromkeys("ab", "speaker_id")), study="s")
    assert results.groupby("test_corpus")["flagged"].agg(["all", "any"]).to_numpy().tolist() == [
        [True, True], [False, False]
    ]  # fmt: skip
    assert set(results["system"]) == {"s", "t"}  # names carry no marks
    derived = pd.DataFrame({"system": ["s", "s", "t", "s"], "test_corpus": ["a", "b", "b", "mean over corpora"]})
    result = flags.with_flags(derived, table)
    assert result["flagged"].tolist() == [True, False, False, True]
    assert result["transductive"].tolist() == [False, False, True, False]
    assert flags.with_flags(pd.DataFrame({"system": ["t"]}), table)["transductive"].tolist() == [True]
    assert flags.with_flags(pd.DataFrame({"test_corpus": ["a"]}), table)["flagged"].tolist() == [True]


@pytest.mark.parametrize(("capped", "flagged"), [("", ""), ("a", "a"), ("b", "ac"), ("c", "c")])
def test_scores_are_capped_if_utterances_of_a_training_or_test_corpus_are_not_used(capped, flagged):
    rows = pd.concat([manifest(name, 4, 8) for name in "abc"], ignore_index=True)
    rows["capped"] = rows["corpus"].isin(list(capped))
    trained, tested = np.flatnonzero(rows["corpus"] == "b"), np.flatnonzero(rows["corpus"] != "b")
    assert set(rows.loc[tested[flags.capped(rows, trained, tested)], "corpus"]) == set(flagged)


def test_outside_share_counts_predictions_outside_the_test_classes():
    part = pd.DataFrame({"seed": [0, 0, 1, 1], "emotion": ["fear", "anger"] * 2,
                         "free": ["fear", "sadness", "fear", "anger"]})  # fmt: skip
    assert flags.outside_share(part, "free") == {0: 0.5, 1: 0.0, None: 0.25}


def test_input_that_a_corpus_lacks_is_listed():
    there = {"audio": np.ones(4, bool), "text": np.array([False, False, True, False])}
    assert flags.missing_inputs(pd.Series(["a", "a", "b", "b"]), there).tolist() == ["text", "text", "", ""]
