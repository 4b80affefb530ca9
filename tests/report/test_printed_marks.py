"""Whatever prints a score prints the mark of a breach beside it: tables, figures, sentences, a model's README."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from mer.evaluation.comparison import comparison, selection
from mer.report.figures import comparisons
from mer.report.figures import results as figures
from mer.report.pages import checkpoint_evaluation, model_card
from mer.report.style import numbers
from mer.report.text import comparisons as verdicts
from mer.report.text import selection as choices
from tests.report.report_rows import result, table

CARD = {"name": "gated-seed0", "seed": 0, "tensors_sha256": "0" * 64}


def texts(ax):
    ax.figure.canvas.draw()
    return [text.get_text() for text in ax.figure.findobj(plt.Text)]


def rows(protocol="multi_corpus", **more):
    return table([result(test="A", protocol=protocol, flagged=True, **more), result(test="B", protocol=protocol)])


def test_the_readme_of_a_model_marks_its_scores():
    said = {line[0]: line for line in model_card._scores(rows(), "gated", 0)}
    assert said["A"][-1].endswith(" §")
    assert "§" not in said["B"][-1]
    assert "A may be better than the system is" in model_card._held_against(rows(), "gated")
    assert model_card._held_against(rows().assign(flagged=False), "gated") == ""


def test_what_a_checkpoint_answered_is_marked():
    results = rows("checkpoint").assign(part="auto", seen=0)
    told = SimpleNamespace(
        results=results, predictions=results.assign(seen=""), left_out=pd.DataFrame(), card=CARD, modalities=["audio"],
        part="auto", acted=(), notes=(),
    )  # fmt: skip
    measures = pd.DataFrame(
        [["all", "free", "anger", 0.5, 0.5, 0.5, 9]],
        columns=["test_corpus", "answers", "class", "precision", "recall", "F1", "support"],
    )
    page = checkpoint_evaluation.page(told, "other", measures)
    assert ".550 § |" in page
    assert page.count("§ |") == 1
    assert "Scores on A may be better" in page
    assert any("Scores on A may be better" in line for line in checkpoint_evaluation.seen_lines(told))


def chosen():
    inner = pd.DataFrame(
        [(family, system, "validation", 0.4, True, 1, 5) for family in "AB" for system in ("gated", "svm")],
        columns=selection.INNER_COLUMNS,
    )
    results = table([result(s, c, flagged=c == "A", accepted=c == "A") for s in ("gated", "svm") for c in "AB"])
    usable = pd.DataFrame({"corpus": list("AB"), "family": list("AB")})
    return selection.table(inner, results, usable)


def test_what_was_chosen_keeps_the_marks_of_its_scores():
    told = chosen()
    assert told.set_index("test_corpus")["flagged"].to_dict() == {"A": True, "B": False, comparison.MEAN: True}
    shown = choices.table(told).loc["free"]
    assert shown["UAR"].str.endswith(" § ¶").to_dict() == {"A": True, "B": False, comparison.MEAN: True}
    assert shown["its UAR"].str.endswith(" § ¶").tolist() == shown["UAR"].str.endswith(" § ¶").tolist()
    assert "Scores on A may be better" in choices.sentence(told, "validation")


def test_the_worth_of_corpora_is_marked_by_target():
    worth = pd.DataFrame({"target": list("AB"), "player": list("BA"), "value": [0.1, 0.2]})
    worth = worth.assign(flagged=worth["target"] == "A", accepted=False)
    shown = texts(figures.worth_heatmap(worth))
    assert "A §" in shown
    assert "B §" not in shown
    assert any("a breach of the audit touches these scores" in text for text in shown)


@pytest.mark.parametrize("flagged", [True, False])
def test_a_confusion_matrix_says_what_is_held_against_it(flagged):
    shown = texts(figures.confusion_heatmap([[3, 1], [0, 2]], ["anger", "fear"], rows().assign(flagged=flagged)))
    assert any("A breach of the audit touches" in text for text in shown) is flagged


def test_accepted_copies_are_explained_in_figures():
    assert any("¶" in text and "copies" in text for text in texts(figures.loco_forest(rows("loco", accepted=True))))


def test_means_over_corpora_are_marked():
    ranks = pd.DataFrame(
        {"system": ["a", "b"], "value": [0.5, 0.4], "rank": [1.0, 2.0], "low": 1.0, "high": 2.0, "first": [0.9, 0.1],
         "corpora": 9, "note": "", "flagged": True, "accepted": False}
    )  # fmt: skip
    assert verdicts.rank_table(ranks).loc["a", "mean (chance-corr.)"] == ".500 §"
    assert any("A breach of the audit touches" in text for text in texts(comparisons.rank_diagram(ranks)))
    clean = ranks.drop(columns=["flagged", "accepted"])
    assert verdicts.rank_table(clean).loc["a", "mean (chance-corr.)"] == ".500"


def test_a_reference_that_looked_at_the_target_is_called_that():
    differences = pd.DataFrame({"system": ["b"], "reference": ["a"], "test_corpus": ["A"]})
    marks = {"flagged": False, "accepted": False, "test_corpus": "A"}
    told = pd.DataFrame([{"system": "a", "transductive": True} | marks, {"system": "b", "transductive": False} | marks])
    shown = numbers.displayed(differences, told)
    assert shown[["system", "reference"]].to_numpy().tolist() == [["b", "a (transductive)"]]
