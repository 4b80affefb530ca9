"""What the front page says about a study."""

import pandas as pd
import pytest

from mer.params.schema import SELECTED
from mer.report.pages import front_page
from mer.report.tables.wrapped import WrappedTable, content
from mer.report.text.scores import above_chance_sentence, headline_system
from tests.report.report_rows import result, table


@pytest.fixture
def scores():
    """The best system on the test corpora is not the selected one."""
    values = {"best": (0.9, 0.8), "first": (0.5, 0.3), SELECTED: (0.55, 0.3)}
    return table([result(system, corpus, value=value, low=value - 0.07) for system, pair in values.items()
                  for corpus, value in zip(("A", "B"), pair, strict=True)])  # fmt: skip


def test_the_result_is_that_of_the_selected_system_and_never_of_the_best_on_the_test(scores):
    assert headline_system(scores, ["first", "best"]) == SELECTED
    assert headline_system(scores[scores["system"] != SELECTED], ["first", "best"]) == "first"
    text = front_page._result_sentence(scores, SELECTED)
    assert "training corpora alone has a mean chance-corrected UAR of .23 over 2 corpora" in text
    assert "from .30 [.23, .37] on B to .55 [.48, .62] on A" in text
    assert ".9" not in text
    assert front_page._result_sentence(scores.iloc[:0], SELECTED) == "No corpus has been held out."


def test_corpora_that_are_not_above_chance_are_named(scores):
    assert above_chance_sentence(scores, SELECTED) == "Not shown to be above chance: B."
    assert above_chance_sentence(scores, "best") == "Every held-out corpus is above chance."


def test_the_audit_is_summed_up_with_the_scores_that_a_breach_concerns(scores):
    rows = [("breach", "same audio", "A"), ("warning", "duration shortcut", "B"), ("note", "lines", "A")]
    found = pd.DataFrame(rows, columns=["severity", "kind", "corpora"])
    text = front_page.audit_sentence(found, scores.assign(flagged=scores["test_corpus"] == "A"))
    assert text.startswith("1 breach: same audio (A). 1 warning: duration shortcut (B). A breach of the audit may")
    assert front_page.audit_sentence(found.iloc[:0], scores) == "It found no breach and no warning."


def test_the_forest_has_the_numbers_of_the_table(scores):
    figure = front_page.forest(scores.assign(low=scores["low"].where(scores["test_corpus"] == "A")))
    assert [group["name"] for group in figure["groups"]] == ["A", "B"]
    first = figure["groups"][0]["rows"][0]
    assert (first["name"], first["value"], first["text"]) == (SELECTED, 0.55, ".55 [.48, .62]")
    assert figure["groups"][0]["chance"] == 0.25
    assert figure["groups"][1]["rows"][0]["low"] is None


def test_a_table_of_scores_wraps_its_entries_and_escapes_names():
    index = pd.MultiIndex.from_tuples([("<b>", "free"), ("chance", "")], names=["system", "predictions"])
    frame = pd.DataFrame({"A": [".451 [.402, .501] §, 3 % outside", ".143"], "Mean": ["–", ""]}, index=index)
    shown = content(frame)
    assert shown["rows"] == [["<b>, free", {"text": ".451", "detail": "[.402, .501] §, 3 % outside", "sort": 0.451},
                              {"text": "–", "detail": "", "sort": None}]]  # fmt: skip
    assert shown["foot"] == [["chance", ".143", ""]]
    html = WrappedTable(frame)._repr_html_()
    assert "&lt;b&gt;, free" in html
    assert 'data-label="A" data-sort="0.451">.451 <small>' in html


def test_the_small_print_of_an_interval_that_does_not_exist_is_kept():
    cell = content(pd.DataFrame({"A": [".400, no interval (2 speakers)"]}, index=["x"]))["rows"][0][1]
    assert (cell["text"], cell["detail"]) == (".400", "no interval (2 speakers)")
