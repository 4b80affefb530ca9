import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mer.features.text.hashing import hashed_words


@given(st.text(max_size=200))
def test_hashing_accepts_any_text(text):
    vector = hashed_words([text], 64)[0]
    assert np.isfinite(vector).all()
    assert np.isclose(np.linalg.norm(vector), 1.0) or not vector.any()


def test_words_of_one_letter_and_punctuation_are_counted():
    assert hashed_words(["I"], 64).any()
    assert (hashed_words(["no"], 768) != hashed_words(["no!"], 768)).any()
