"""Scaling by kind of feature: each by itself, with one scale, or by TF-IDF fitted on training rows."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from mer.features import Features
from mer.features.text import tfidf
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import Card
from mer.training.job import Job
from mer.training.scaling import standardise
from mer.training.task import Task

LINES = ["no", "oh no", "you won", "fine", "fine fine", "no you are not fine", "oh", "won", "again", "oh you", "no!"]
WORDS = tfidf.term_frequencies(LINES, 16)
TRAIN, TEST = np.arange(8), np.arange(8, 11)


def seen(extractor="tfidf", values=WORDS):
    present = values.any(axis=1)
    return Features({"text": values.copy()}, {"text": present}, {"text": extractor} if extractor else {})


def test_tfidf_equals_scikit_learn_fitted_on_training_rows():
    """Term frequencies of length 1 without a second normalisation, centred and with one scale."""
    theirs = TfidfTransformer(norm=None).fit(WORDS[TRAIN].astype(float))
    expected = theirs.transform(WORDS.astype(float)).toarray()
    fitted = standardise.fit(seen(), TRAIN, ("text",))
    ours = fitted.apply(seen(), np.arange(len(LINES)))["text"].astype(float)
    centred = expected - expected[TRAIN].mean(axis=0)
    scale = np.sqrt(expected[TRAIN].var(axis=0).mean())
    np.testing.assert_allclose(ours * scale, centred, atol=1e-6)
    assert np.square(ours[TRAIN]).mean() == pytest.approx(1, abs=1e-5)


def test_test_rows_do_not_affect_the_fit():
    before = standardise.fit(seen(), TRAIN, ("text",)).moments["text"]
    for change in (np.zeros_like(WORDS[TEST]), np.full_like(WORDS[TEST], 9.0)):
        values = WORDS.copy()
        values[TEST] = change
        after = standardise.fit(seen(values=values), TRAIN, ("text",)).moments["text"]
        assert all((a == b).all() for a, b in zip(before, after, strict=True))
    other_rows = standardise.fit(seen(), np.arange(11), ("text",)).moments["text"]
    assert (other_rows[1] != before[1]).any()


def test_rare_words_weigh_more_and_missing_rows_do_not_count():
    values = np.zeros((6, 2), np.float32)
    values[:5, 0], values[0, 1] = 0.6, 0.8
    _, scale = standardise.fit(seen(values=values), np.arange(6), ("text",)).moments["text"]
    assert scale[0] / scale[1] == pytest.approx(np.log(6 / 2) + 1)  # five documents, not six


def test_words_share_a_scale_and_other_features_do_not():
    for extractor, shared in (("hashing", True), ("encoder", False), (None, False)):
        _, scale = standardise.fit(seen(extractor), TRAIN, ("text",)).moments["text"]
        assert (np.unique(scale).size == 1) == shared


@pytest.mark.parametrize("rows", [TRAIN[:0], TRAIN[:1]], ids=["none", "one"])
def test_few_training_rows_are_standardised(rows):
    applied = standardise.fit(seen(), rows, ("text",)).apply(seen(), TEST)["text"]
    assert np.isfinite(applied).all()


@pytest.mark.parametrize("model", ["gated", "logistic"])
def test_a_checkpoint_holds_the_fitted_frequencies(model, tmp_path):
    task = Task(seen(), np.arange(len(LINES)) % 2, np.full(len(LINES), "c"), 2)
    training = Training(epochs=1, hidden=4)
    system = System(model=model, inputs=("text",))
    fitted = grid.fit_job(task, Job(model, None, system, training, 0, TRAIN, TRAIN[:0], TEST), "cpu")
    card = Card(model=model, inputs=["text"], widths={"text": 16}, classes=["a", "b"], layers={}, training=training,
                temperature=fitted.temperature)  # fmt: skip
    checkpoint.write(tmp_path / "m", checkpoint.tensors_of(fitted), card, None)
    loaded, _ = checkpoint.load(tmp_path / "m")
    plain = seen(extractor=None)  # what the extractor was is in the numbers by now
    assert (loaded.predict(plain, TEST) == fitted.predict(task.features, TEST)).all()
