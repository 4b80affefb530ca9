import numpy as np
import pandas as pd
import pytest

from mer.evaluation.ablations.differences import headline
from mer.evaluation.comparison import comparison
from mer.evaluation.comparison.comparison import MEAN
from mer.params.ablations import Ablations
from mer.params.schema import System
from mer.report.figures.ablations import ablation_forest
from mer.report.tables import ablations as tables
from mer.report.text import ablations as text
from tests.report.test_figures import draw

SYSTEMS = {
    "gated": System(model="gated", inputs=("audio", "text")),
    "linear": System(model="logistic", inputs=("audio",)),
}


def line(system, difference, protocol="loco", corpus=MEAN, **more):
    low, high = difference - 0.02, difference + 0.02
    verdict = "not shown" if abs(difference) < 0.02 else "better" if difference > 0 else "worse"
    return {"system": system, "reference": "gated", "protocol": protocol, "answers": "restricted", "metric": "UAR",
            "test_corpus": corpus, "value": 0.4 + difference, "reference_value": 0.4, "difference": difference,
            "low": low, "high": high, "p": 0.01, "p_holm": 0.04, "smallest_p": 0.001, "verdict": verdict, "n": 100,
            "speakers": 9, "seeds": 2, "of": "systems", "corpora": 3, "transductive": False, "flagged": False,
            "accepted": False} | more  # fmt: skip


@pytest.fixture
def table():
    rows = [
        line("few", -0.01),
        line("zero", -0.1),
        line("ad$apted", 0.05, transductive=True),
        line("sparse", 0.03, corpora=2),
    ]
    rows += [line("zero", -0.2, "in_corpus"), line("alone", -0.3, "in_corpus"), line("other", 0.01, reference="linear")]
    rows += [line("zero", -0.15, corpus="a"), line("few", -0.02, corpus="b")]
    return pd.DataFrame(rows, columns=[*comparison.COLUMNS, "corpora", "transductive", "flagged", "accepted"])


def test_rows_are_sorted_by_their_loss_under_loco(table):
    assert tables.sorted_rows(table) == ["alone", "zero", "few", "other", "sparse", "ad$apted"]


def test_forest_shows_every_row_with_its_protocols(table):
    texts = draw(ablation_forest(table))
    assert {"zero", r"ad\$apted (transductive)", "sparse (2 corpora)", "other (against linear)"} <= set(texts)
    assert {"LOCO", "within corpus"} <= set(texts)
    assert any(t == "Significant differences (filled): 3 of 5 LOCO, 2 of 2 within corpus." for t in texts)


def test_figure_without_rows_states_the_reason():
    empty = pd.DataFrame(columns=[*comparison.COLUMNS, "corpora"])
    assert any("the study has no rows" in t for t in draw(ablation_forest(empty, "the study has no rows")))
    assert tables.ablation_table(empty).empty
    assert "no row has a test" in text.ablation_sentence(empty)


def test_row_without_a_number_keeps_its_place_in_the_table(table):
    nothing = line("none", np.nan, value=np.nan, low=np.nan, high=np.nan, p=np.nan, p_holm=np.nan,
                   verdict="no test corpus in common", corpora=0)  # fmt: skip
    shown = tables.ablation_table(pd.concat([table, pd.DataFrame([nothing])], ignore_index=True))
    assert shown.loc["none", "LOCO, verdict"] == "no test corpus in common"
    assert list(shown.index)[-1] == "none"


def test_table_has_difference_p_and_verdict_of_each_protocol(table):
    shown = tables.ablation_table(table)
    assert shown.loc["zero", "LOCO, difference"] == "-.100 [-.120, -.080]"
    assert shown.loc["zero", "within corpus, verdict"] == "worse"
    assert shown.loc["few", "within corpus"] == "–"


def test_single_corpus_stands_for_the_mean():
    rows = pd.DataFrame([line("x", 0.1, corpus="a"), line("y", 0.1), line("y", 0.2, corpus="a")])
    assert headline(rows)["test_corpus"].tolist() == ["a", MEAN]


def test_corpus_table_has_single_corpora(table):
    wide = tables.corpus_table(table, "loco")
    assert wide.loc["zero"].to_dict() == {"a": "-.150 [-.170, -.130]", "b": "–"}
    assert tables.corpus_table(table, "in_corpus").empty


def test_sentence_names_significant_rows_only(table):
    sentence = text.ablation_sentence(table)
    assert "worse: zero (-.100 [-.120, -.080], p = .040)" in sentence
    assert "better: sparse" in sentence
    assert "no difference shown: 2 of 5 rows" in sentence
    assert "few" not in sentence


def test_set_ups_of_the_paper_are_side_by_side():
    ablations = Ablations.model_validate({"rows": {
        "zero_text": {"zero": ["text"]}, "no_text": {"inputs": ["audio"]},
        "no_text_softmax": {"inputs": ["audio"], "training.gate": "softmax"}, "zero_both": {"zero": ["audio", "text"]},
    }})  # fmt: skip
    rows = pd.DataFrame(
        [line("zero_text", -0.1), line("no_text", -0.2), line("no_text_softmax", 0.5), line("zero_both", 0.5)]
    )
    shown = tables.setups_table(ablations, SYSTEMS, rows)
    assert list(shown.index) == [("gated", "text")]
    assert shown.iloc[0].to_dict() == {"LOCO, 0 at test": "-.100 [-.120, -.080]",
                                       "LOCO, trained without": "-.200 [-.220, -.180]"}  # fmt: skip
    assert tables.setups_table(Ablations(), SYSTEMS, rows).empty


def test_rows_table_states_references_and_changes():
    ablations = Ablations.model_validate({"rows": {
        "a": {"training.gate": "softmax", "inputs": ["audio"]}, "b": {"reference": "linear", "without": ["emodb"]},
    }})  # fmt: skip
    shown = tables.rows_table(ablations, SYSTEMS)
    assert shown.loc["a"].tolist() == ["gated", "inputs: audio; training.gate: softmax"]
    assert shown.loc["b"].tolist() == ["linear", "without: emodb"]


def test_ranks_under_other_labels():
    ranks = pd.DataFrame({"labels": ["study", "study", "four", "four"], "system": ["x", "y", "x", "y"],
                          "value": [0.3, 0.2, 0.3, 0.4], "rank": [1.0, 2.0, 2.0, 1.0], "note": ""})  # fmt: skip
    assert "four: 2 of 2 systems change their rank, y is first" in text.rank_sentence(ranks)
    assert tables.rank_table(ranks).loc["x"].tolist() == ["1: .300", "2: .300"]
    assert "no second ranking" in text.rank_sentence(ranks[ranks["labels"] == "study"])
