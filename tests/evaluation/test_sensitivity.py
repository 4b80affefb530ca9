import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.dataset import splits
from mer.evaluation.comparison import comparison, ranking, sensitivity, slices
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.protocols import random_split
from mer.evaluation.scores.confusions import Scoring
from mer.stats import CONFUSION_METRICS
from tests.evaluation.toy_data import CLASSES, manifest, predictions

CLUSTERS = dict.fromkeys("ab", "speaker_id")
SCORING = Scoring(CLASSES, CLUSTERS)


def planned(*parts, official=()):
    table = pd.concat(parts, ignore_index=True)
    return splits.assign(table, set(official), splits.SplitOptions(seed=0, validation=0.1, test=0.1, folds=5))


def test_random_split_tests_each_clip_once_and_shares_speakers():
    rows = planned(manifest("a", 12), manifest("b", 4))
    cells = random_split.random_split(rows, ["a", "b"], seed=0)
    for corpus, folds in (("a", 5), ("b", 4)):
        mine = [cell for cell in cells if cell.train_corpora == (corpus,)]
        assert len(mine) == folds
        tested = np.concatenate([cell.test for cell in mine])
        assert sorted(tested) == np.flatnonzero(rows["corpus"] == corpus).tolist()
        for cell in mine:
            assert not set(cell.test) & {*cell.train, *cell.validation}
            assert not set(cell.train) & set(cell.validation)
            assert set(rows.loc[cell.test, "speaker_id"]) <= set(rows.loc[cell.train, "speaker_id"])
            share = rows.loc[cell.test, "emotion"].value_counts()
            assert share.max() - share.min() <= 1


def test_speaker_overlap_is_the_share_of_test_clips_of_training_speakers():
    rows = manifest("b", 4)
    rows["split_official"] = np.tile(["train", "validation", "test"], len(rows) // 3)
    table = planned(manifest("a", 6), rows, official=["b"])
    cells = random_split.random_split(table, ["a", "b"], seed=0) + protocols.plan(table, ("in_corpus",), ["a", "b"])
    heard = sensitivity.speaker_overlap(table, cells)
    assert heard.columns.tolist() == ["random", "speakers apart"]
    assert heard.loc["a"].tolist() == [1, 0]
    assert heard.loc["b"].tolist() == [1, 1]  # a published split that shares its speakers


def test_random_split_depends_on_ids_and_not_on_row_order_or_other_corpora():
    rows = planned(manifest("a", 6), manifest("b", 4))
    alone = planned(manifest("a", 6).sample(frac=1, random_state=1))

    def tested(table):
        cells = random_split.random_split(table, ["a"], seed=0)
        return [sorted(table.loc[cell.test, "utterance_id"]) for cell in cells]

    assert tested(rows) == tested(alone)
    assert tested(rows) != [
        sorted(rows.loc[cell.test, "utterance_id"]) for cell in random_split.random_split(rows, ["a"], seed=1)
    ]


def test_random_split_covers_corpora_with_a_published_split():
    rows = manifest("a", 4)
    rows["split_official"] = np.tile(["train", "validation", "test"], len(rows) // 3)
    cells = random_split.random_split(planned(rows, official=["a"]), ["a"], seed=0, folds=3)
    assert sum(len(cell.test) for cell in cells) == len(rows)


def test_random_split_is_never_planned_and_never_a_score():
    rows = planned(manifest("a", 6))
    with pytest.raises(KeyError):
        protocols.plan(rows, (random_split.RANDOM,), ["a"])
    table = predictions(rows, 0.9, protocol=random_split.RANDOM)
    with pytest.raises(ValueError, match="a: in a random split, speakers are in training and test"):
        random_split.refuse_random(table)
    for taken_for_a_score in (
        lambda: sensitivity.metric_sensitivity(table, SCORING),
        lambda: slices.score(table, rows, SCORING),
        lambda: comparison.compare(table, SCORING, "s", protocol=random_split.RANDOM),
        lambda: ranking.rank_systems(table, SCORING, protocol=random_split.RANDOM),
    ):
        with pytest.raises(ValueError, match="no score"):
            taken_for_a_score()
    random_split.refuse_random(table.assign(protocol="in_corpus"))
    random_split.refuse_random(table[:0])


def flattered(speakers=12, right=(0.9, 0.6, 0.4), corpus="a"):
    rows = manifest(corpus, speakers)
    return pd.concat(
        [
            predictions(rows, share, protocol=protocol, train=train, seed=at, seeds=(0, 1))
            for at, (share, protocol, train) in enumerate(
                zip(right, sensitivity.SPLIT_NAMES, (corpus, corpus, "z"), strict=True)
            )
        ]
    )


def test_inflation_is_the_difference_in_points_with_a_verdict():
    table = sensitivity.split_inflation(flattered(), SCORING)
    assert table["verdict"].tolist() == ["shown"] * 3
    assert table["points"].tolist() == pytest.approx([30, 20, 50], abs=7)
    row = table.iloc[0]
    assert row["points"] == pytest.approx(100 * (row["split_value"] - row["than_value"]))
    assert row["low"] < row["points"] < row["high"]
    assert table["points"].iloc[2] == pytest.approx(table["points"].iloc[:2].sum())
    assert (table["p_holm"] >= table["p"]).all()


def test_mean_over_corpora_is_a_family_of_tests_of_its_own():
    both = pd.concat([flattered(), flattered(8, corpus="b")])
    table = sensitivity.split_inflation(both, SCORING)
    mean = table[table["test_corpus"] == "mean over corpora"]
    assert len(table) == 9
    assert mean["verdict"].tolist() == ["shown"] * 3
    assert (mean["p_holm"] <= 3 * mean["p"]).all()
    value = np.mean([stats.chance_corrected(v, 4) for v in table["split_value"].iloc[[0, 3]]])
    assert mean["split_value"].iloc[0] == pytest.approx(value)


def test_equal_scores_of_splits_are_not_shown_to_differ():
    table = sensitivity.split_inflation(flattered(right=(0.6, 0.6, 0.6)), SCORING)
    assert table["verdict"].tolist() == ["not shown"] * 3


def test_splits_are_compared_on_common_clips():
    table = flattered()
    half = table[(table["protocol"] != "in_corpus") | (table["utterance_id"].str[-1] < "5")]
    assert set(sensitivity.split_inflation(half, SCORING)["n"]) == {12 * 14}


def test_missing_split_is_named_in_the_verdict():
    table = flattered()
    result = sensitivity.split_inflation(table[table["protocol"] != "loco"], SCORING)
    assert result["verdict"].tolist() == ["shown", *["not trained with corpus held out on a"] * 2]
    assert result["p_holm"].notna().tolist() == [True, False, False]
    apart = table[(table["protocol"] != "loco") | (table["utterance_id"] < "a/00_01")]
    apart = apart[(apart["protocol"] == "loco") | (apart["utterance_id"] > "a/00_01")]
    assert set(sensitivity.split_inflation(apart, SCORING)["verdict"]) == {"no clip in common on a"}
    assert sensitivity.split_inflation(table[:0], SCORING).empty


def test_metric_sensitivity_scores_the_same_predictions():
    rows = manifest("a", 6)
    rows = rows[(rows["emotion"] == "neutral") | (rows["utterance_id"].str[-1] < "2")]
    lazy = predictions(rows, 1.0, "always neutral").assign(free="neutral")
    fair = predictions(rows, 0.6, "fair")
    table = sensitivity.metric_sensitivity(pd.concat([lazy, fair]), SCORING).set_index("system")
    one = table.loc["always neutral"]
    truth, given = (lazy[c].map(CLASSES.index).to_numpy() for c in ("emotion", "free"))
    counts = stats.confusion(truth, given, 7)
    for name, metric in (("UAR", stats.uar), ("WA", stats.wa), ("weighted_F1", stats.weighted_f1)):
        assert one[name] == pytest.approx(metric(counts))
    assert one["UAR"] == pytest.approx(1 / one["classes"])
    assert one["points"] == pytest.approx(100 * (max(one[list(CONFUSION_METRICS)]) - min(one[list(CONFUSION_METRICS)])))
    assert "UAR" in table.loc["fair", "best_by"]
