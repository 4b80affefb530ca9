"""One spelling for names that look the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.corpora.reading.names import JOINT_SPEAKERS, normalised


@pytest.mark.parametrize(
    "spelling",
    ["bén ruiz", "bén  ruiz", " bén\u00a0ruiz ", "bén\truiz", "bén\u200b ruiz\u200b", "\ufeffbén ruiz",
     unicodedata.normalize("NFD", "bén ruiz"),
     "be\u200b\u0301n ruiz", "ｂéｎ　ｒｕｉｚ", "bén ruiz\ufe0f", "bén\u2060 ruiz"],
)  # fmt: skip
def test_names_that_look_the_same_are_equal(spelling):
    assert normalised(spelling) == "bén ruiz"


def test_case_zeros_and_signs_are_unchanged():
    assert [normalised(name) for name in ("Ann", "ann", "01", "1.0", "ann;bob")] == [
        "Ann",
        "ann",
        "01",
        "1.0",
        "ann;bob",
    ]


@given(st.text())
def test_normalised_name_is_unchanged(text):
    assert normalised(normalised(text)) == normalised(text)
    assert JOINT_SPEAKERS not in normalised(text)
