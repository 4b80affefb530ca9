import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.evaluation.scores.confusions import PredictionError, count, merge_family, no_interval_reason, shared_classes
from tests.evaluation.toy_data import CLASSES, manifest, predictions


def test_counts_equal_cluster_confusions():
    table = predictions(manifest(), 0.6, seeds=(3, 5))
    result = count(table, "free", CLASSES, "speaker_id")
    assert (result.seeds, result.n, result.speakers, result.classes) == ((3, 5), 192, 8, 4)
    for at, seed in enumerate(result.seeds):
        part = table[table["seed"] == seed]
        truth, given = (part[c].map(CLASSES.index).to_numpy() for c in ("emotion", "free"))
        matrices, names = stats.cluster_confusions(truth, given, part["speaker_id"].to_numpy(object), len(CLASSES))
        assert (result.confusions[at] == matrices).all()
        assert result.clusters == tuple(names)


@pytest.mark.parametrize("missing", [None, np.nan, "boredom"])
@pytest.mark.parametrize("column", ["free", "emotion"])
def test_missing_prediction_is_refused_by_column(missing, column):
    table = predictions(manifest(), 0.6).astype({column: object})
    table.loc[7, column] = missing
    with pytest.raises(PredictionError, match=r"1 of 192 rows have no class in .* a/00_07"):
        count(table, "free", CLASSES, "speaker_id")


def test_missing_repeated_and_absent_predictions_have_their_own_messages():
    table = predictions(manifest(), 0.6, seeds=(0, 1))
    with pytest.raises(PredictionError, match="different utterances"):
        count(table.iloc[:-1], "free", CLASSES, "speaker_id")
    with pytest.raises(PredictionError, match="two predictions with one seed"):
        count(pd.concat([table, table.iloc[:1]]), "free", CLASSES, "speaker_id")
    with pytest.raises(PredictionError, match="no predictions"):
        count(table[:0], "free", CLASSES, "speaker_id")
    with pytest.raises(PredictionError, match="dialogue_id"):
        count(table, "free", CLASSES, "dialogue_id")
    with pytest.raises(ValueError, match="answers"):
        count(table, "best", CLASSES, "speaker_id")
    with pytest.raises(ValueError, match="a_00 is not among"):
        count(table, "free", CLASSES, "speaker_id", ["a_01"])


def test_training_corpora_without_a_common_class_share_none():
    labels = pd.concat([manifest("a", classes=("anger", "fear")), manifest("b", classes=("neutral", "sadness"))])
    assert shared_classes(labels, "a", "b") == []
    assert shared_classes(labels, "a+b", "b") == ["neutral", "sadness"]
    assert shared_classes(labels, "gone", "b") == []


def test_pairs_of_speakers_and_dialogues_are_counted_once():
    rows = manifest(speakers=4)
    rows["dialogue_id"] = [f"d{number % 7}" for number in range(len(rows))]
    table = predictions(rows, 0.6, seeds=(0, 1))
    two, one = (count(table, "free", CLASSES, c) for c in (("speaker_id", "dialogue_id"), "speaker_id"))
    assert (two.cluster_name, two.n_clusters, one.cluster_name, one.n_clusters) == (
        "speakers and dialogues",
        4,
        "speakers",
        4,
    )
    assert (two.confusions.sum(1) == one.confusions.sum(1)).all()
    assert (stats.sum_by_group(two.confusions, two.groupings[0], 1) == one.confusions).all()
    kin, ways = merge_family({"a": two})
    assert (kin == two.confusions).all()
    assert [len(set(way)) for way in ways] == [4, 7]


def test_no_interval_reason_names_the_missing_clusters():
    rows = manifest(speakers=4)
    assert no_interval_reason(count(predictions(rows, 0.6), "free", CLASSES, "speaker_id"), CLASSES) == ""
    few = predictions(rows[rows["speaker_id"] == "a_00"], 0.6)
    assert no_interval_reason(count(few, "free", CLASSES, "speaker_id"), CLASSES) == "1 speaker"
    alone = predictions(rows[(rows["emotion"] != "anger") | (rows["speaker_id"] == "a_00")], 0.6)
    result = count(alone, "free", CLASSES, "speaker_id")
    assert no_interval_reason(result, CLASSES) == "anger said by one speaker"
    assert np.isnan(stats.jackknife(result.confusions).low)
