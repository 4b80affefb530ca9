"""Counts of words: their normalisation, context, speakers, and arbitrary texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from mer import features
from mer.features import text as text_features
from mer.features.extractor import Unavailable
from mer.features.text import bag_of_words, dialogue, hashing, tfidf
from mer.params.schema import TextFeatures

TEXTS = ["I am NOT happy!", "No… no", "naïve\tline\nbreak", "", "שלום עולם", "😀", "10 4 7.5", "İstanbul"]
SEP = dialogue.SEPARATOR


def test_hashing_without_context_equals_scikit_learn_exactly():
    """Stored vectors of version 1 stay valid."""
    theirs = HashingVectorizer(n_features=64, alternate_sign=False, norm="l2", token_pattern=bag_of_words.TOKENS)
    expected = theirs.transform(TEXTS).toarray().astype(np.float32)
    assert (hashing.hashed_words(TEXTS, 64) == expected).all()
    assert text_features.spec(TextFeatures()) == {"extractor": "hashing", "version": 1, "width": 768}


def test_vector_does_not_depend_on_other_texts():
    texts = [*TEXTS, f"no{SEP}I am NOT happy!"]
    together = bag_of_words.counts(texts, 64, False)
    assert all(
        (bag_of_words.counts([text], 64, False)[0] == row).all() for text, row in zip(texts, together, strict=True)
    )


def test_words_of_the_context_are_separate_and_have_half_the_weight():
    target, other = hashing.hashed_words(["fine"], 4096)[0], hashing.hashed_words(["no"], 4096)[0]
    for context in ("no", f"no{SEP}no{SEP}no no"):
        vector = hashing.hashed_words([f"{context}{SEP}fine"], 4096)[0]
        assert vector @ other == 0
        assert vector @ target == pytest.approx(1 / np.hypot(1, bag_of_words.CONTEXT))
        assert np.linalg.norm(vector) == pytest.approx(1)


def test_speaker_is_not_a_word_of_the_text():
    plain, named = hashing.hashed_words(["ann fine"], 4096)[0], hashing.hashed_words(["ann: fine"], 4096, True)[0]
    by_bo = hashing.hashed_words(["bo: fine"], 4096, True)[0]
    assert named @ plain == pytest.approx(0.5)  # only "fine" is in both
    assert named @ by_bo == pytest.approx(0.5)
    assert text_features.spec(TextFeatures(speakers="names")) != text_features.spec(TextFeatures())


def test_turn_without_words_has_no_vector_whatever_its_context():
    section = TextFeatures(extractor="tfidf", dimensions=32, context=1, speakers="roles")
    compute = tfidf.EXTRACTOR.open(section, features.Resources())
    result = compute(["self: 😀", f"other 1: no{SEP}self: 😀", f"other 1: 😀{SEP}self: no"])
    assert [isinstance(v, Unavailable) for v in result] == [True, True, False]


def test_vector_of_ten_thousand_words_has_unit_length():
    vector = tfidf.term_frequencies([" ".join(f"word{i % 5000}" for i in range(10_000))], 768)[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@settings(max_examples=50)
@given(st.text(max_size=200), st.booleans())
def test_vectors_of_any_text_are_finite(text, marked):
    vector = tfidf.term_frequencies([text], 64, marked)[0]
    assert np.isfinite(vector).all()
    assert vector.min() >= 0
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-5) or not vector.any()


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_inverse_document_frequency_equals_scikit_learn(texts, terms, seed):
    counts = np.random.default_rng(seed).poisson(0.5, (texts, terms)).astype(float)
    theirs = TfidfTransformer(norm=None, smooth_idf=True).fit(counts)
    np.testing.assert_allclose(
        tfidf.inverse_document_frequency(np.count_nonzero(counts, axis=0), len(counts)), theirs.idf_
    )
