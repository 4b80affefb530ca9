"""Scores of predictions that were made elsewhere equal those of a study with the same predictions."""

import numpy as np
import pandas as pd
import pytest

import mer
from mer.api import foreign_predictions
from mer.api.foreign_predictions import PredictionTableError
from mer.evaluation.__main__ import main
from mer.evaluation.comparison import comparison
from mer.evaluation.scores import flags, scores
from mer.evaluation.scores.confusions import Scoring

CLASSES = ["anger", "neutral", "sadness"]


@pytest.fixture
def table():
    """Predictions of two systems on two corpora, with probabilities."""
    random = np.random.default_rng(0)
    n = 120
    truth = random.integers(0, 3, n)
    rows = []
    for system, strength in (("good", 2.0), ("bad", 0.3)):
        logits = random.normal(size=(n, 3))
        logits[np.arange(n), truth] += strength
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        rows.append(pd.DataFrame({
            "file": [f"{i}.wav" for i in range(n)], "dataset": np.where(np.arange(n) < 60, "emodb", "mine"),
            "gold": np.array(CLASSES)[truth], "actor": [f"s{i % 10}" for i in range(n)], "model": system,
            **{f"p_{name}": p[:, k] for k, name in enumerate(CLASSES)},
        }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def in_study(table):
    """The same predictions as a study has them."""
    p = table[[f"p_{name}" for name in CLASSES]]
    best = np.array(CLASSES)[p.to_numpy().argmax(1)]
    return p.assign(
        utterance_id=table["file"], test_corpus=table["dataset"], emotion=table["gold"], speaker_id=table["actor"],
        system=table["model"], free=best, restricted=best, seed=0, protocol="external", train_corpora="unknown",
        family=table["dataset"], dialogue_id=None, lacks="", **dict.fromkeys(flags.FLAGS, False),
    )  # fmt: skip


def test_results_and_comparisons_are_those_of_a_study(table):
    result = mer.score(table, columns={"true": "gold"}, reference="bad")
    scoring = Scoring(tuple(CLASSES), {"emodb": "speaker_id", "mine": "speaker_id"})
    expected = scores.score(in_study(table), scoring, study="external")
    pd.testing.assert_frame_equal(result.results, expected)
    differences = comparison.compare(in_study(table), scoring, "bad", protocol="external")
    pd.testing.assert_frame_equal(result.comparisons, differences)
    assert set(result.comparisons["system"]) == {"good"}
    assert result.uar.query("system == 'good'")["value"].min() > result.uar.query("system == 'bad'")["value"].max()


def test_labels_alone_have_free_predictions_only(table):
    labels = table[table["model"] == "good"].assign(pred=lambda t: t["gold"])[["gold", "pred", "actor"]]
    result = mer.score(labels, columns={"true": "gold"})
    assert set(result.results["answers"]) == {"free"}
    assert not set(result.results["metric"]) & {"ECE", "NLL", "Brier"}
    assert result.uar["value"].tolist() == [1.0]
    assert result.comparisons.empty


def test_chance_within_a_corpus_is_that_of_its_classes(table):
    part = table[table["gold"] != "sadness"].assign(protocol="in_corpus")
    result = mer.score(part, columns={"true": "gold"})
    assert set(result.uar["chance"]) == {1 / 2}
    loco = mer.score(part.assign(protocol="loco"), columns={"true": "gold"}).uar
    assert set(loco.query("answers == 'free'")["chance"]) == {1 / 3}


def test_page_and_tables_are_written(table, tmp_path):
    table.to_csv(tmp_path / "p.csv", index=False)
    page = mer.score(tmp_path / "p.csv", columns={"true": "gold"}).write(tmp_path / "out")
    text = page.read_text(encoding="utf-8")
    assert {path.name for path in page.parent.iterdir()} >= {
        "README.md", "results.csv", "results.parquet", "comparisons.csv", "confusion.csv", "class_scores.csv",
        "uar.png", "differences.png", "confusion-1.png", "confusion-2.png",
    }  # fmt: skip
    assert "| emodb | good | external | free |" in text
    assert "## Differences" in text
    assert "bad" in text


def test_file_and_table_give_the_same(table, tmp_path):
    table.to_csv(tmp_path / "p.csv", index=False)
    table.to_parquet(tmp_path / "p.parquet")
    results = [mer.score(source, columns={"true": "gold"}).results
               for source in (tmp_path / "p.csv", tmp_path / "p.parquet", table)]  # fmt: skip
    pd.testing.assert_frame_equal(results[1], results[2])
    np.testing.assert_allclose(results[0]["value"], results[2]["value"])


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        (lambda t: t.drop(columns="actor"), {}, "no column is recognised as speaker"),
        (lambda t: t.drop(columns="gold"), {}, "no column is recognised as true"),
        (lambda t: t, {"speaker": "actr"}, "has no column 'actr'"),
        (lambda t: t, {"speakr": "actor"}, "did you mean 'speaker'"),
        (lambda t: t.assign(p_anger=2.0), {}, "row 1 has no probabilities, .* in p_anger, p_neutral, p_sadness"),
        (lambda t: t.assign(gold=t["gold"].where(t.index != 3)), {}, "true is missing in 1 rows, the first is row 4"),
        (lambda t: t.drop(columns="file"), {}, "a column `id` has to name"),
        (lambda t: t.head(0), {}, "has no rows"),
        (lambda t: t.assign(gold=t["gold"].where(t.index != 3, "Anger")), {}, "'Anger' and 'anger' are two classes"),
    ],
)
def test_faults_name_the_column_or_row(table, change, columns, message):
    with pytest.raises(PredictionTableError, match=message):
        foreign_predictions.read(change(table), {"true": "gold", **columns} if "gold" in change(table) else columns)


def test_unknown_classes_and_references_are_refused(table):
    with pytest.raises(PredictionTableError, match="which is none of the classes anger, neutral"):
        mer.score(table, columns={"true": "gold"}, classes=["anger", "neutral"])
    with pytest.raises(ValueError, match="none of the systems good, bad"):
        mer.score(table, columns={"true": "gold"}, reference="other")


def test_repeated_utterances_are_refused(table):
    with pytest.raises(ValueError, match="two predictions with one seed"):
        mer.score(pd.concat([table, table.head(1)]), columns={"true": "gold"})


def test_command_scores_a_file_and_names_faults(table, tmp_path, capsys):
    table.rename(columns={"gold": "true"}).to_csv(tmp_path / "p.csv", index=False)
    assert main([str(tmp_path / "p.csv"), "--reference", "bad", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "good" in printed
    assert f"written to {tmp_path}/out/README.md" in printed
    table.drop(columns="actor").to_csv(tmp_path / "q.csv", index=False)
    assert main([str(tmp_path / "q.csv"), "--out", str(tmp_path / "other")]) == 2
    assert "no column is recognised as speaker" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
