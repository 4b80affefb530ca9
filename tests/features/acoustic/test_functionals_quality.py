"""Whether the table of qualities is honest: nothing is chosen or trained on what is scored, and intervals hold."""

import numpy as np
import pytest

from benchmarks import quality
from mer import stats


def made_up(seed=0, corpora=3, speakers=3, clips=12):
    """Clips of three classes, and vectors in which the class and the corpus show."""
    rng = np.random.default_rng(seed)
    corpus = np.repeat(np.arange(corpora), speakers * clips)
    speaker = np.repeat(np.arange(corpora * speakers), clips)
    label = rng.integers(0, 3, len(corpus))
    vectors = rng.normal(size=(len(corpus), 6)) + 2 * np.eye(6)[label] + rng.normal(size=(corpora, 6))[corpus]
    return vectors, quality.Clips(label, np.char.add("c", corpus.astype(str)), speaker.astype(str), 3)


def test_no_model_is_scored_on_what_it_or_its_choice_has_seen():
    groups = np.repeat(np.array(["a", "b", "c", "d"]), [3, 1, 4, 2])
    rows, seen = np.arange(100, 110), []

    def scores(train, test):
        seen.append(set(train))
        assert not set(train) & set(test)
        return [test[:, None]]  # a row's score is its number

    outer, inner = quality.nested(scores, rows, groups)
    assert len(seen) == 4 + 6
    for a in "abcd":
        assert outer[a][0].ravel().tolist() == rows[groups == a].tolist()
        for b in set("abcd") - {a}:
            assert inner[a, b][0].ravel().tolist() == rows[groups == b].tolist()
    assert {a for a, _ in inner} == set("abcd")


@pytest.mark.parametrize("classifier", quality.CLASSIFIERS)
@pytest.mark.parametrize("norm", quality.NORMS)
def test_answers_do_not_depend_on_the_labels_of_what_is_tested(classifier, norm):
    vectors, clips = made_up()
    target = clips.corpora == "c1"
    shuffled = clips.labels.copy()
    shuffled[target] = np.roll(shuffled[target], 7)
    other = quality.Clips(shuffled, clips.corpora, clips.speakers, clips.classes)
    cells, changed = (quality.confusions(vectors, c, classifier, norm, ("loco",)) for c in (clips, other))
    for answers in ("free", "restricted"):
        given, still = (found["loco", answers]["c1"].sum(axis=1) for found in (cells, changed))  # speakers × answers
        np.testing.assert_array_equal(given, still)
        assert stats.uar(cells["loco", answers]["c1"].sum(axis=0)) > 0.45


def test_folds_keep_speakers_whole():
    speakers = np.array([*"aabbbcddddefg"])
    found = quality.folds(speakers)
    assert set(found) == set(range(5))
    assert all(len(set(found[speakers == s])) == 1 for s in set(speakers))
    assert set(quality.folds(np.array([*"aabbc"]))) == {0, 1, 2}


def simulated(rng, skill, speakers=8, clips=40):
    """Confusions of two systems on the same clips; speakers are easier or harder for both, and for each."""
    easy = rng.normal(0, 0.08, speakers)
    counts = []
    for level in skill:
        right = np.clip(level + easy + rng.normal(0, 0.05, speakers), 0, 1)
        hits = rng.binomial(clips, right[:, None].repeat(2, axis=1))
        counts.append(np.stack([np.diag(h) + np.diag(clips - h)[::-1] for h in hits]))
    return counts


@pytest.mark.parametrize(("gain", "least", "most"), [(0.0, 0.01, 0.09), (0.08, 0.9, 1.0)])
def test_the_paired_test_finds_gains_and_invents_none(gain, least, most):
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        ours, theirs = {}, {}
        for corpus in range(5):
            ours[corpus], theirs[corpus] = simulated(rng, (0.6 + gain, 0.6))
        one = quality.mean(ours, theirs)
        assert one.low <= one.value <= one.high
        found.append(one.p < 0.05)
    assert least <= np.mean(found) <= most


def test_a_system_does_not_differ_from_itself():
    cells = {"a": np.arange(27).reshape(3, 3, 3)}
    assert quality.mean(cells, cells) == quality.Mean(0.0, 0.0, 0.0, 1.0)
    assert quality.mean(cells).low < quality.mean(cells).value < quality.mean(cells).high


def test_holms_values_are_the_textbooks():
    assert quality.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
