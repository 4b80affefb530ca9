"""Tables, figures, sentences and model cards print the symbol of a breach after each score."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from mer.evaluation.comparison import comparison, selection
from mer.report.figures import ranking as ranking_figures
from mer.report.figures import scores as score_figures
from mer.report.pages import checkpoint_evaluation, model_card
from mer.report.style import symbols
from mer.report.tables import comparisons as comparison_tables
from mer.report.text import selection as selection_text
from tests.report.report_rows import result, table

CARD = SimpleNamespace(name="gated-seed0", seed=0, tensors_sha256="0" * 64)


def texts(ax):
    ax.figure.canvas.draw()
    return [text.get_text() for text in ax.figure.findobj(plt.Text)]


def rows(protocol="multi_corpus", **more):
    return table([result(test="A", protocol=protocol, flagged=True, **more), result(test="B", protocol=protocol)])


def test_model_card_marks_scores():
    rows_by_corpus = {line[0]: line for line in model_card._scores(rows(), "gated", 0)}
    assert rows_by_corpus["A"][-1].endswith(" §")
    assert "§" not in rows_by_corpus["B"][-1]
    assert "A breach of the audit may inflate scores on A." in model_card._breaches(rows(), "gated")
    assert model_card._breaches(rows().assign(flagged=False), "gated") == ""


def test_checkpoint_evaluation_marks_scores():
    results = rows("checkpoint").assign(part="auto", overlap=0)
    evaluation = SimpleNamespace(
        results=results, predictions=results.assign(overlap=""), left_out=pd.DataFrame(), card=CARD,
        inputs=["audio"],
        part="auto", mean_corpora=(), notes=(),
    )  # fmt: skip
    class_scores = pd.DataFrame(
        [["all", "free", "anger", 0.5, 0.5, 0.5, 9]],
        columns=["test_corpus", "answers", "class", "precision", "recall", "F1", "support"],
    )
    page = checkpoint_evaluation.page(evaluation, "other", class_scores)
    assert ".550 § |" in page
    assert page.count("§ |") == 1
    assert "may inflate scores on A" in page
    assert any("may inflate scores on A" in line for line in checkpoint_evaluation.overlap_lines(evaluation))


def selected():
    inner = pd.DataFrame(
        [(family, system, "validation", 0.4, True, 1, 5) for family in "AB" for system in ("gated", "svm")],
        columns=selection.INNER_COLUMNS,
    )
    results = table([result(s, c, flagged=c == "A", accepted=c == "A") for s in ("gated", "svm") for c in "AB"])
    usable = pd.DataFrame({"corpus": list("AB"), "family": list("AB")})
    return selection.table(inner, results, usable)


def test_selection_table_marks_scores():
    choices = selected()
    assert choices.set_index("test_corpus")["flagged"].to_dict() == {"A": True, "B": False, comparison.MEAN: True}
    shown = selection_text.selection_table(choices).loc["free"]
    assert shown["UAR"].str.endswith(" § ¶").to_dict() == {"A": True, "B": False, comparison.MEAN: True}
    assert shown["naive UAR"].str.endswith(" § ¶").tolist() == shown["UAR"].str.endswith(" § ¶").tolist()
    assert "may inflate scores on A" in selection_text.selection_sentence(choices, "validation")


def test_shapley_values_are_marked_by_test_corpus():
    values = pd.DataFrame({"target": list("AB"), "player": list("BA"), "value": [0.1, 0.2]})
    values = values.assign(flagged=values["target"] == "A", accepted=False, capped=False)
    shown = texts(score_figures.shapley_heatmap(values))
    assert "A §" in shown
    assert "B §" not in shown
    assert any("a breach of the audit affects these scores" in text for text in shown)


@pytest.mark.parametrize("flagged", [True, False])
def test_confusion_matrix_states_its_breach(flagged):
    shown = texts(score_figures.confusion_heatmap([[3, 1], [0, 2]], ["anger", "fear"], rows().assign(flagged=flagged)))
    assert any("A breach of the audit affects" in text for text in shown) is flagged


def test_figures_explain_accepted_copies():
    assert any(
        "¶" in text and "copies" in text for text in texts(score_figures.loco_forest(rows("loco", accepted=True)))
    )


def test_means_over_corpora_have_symbols():
    ranks = pd.DataFrame(
        {"system": ["a", "b"], "value": [0.5, 0.4], "rank": [1.0, 2.0], "low": 1.0, "high": 2.0, "first": [0.9, 0.1],
         "corpora": 9, "note": "", "flagged": True, "accepted": False, "capped": False}
    )  # fmt: skip
    assert comparison_tables.rank_table(ranks).loc["a", "mean (chance-corr.)"] == ".500 §"
    assert any("A breach of the audit affects" in text for text in texts(ranking_figures.rank_diagram(ranks)))
    clean = ranks.drop(columns=["flagged", "accepted", "capped"])
    assert comparison_tables.rank_table(clean).loc["a", "mean (chance-corr.)"] == ".500"


def test_transductive_reference_is_named_so():
    differences = pd.DataFrame({"system": ["b"], "reference": ["a"], "test_corpus": ["A"]})
    marks = {"flagged": False, "accepted": False, "capped": False, "test_corpus": "A"}
    predictions = pd.DataFrame(
        [{"system": "a", "transductive": True} | marks, {"system": "b", "transductive": False} | marks]
    )
    shown = symbols.for_display(differences, predictions)
    assert shown[["system", "reference"]].to_numpy().tolist() == [["b", "a (transductive)"]]
