import numpy as np
import pandas as pd
import pytest

from mer.report.tables import results as tables
from mer.report.text import sentences
from tests.report.report_rows import result, table


def test_pivot(results):
    wide = tables.pivot(results, "loco", "free")
    assert wide.columns.tolist() == ["EMO-DB", "TE$$", "nEMO", tables.MEAN]
    assert wide.loc["gated"].tolist() == [
        ".550 [.480, .620], 0 % outside", "–", ".300 [.230, .370], 0 % outside", ".233 (2 of 3)"
    ]  # fmt: skip
    assert wide.loc["svm (transductive)", "nEMO"] == "–"
    assert wide.loc["svm", "TE$$"] == ".400, no interval (2 speakers), 0 % outside"


def test_pivot_of_another_metric_keeps_the_mean_of_uar(results):
    wide = tables.pivot(results, "loco", "free", "WA")
    assert wide.loc["gated", "EMO-DB"].startswith(".600")
    assert wide.loc["gated", tables.MEAN].startswith(".233")


def test_pivot_tells_trainings_of_one_system_apart():
    rows = [result(protocol="cross_corpus", train_corpora=train) for train in "AB"]
    wide = tables.pivot(table(rows), "cross_corpus", "free")
    assert wide.index.tolist() == [("gated", "A"), ("gated", "B")]
    assert wide[tables.MEAN].tolist() == [".400", ".400"]
    with pytest.raises(ValueError, match="two results"):
        tables.pivot(table([*rows, rows[0]]), "cross_corpus", "free")


def test_loco_table(results):
    wide = tables.loco_table(results)
    assert wide.columns.tolist()[:4] == ["n", "speakers", "classes", "chance"]
    assert wide.loc["EMO-DB", ["n", "chance", "gated, restricted"]].tolist() == [535, ".250", ".600 [.530, .670]"]
    assert wide.loc["nEMO", "gated, restricted"] == "–"


def test_manifest_tables(manifest):
    summary = tables.manifest_summary(manifest)
    assert summary.loc["EMO-DB"].tolist() == [4, 3, 1, "2 (1/1)", 1.5, 2, "16 kHz, 44.1 kHz"]
    assert summary.loc["nE$O$", "speakers (f/m)"] == "1"
    labels = tables.label_table(manifest)
    assert labels.columns.tolist() == ["neutral", "happiness", "anger", "not used"]
    assert labels.loc[("EMO-DB", "W"), "anger"] == 2
    assert labels.loc[("EMO-DB", "L"), "not used"] == 1
    assert tables.excluded_table(manifest).values.tolist() == [["EMO-DB", "label", 1, "data/raw/3.wav"]]


def test_nothing_at_all(manifest):
    empty, nobody = table([]), manifest.iloc[:0]
    assert tables.pivot(empty, "loco", "free").empty
    assert tables.loco_table(empty).empty
    for show in (tables.manifest_summary, tables.label_table, tables.excluded_table):
        assert show(nobody).empty
    assert tables.excluded_table(manifest.iloc[:2]).empty
    assert sentences.loco_sentence(empty, "gated") == "No corpus has been held out."
    assert sentences.seeds_sentence(empty).startswith("One seed")
    assert sentences.excluded_sentence(nobody) == "All 0 clips are used."


def test_loco_sentence(results):
    assert sentences.loco_sentence(results, "gated") == (
        "Held out, gated recognises EMO-DB best (.55 [.48, .62], chance .25); nEMO is not shown to be above chance."
    )
    at_chance = table([result(value=0.4, low=0.25), result(test="B", value=0.3, low=0.26)])
    assert sentences.loco_sentence(at_chance, "gated").endswith("EMO-DB is not shown to be above chance.")


def test_above_chance_is_adjusted_for_all_corpora_and_a_constant_answer_is_told_apart():
    rows = [result(test=name, chance=1 / 7, p_chance=0.02, p_constant=0.2) for name in "AB"]
    assert "are not shown to be above always giving one answer" in sentences.loco_sentence(table(rows), "gated")
    rows += [result(test="C", chance=1 / 7, p_chance=0.02), result(test="D", chance=1 / 7, p_chance=0.9)]
    assert sentences.loco_sentence(table(rows), "gated").endswith("A, B, C and D are not shown to be above chance.")


def test_chance_of_free_answers_is_among_all_classes():
    rows = [result(chance=1 / 7), result(answers="restricted", chance=1 / 4)]
    assert tables.loco_table(table(rows))["chance"].tolist() == [".143 (restricted .250)"]
    assert tables.loco_table(table(rows))["intervals over"].tolist() == ["10 speakers"]
    means = [tables.pivot(table(rows), "loco", answers)[tables.MEAN].item() for answers in ("free", "restricted")]
    assert means == [".475", ".400"]
    none = table([result(low=None, high=None, why_none="fear said by one speaker")])
    assert tables.pivot(none, "loco", "free").iloc[0, 0] == ".550, no interval (fear said by one speaker), 0 % outside"


def test_other_sentences(results, manifest):
    assert sentences.excluded_sentence(manifest) == (
        "5 of 6 clips are used; most of the others are left out for “label” (1)."
    )
    assert ".010 (median over cells)" in sentences.seeds_sentence(results)
    one = results.assign(deviation=np.nan)
    assert sentences.seeds_sentence(one).startswith("One seed")


def test_marks_stand_after_every_score_and_in_the_mean():
    rows = [
        result(test="A", flagged=True, accepted=True, outside=0.126),
        result(test="A", flagged=True, accepted=True, answers="restricted"),
        result(test="B", lacks="text"),
        result(test="B", answers="restricted", lacks="text"),
    ]
    loco = tables.loco_table(table(rows))
    assert loco.loc["A"].tolist()[5:] == [".550 [.480, .620] § ¶, 13 % outside", ".550 [.480, .620] § ¶"]
    assert loco.loc["B"].tolist()[5:] == [
        ".550 [.480, .620], 0 % outside, without text", ".550 [.480, .620], without text"
    ]  # fmt: skip
    wide = tables.pivot(table(rows), "loco", "restricted")
    assert wide.loc["gated"].tolist() == [".550 [.480, .620] § ¶", ".550 [.480, .620], without text", ".400 § ¶"]


def test_a_breach_is_in_the_sentence_and_the_legend():
    rows = table([result(test="A", value=0.6, flagged=True), result(test="B")])
    said = sentences.loco_sentence(rows, "gated")
    assert "Scores on A may be better than the system is: a breach of the audit touches them." in said
    assert "accepts" not in said
    usable = pd.DataFrame({"corpus": ["A", "B", "C"], "breach": ["x; y", None, "z"]})
    assert sentences.mark_legend(rows, usable).endswith("better than the system is: A (x, y).")
    assert sentences.mark_legend(rows[1:], usable) == "No breach of the audit touches these scores."
    accepted = table([result(test="A", flagged=True, accepted=True)])
    assert "¶ marks corpora whose copies" in sentences.mark_legend(accepted, usable)
    assert "Recordings of A are also trained on in another family" in sentences.loco_sentence(accepted, "gated")
