"""The addresses that a later step loads by: as they were, whatever a transcript holds, and of the same utterances."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer import features
from mer.features.text import dialogue
from mer.params.schema import TextFeatures

ODD = [
    "nan",
    "None",
    "NA",
    "007",
    "1e5",
    "true",
    "a,b\"c'",
    "=1+1",
    "<b>",
    "🙂",
    "\u202eabc",
    "שלום",
    " x ",
    "a\x1fb",
    "\x00",
]


def table(texts):
    rows = {"utterance_id": [f"c/{i}" for i in range(len(texts))], "exclude_reason": None, "transcription": texts}
    return pd.DataFrame(rows).assign(corpus="c", lexical_control="free").astype({"transcription": "str"})


def test_texts_that_look_like_numbers_or_missing_values_are_texts():
    result = dialogue.inputs(table([*ODD, None, float("nan"), "", "\t"]), TextFeatures())
    assert result == [*ODD[:12], "x", "a b", None, None, None, None, None]


@settings(max_examples=25)
@given(st.lists(st.none() | st.sampled_from(ODD) | st.text(max_size=20), min_size=1, max_size=5))
def test_addresses_are_read_as_they_were_written(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("keys") / "inputs.parquet"
    rows = table(texts)
    keys = {"audio": [None] * len(rows), "text": dialogue.inputs(rows, TextFeatures())}
    features.save_keys(path, rows, keys)
    assert features.read_keys(path, rows["utterance_id"]) == keys


def test_addresses_of_other_utterances_are_refused(tmp_path):
    rows = table(["a", "b", "c"])
    rows.loc[1, "exclude_reason"] = "no class"
    features.save_keys(tmp_path / "inputs.parquet", rows, {"text": ["a", "c"]})
    assert features.read_keys(tmp_path / "inputs.parquet", ["c/0", "c/2"]) == {"text": ["a", "c"]}
    with pytest.raises(ValueError, match="run step 02 again"):
        features.read_keys(tmp_path / "inputs.parquet", ["c/2", "c/0"])
