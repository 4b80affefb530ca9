"""Shortcuts are compared with scores that choose among the same classes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.dataset.audit.shortcuts.scores import COLUMNS as SHORTCUT_COLUMNS
from mer.dataset.audit.shortcuts.severities import POOLED
from mer.evaluation.scores import shortcut_comparison
from mer.report.tables import scores as score_tables
from mer.report.text import scores as score_text
from tests.report.report_rows import result, table

POLICY = 7
"""The number of classes among which free predictions choose."""


def shortcuts(*rows):
    """From (corpus, shortcut, UAR, classes)."""
    outcome = [(c, s, uar, uar - 0.1, uar + 0.1, 1 / k, 1 / k, 90, False) for c, s, uar, k in rows]
    return pd.DataFrame(outcome, columns=list(SHORTCUT_COLUMNS))


def one(cues, policy=POLICY, **row):
    return shortcut_comparison.compare_with_shortcuts(table([result(**row)]), cues, policy).iloc[0]


CUES = shortcuts(("A", "duration", 0.5, 4), ("A", "loudness", 0.3, 4), (POOLED, "corpus", 0.9, 4))


@pytest.mark.parametrize(
    ("low", "reached"),
    [(0.49, True), (0.5, True), (0.51, False), (np.nan, False)],
    ids=["below", "at", "above", "none"],
)
def test_best_shortcut_is_compared_with_the_lower_bound(low, reached):
    row = one(CUES, test="A", value=0.6, low=low, answers="restricted")
    assert (row["shortcut"], row["shortcut_UAR"], row["reached"]) == ("duration", 0.5, reached)


def test_shortcut_is_compared_with_the_score_if_there_is_no_interval():
    assert one(CUES, test="A", value=0.4, low=np.nan, high=np.nan, answers="restricted")["reached"]


@pytest.mark.parametrize(
    ("row", "compared"),
    [
        ({"answers": "restricted"}, True),
        ({"answers": "free"}, False),  # among seven, of which the corpus has four
        ({"answers": "free", "protocol": "in_corpus"}, True),  # has learned the same four
        ({"answers": "restricted", "classes": 3}, False),  # a system that saw fewer: another task
        ({"answers": "restricted", "test": "B"}, False),  # nothing was measured there
    ],
)
def test_only_predictions_among_the_same_number_of_classes_are_compared(row, compared):
    results = one(CUES, **{"test": "A", "value": 0.3} | row)
    assert pd.notna(results["shortcut"]) == compared
    assert results["reached"] == compared


def test_free_predictions_are_compared_if_the_corpus_has_all_classes():
    assert one(CUES, policy=4, classes=4, test="A", value=0.5, answers="free")["reached"]


def test_other_rows_are_not_compared():
    rows = [
        result(test="A", seed=0),
        result(test="A", metric="WA"),
        result(test="A", protocol="cross_corpus"),
        result(test="mean", metric="UAR", classes=None),
    ]
    assert shortcut_comparison.compare_with_shortcuts(table(rows), CUES, POLICY).empty
    assert list(shortcut_comparison.compare_with_shortcuts(table([]), CUES, POLICY)) == shortcut_comparison.COLUMNS


def test_no_symbol_without_shortcuts(tmp_path):
    shortcuts().to_csv(tmp_path / "none.csv", index=False)
    results = shortcut_comparison.compare_with_shortcuts(
        table([result(answers="restricted")]), pd.read_csv(tmp_path / "none.csv"), POLICY
    )
    assert not results["reached"].any()
    assert results["shortcut"].isna().all()
    assert score_text.shortcut_legend(results) == "No shortcut could be scored on the classes of these results."


names = st.sampled_from("ABC")
shares = st.floats(0, 1)


@given(
    st.lists(st.tuples(names, st.sampled_from(["x", "y", "z"]), shares, st.integers(2, 4)), max_size=9),
    st.lists(st.tuples(names, shares, st.one_of(shares, st.just(np.nan)), st.integers(2, 4)), max_size=5),
)
def test_comparison_equals_the_rule_row_by_row(cues, scores):
    rows = [
        result(f"s{at}", test, value, low=low, high=value, classes=k, answers="restricted")
        for at, (test, value, low, k) in enumerate(scores)
    ]
    results = shortcut_comparison.compare_with_shortcuts(table(rows), shortcuts(*cues), POLICY)
    assert len(results) == len(scores)
    for (test, value, low, k), row in zip(scores, results.itertuples(), strict=True):
        mine = [(uar, name) for corpus, name, uar, classes in cues if (corpus, classes) == (test, k)]
        best = max((uar for uar, _ in mine), default=np.nan)
        assert row.shortcut_UAR == best or np.isnan(best)
        assert row.shortcut == next(name for uar, name in mine if uar == best) if mine else pd.isna(row.shortcut)
        assert row.reached == bool(best >= (value if np.isnan(low) else low))


RESULTS = table(
    [
        result(test="A", value=0.55, answers="restricted"),  # from .48 on
        result(test="A", value=0.3),
        result("svm", "A", 0.7, answers="restricted", transductive=True),
        result(test="B", value=0.3, answers="restricted"),
        result(test="A", value=0.56, protocol="in_corpus", train_corpora="A"),
    ]
)


def test_tables_show_the_shortcut_and_its_symbol():
    beside = shortcut_comparison.compare_with_shortcuts(RESULTS, CUES, POLICY)
    loco = score_tables.loco_table(RESULTS, shortcuts=beside)
    assert loco.loc[(score_tables.SHORTCUT, "")].tolist()[:-1] == ["duration .500", "–"]
    assert loco.loc[("gated", "restricted"), "A"] == ".550 [.480, .620] ‡"
    assert loco.loc[("gated", "free"), "A"] == ".300 [.230, .370], 0 % outside"
    assert loco.loc[("svm (transductive)", "restricted"), "A"] == ".700 [.630, .770]"
    wide = score_tables.pivot(RESULTS, "loco", "restricted", shortcuts=beside)
    assert wide.loc["gated"].tolist()[:2] == [".550 [.480, .620] ‡", ".300 [.230, .370]"]
    assert wide.loc[score_tables.SHORTCUT].tolist() == ["duration .500", "–", "–"]
    free = score_tables.pivot(RESULTS, "loco", "free", shortcuts=beside)
    assert free.loc[score_tables.SHORTCUT, "A"] == "–"
    home = score_tables.pivot(RESULTS, "in_corpus", "free", shortcuts=beside)
    assert home["A"].tolist() == [".560 [.490, .630] ‡", "duration .500"]
    assert "2 of 3 comparable scores" in score_text.shortcut_legend(beside)


def test_tables_without_shortcuts_or_of_other_metrics_do_not_change():
    beside = shortcut_comparison.compare_with_shortcuts(RESULTS, CUES, POLICY)
    assert score_tables.SHORTCUT not in score_tables.pivot(RESULTS, "loco", "restricted").index
    assert "‡" not in score_tables.pivot(RESULTS, "loco", "restricted").to_string()
    accuracy = table([result(test="A", metric="WA", answers="restricted"), *RESULTS.to_dict("records")])
    assert "‡" not in score_tables.pivot(accuracy, "loco", "restricted", "WA", beside).to_string()
    assert score_tables.loco_table(table([]), shortcuts=beside.iloc[:0]).empty
    assert score_tables.pivot(table([]), "loco", "free", shortcuts=beside.iloc[:0]).empty


def test_table_of_several_trainings_has_the_shortcut():
    rows = [result(test="A", protocol="in_corpus", train_corpora=train, answers="restricted") for train in "AB"]
    beside = shortcut_comparison.compare_with_shortcuts(table(rows), CUES, POLICY)
    wide = score_tables.pivot(table(rows), "in_corpus", "restricted", shortcuts=beside)
    assert wide.index.tolist() == [("gated", "A"), ("gated", "B"), (score_tables.SHORTCUT, "–")]
