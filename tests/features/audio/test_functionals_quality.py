"""The benchmark of model quality: no model is trained or selected on rows that it is scored on."""

import numpy as np
import pytest

from benchmarks import model_quality
from mer import stats


def toy_data(seed=0, corpora=3, speakers=3, clips=12):
    """Clips of three classes, and vectors in which the class and the corpus show."""
    rng = np.random.default_rng(seed)
    corpus = np.repeat(np.arange(corpora), speakers * clips)
    speaker = np.repeat(np.arange(corpora * speakers), clips)
    label = rng.integers(0, 3, len(corpus))
    vectors = rng.normal(size=(len(corpus), 6)) + 2 * np.eye(6)[label] + rng.normal(size=(corpora, 6))[corpus]
    return vectors, model_quality.Clips(label, np.char.add("c", corpus.astype(str)), speaker.astype(str), 3)


def test_no_model_is_scored_on_its_training_or_selection_rows():
    groups = np.repeat(np.array(["a", "b", "c", "d"]), [3, 1, 4, 2])
    rows, training_rows = np.arange(100, 110), []

    def scores(train, test):
        training_rows.append(set(train))
        assert not set(train) & set(test)
        return [test[:, None]]  # a row's score is its number

    outer, inner = model_quality.nested(scores, rows, groups)
    assert len(training_rows) == 4 + 6
    for a in "abcd":
        assert outer[a][0].ravel().tolist() == rows[groups == a].tolist()
        for b in set("abcd") - {a}:
            assert inner[a, b][0].ravel().tolist() == rows[groups == b].tolist()
    assert {a for a, _ in inner} == set("abcd")


@pytest.mark.parametrize("classifier", model_quality.CLASSIFIERS)
@pytest.mark.parametrize("norm", model_quality.NORMS)
def test_predictions_do_not_depend_on_labels_of_test_rows(classifier, norm):
    vectors, clips = toy_data()
    target = clips.corpora == "c1"
    shuffled = clips.labels.copy()
    shuffled[target] = np.roll(shuffled[target], 7)
    other = model_quality.Clips(shuffled, clips.corpora, clips.speakers, clips.classes)
    cells, changed = (model_quality.confusions(vectors, c, classifier, norm, ("loco",)) for c in (clips, other))
    for answers in ("free", "restricted"):
        before, after = (
            by_protocol["loco", answers]["c1"].sum(axis=1) for by_protocol in (cells, changed)
        )  # speakers × answers
        np.testing.assert_array_equal(before, after)
        assert stats.uar(cells["loco", answers]["c1"].sum(axis=0)) > 0.45


def test_folds_keep_speakers_whole():
    speakers = np.array([*"aabbbcddddefg"])
    result = model_quality.folds(speakers)
    assert set(result) == set(range(5))
    assert all(len(set(result[speakers == s])) == 1 for s in set(speakers))
    assert set(model_quality.folds(np.array([*"aabbc"]))) == {0, 1, 2}
