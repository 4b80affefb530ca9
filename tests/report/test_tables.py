import numpy as np
import pandas as pd
import pytest

from mer.report.tables import dataset as dataset_tables
from mer.report.tables import scores as score_tables
from mer.report.text import dataset as dataset_text
from mer.report.text import scores as score_text
from tests.report.report_rows import result, table


def test_pivot(results):
    wide = score_tables.pivot(results, "loco", "free")
    assert wide.columns.tolist() == ["EMO-DB", "TE$$", "nEMO", score_tables.MEAN]
    assert wide.loc["gated"].tolist() == [
        ".550 [.480, .620], 0 % outside", "–", ".300 [.230, .370], 0 % outside", ".233 (2 of 3)"
    ]  # fmt: skip
    assert wide.loc["svm (transductive)", "nEMO"] == "–"
    assert wide.loc["svm", "TE$$"] == ".400, no interval (2 speakers), 0 % outside"


def test_pivot_of_another_metric_keeps_the_mean_of_uar(results):
    wide = score_tables.pivot(results, "loco", "free", "WA")
    assert wide.loc["gated", "EMO-DB"].startswith(".600")
    assert wide.loc["gated", score_tables.MEAN].startswith(".233")


def test_pivot_has_one_row_per_set_of_training_corpora():
    rows = [result(protocol="cross_corpus", train_corpora=train) for train in "AB"]
    wide = score_tables.pivot(table(rows), "cross_corpus", "free")
    assert wide.index.tolist() == [("gated", "A"), ("gated", "B")]
    assert wide[score_tables.MEAN].tolist() == [".400", ".400"]
    with pytest.raises(ValueError, match="two results"):
        score_tables.pivot(table([*rows, rows[0]]), "cross_corpus", "free")


def test_loco_table(results):
    wide = score_tables.loco_table(results)
    assert wide.columns.tolist() == ["EMO-DB", "TE$$", "nEMO", score_tables.MEAN]
    facts = wide.index.get_level_values(0).unique().tolist()[-5:]
    assert facts == ["chance", "clips", "speakers", "classes", "intervals over"]
    rows = [("clips", ""), ("chance", ""), ("gated", "restricted")]
    assert wide.loc[rows, "EMO-DB"].tolist() == ["535", ".250", ".600 [.530, .670]"]
    assert wide.loc[("gated", "restricted"), "nEMO"] == "–"
    assert wide.loc[("gated", "free"), score_tables.MEAN] == ".233 (2 of 3)"


def test_the_selected_system_is_the_first_row_whatever_its_score():
    rows = table([result("best", value=0.9), result("selected", value=0.3)])
    assert score_tables.loco_table(rows).index[0] == ("selected", "free")


def test_manifest_tables(manifest):
    summary = dataset_tables.manifest_summary(manifest)
    assert summary.loc["EMO-DB"].tolist() == [4, 3, 1, "2 (1/1)", 1.5, 2, "16 kHz, 44.1 kHz"]
    assert summary.loc["nE$O$", "speakers (f/m)"] == "1"
    labels = dataset_tables.label_table(manifest)
    assert labels.columns.tolist() == ["neutral", "happiness", "anger", "not used"]
    assert labels.loc[("EMO-DB", "W"), "anger"] == 2
    assert labels.loc[("EMO-DB", "L"), "not used"] == 1
    assert dataset_tables.excluded_table(manifest).values.tolist() == [["EMO-DB", "label", 1, "data/raw/3.wav"]]


def test_empty_tables(manifest):
    empty, no_rows = table([]), manifest.iloc[:0]
    assert score_tables.pivot(empty, "loco", "free").empty
    assert score_tables.loco_table(empty).empty
    for show in (dataset_tables.manifest_summary, dataset_tables.label_table, dataset_tables.excluded_table):
        assert show(no_rows).empty
    assert dataset_tables.excluded_table(manifest.iloc[:2]).empty
    assert score_text.loco_sentence(empty, "gated") == "No corpus has been held out."
    assert score_text.seeds_sentence(empty).startswith("There is one seed")
    assert dataset_text.excluded_sentence(no_rows) == "All 0 clips are used."


def test_loco_sentence(results):
    assert score_text.loco_sentence(results, "gated") == (
        "gated scores highest on held-out EMO-DB (.55 [.48, .62], chance .25). Not shown to be above chance: nEMO."
    )
    at_chance = table([result(value=0.4, low=0.25), result(test="B", value=0.3, low=0.26)])
    assert score_text.loco_sentence(at_chance, "gated").endswith("Not shown to be above chance: EMO-DB.")


def test_loco_sentence_adjusts_p_values_for_all_corpora_and_names_constant_predictions():
    rows = [result(test=name, chance=1 / 7, p_chance=0.02, p_constant=0.2) for name in "AB"]
    constant = "Not shown to be above predicting one constant class: A and B."
    assert score_text.loco_sentence(table(rows), "gated").endswith(constant)
    rows += [result(test="C", chance=1 / 7, p_chance=0.02), result(test="D", chance=1 / 7, p_chance=0.9)]
    assert score_text.loco_sentence(table(rows), "gated").endswith("Not shown to be above chance: A, B, C and D.")


def test_chance_of_free_predictions_is_among_all_classes():
    rows = [result(chance=1 / 7), result(answers="restricted", chance=1 / 4)]
    loco = score_tables.loco_table(table(rows))["EMO-DB"]
    assert (loco["chance", ""], loco["intervals over", ""]) == (".143 (restricted .250)", "10 speakers")
    means = [
        score_tables.pivot(table(rows), "loco", answers)[score_tables.MEAN].item() for answers in ("free", "restricted")
    ]
    assert means == [".475", ".400"]
    none = table([result(low=None, high=None, why_none="fear said by one speaker")])
    assert (
        score_tables.pivot(none, "loco", "free").iloc[0, 0]
        == ".550, no interval (fear said by one speaker), 0 % outside"
    )


def test_other_sentences(results, manifest):
    assert dataset_text.excluded_sentence(manifest) == (
        "5 of 6 clips are used. The most frequent reason for exclusion is “label” (1)."
    )
    assert ".010 (median over cells)" in score_text.seeds_sentence(results)
    one = results.assign(deviation=np.nan)
    assert score_text.seeds_sentence(one).startswith("There is one seed")


def test_symbols_follow_every_score_and_the_mean():
    rows = [
        result(test="A", flagged=True, accepted=True, outside=0.126),
        result(test="A", flagged=True, accepted=True, answers="restricted"),
        result(test="B", lacks="text"),
        result(test="B", answers="restricted", lacks="text"),
    ]
    loco = score_tables.loco_table(table(rows))
    assert loco["A"].tolist()[:2] == [".550 [.480, .620] § ¶, 13 % outside", ".550 [.480, .620] § ¶"]
    assert loco["B"].tolist()[:2] == [
        ".550 [.480, .620], 0 % outside, without text", ".550 [.480, .620], without text"
    ]  # fmt: skip
    wide = score_tables.pivot(table(rows), "loco", "restricted")
    assert wide.loc["gated"].tolist() == [".550 [.480, .620] § ¶", ".550 [.480, .620], without text", ".400 § ¶"]


def test_breach_is_in_the_sentence_and_the_legend():
    rows = table([result(test="A", value=0.6, flagged=True), result(test="B")])
    said = score_text.loco_sentence(rows, "gated")
    assert "A breach of the audit may inflate scores on A." in said
    assert "accepts" not in said
    usable = pd.DataFrame({"corpus": ["A", "B", "C"], "breach": ["x; y", None, "z"]})
    assert score_text.flag_legend(rows, usable).endswith("may inflate: A (x, y).")
    assert score_text.flag_legend(rows[1:], usable) == "No breach of the audit affects these scores."
    accepted = table([result(test="A", flagged=True, accepted=True)])
    assert "¶ marks corpora whose copies" in score_text.flag_legend(accepted, usable)
    assert "Another family contains recordings of A, which the study accepts." in score_text.loco_sentence(
        accepted, "gated"
    )
