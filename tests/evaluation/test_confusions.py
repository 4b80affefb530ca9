import numpy as np
import pandas as pd
import pytest

from mer import stats
from mer.evaluation.scores.confusions import PredictionError, count
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
