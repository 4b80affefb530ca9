import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.evaluation.comparison import slices
from mer.evaluation.comparison.slices import bands
from mer.evaluation.scores.confusions import Scoring
from tests.evaluation.toy_data import CLASSES, manifest, predictions

CLUSTERS = {"a": "speaker_id"}
SCORING = Scoring(CLASSES, CLUSTERS)


def test_slice_is_scored_like_a_corpus():
    rows = manifest(speakers=10)
    table = predictions(rows, 0.6, seeds=(0, 1))
    scored, _ = slices.score(table, rows, SCORING)
    women = set(rows.loc[rows["gender"] == "female", "utterance_id"])
    mine = table[table["utterance_id"].isin(women)]
    truth, given = (mine[c].map(CLASSES.index).to_numpy().reshape(2, -1) for c in ("emotion", "free"))
    names = mine["speaker_id"].to_numpy(object).reshape(2, -1)
    matrices = [stats.cluster_confusions(*seed, 7)[0] for seed in zip(truth, given, names, strict=True)]
    one, row = stats.jackknife(np.stack(matrices)), scored[scored["slice"] == "female"].iloc[0]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((one.point, one.low, one.high))
    assert (row["n"], row["speakers"], row["classes"]) == (120, 5, 4)
    assert set(scored["attribute"]) == {"gender", "age", "language", "duration"}


def test_planted_gap_is_shown_and_others_are_not():
    rows = manifest(speakers=12, clips=48)
    table = predictions(rows, 0.75, hard=rows.loc[rows["language"] == "de", "utterance_id"])
    _, gaps = slices.score(table, rows, SCORING)
    result = gaps.set_index("slice")
    [language] = gaps[gaps["attribute"] == "language"].to_dict("records")
    assert language["verdict"] == "shown"
    assert abs(language["gap"]) == pytest.approx(0.3, abs=0.08)
    assert language["shared_speakers"] == 12
    [gender] = gaps[gaps["attribute"] == "gender"].to_dict("records")
    assert (gender["verdict"], gender["shared_speakers"], gender["speakers"]) == ("not shown", 0, 12)
    assert gender["low"] < gender["gap"] < gender["high"]
    assert result["gap"].notna().all()


def test_common_variation_of_speakers_cancels():
    rows = manifest(speakers=12, clips=48)
    easy = rows.loc[rows["speaker_id"] < "a_06", "utterance_id"]
    table = predictions(rows, 0.9, hard=easy)
    _, gaps = slices.score(table, rows, SCORING)
    width = (gaps["high"] - gaps["low"]).groupby(gaps["attribute"]).min()
    assert width["language"] < width["gender"]


def test_small_and_unknown_slices_are_listed_and_not_scored():
    rows = manifest(speakers=5)
    rows.loc[rows["speaker_id"] == "a_04", "gender"] = None
    rows.loc[:2, "language"] = "fr"
    scored, gaps = slices.score(predictions(rows, 0.6), rows, SCORING)
    notes = scored.set_index("slice")["note"]
    assert notes["not known"] == "not known"
    assert notes["fr"] == "3 clips, fewer than 30"
    assert notes["female"] == "2 speakers, fewer than 3"
    listed = scored[scored["note"] != ""]
    assert listed["value"].isna().all()
    assert scored.loc[scored["note"] == "", "value"].notna().all()
    assert set(gaps["attribute"]) <= {"duration", "language"}


def test_gaps_are_over_common_classes():
    rows = manifest(speakers=8, clips=48)
    rows.loc[(rows["language"] == "de") & (rows["emotion"] == "anger"), "emotion"] = "fear"
    _, gaps = slices.score(predictions(rows, 0.6), rows, SCORING)
    assert gaps.loc[gaps["attribute"] == "language", "classes"].tolist() == [3]
    rows.loc[rows["language"] == "de", "emotion"] = np.where(rows["utterance_id"].str[-1] > "4", "fear", "disgust")[
        rows["language"] == "de"
    ]
    _, gaps = slices.score(predictions(rows, 0.6), rows, SCORING)
    [row] = gaps[gaps["attribute"] == "language"].to_dict("records")
    assert row["verdict"] == "0 classes in common"
    assert np.isnan(row["gap"])


def test_one_speaker_or_one_slice_gives_no_gap():
    rows = manifest(speakers=1, clips=60).assign(duration=3.0)
    scored, gaps = slices.score(predictions(rows, 0.6), rows, SCORING)
    assert set(scored["attribute"]) == {"language"}
    assert (scored["note"] != "").all()
    assert gaps.empty


def test_mean_recall_of_the_classes_is_the_uar():
    rows = manifest(speakers=10)
    rows = rows[(rows["emotion"] != "anger") | (rows["speaker_id"] < "a_02")]
    table = predictions(rows, 0.6, seeds=(0, 1))
    result = slices.recalls(table, SCORING).set_index("emotion")
    hits = (table["emotion"] == table["free"]).groupby(table["emotion"]).mean()
    assert result["recall"].to_dict() == pytest.approx(hits.to_dict())
    assert result.index.tolist() == ["neutral", "happiness", "sadness", "anger"]
    assert result.loc["anger", ["n", "speakers"]].tolist() == [12, 2]
    assert result["low"].isna().tolist() == [False, False, False, True]
    truth, given = (table[c].map(CLASSES.index).to_numpy() for c in ("emotion", "free"))
    assert result["recall"].mean() == pytest.approx(stats.uar(stats.confusion(truth, given, 7)))
    with pytest.raises(ValueError, match="no score"):
        slices.recalls(table.assign(protocol="random_split"), SCORING)


def test_notes_use_singular_and_plural():
    rows = manifest(speakers=4)
    rows.loc[rows["speaker_id"] == "a_03", "language"] = "fr"
    rows.loc[0, "language"] = "it"
    notes = slices.score(predictions(rows, 0.6), rows, SCORING, min_clips=20)[0].set_index("slice")["note"]
    assert (notes["fr"], notes["it"]) == ("1 speaker, fewer than 3", "1 clip, fewer than 20")


def test_predictions_of_another_study_are_refused():
    rows = manifest()
    with pytest.raises(ValueError, match=r"a/00_00 .* not in the manifest"):
        slices.score(predictions(rows, 0.6), rows[1:], SCORING)


@pytest.mark.parametrize("value", [None, np.nan, -1.0, "?"])
def test_invalid_age_is_unknown(value):
    assert bands(pd.Series([value, 30], dtype=object), slices.AGES, "years").tolist() == [
        "not known",
        "30 to 45 years",
    ]
