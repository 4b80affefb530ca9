import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.features.text import word_errors
from mer.features.text.word_errors import edit_distance, normalised
from mer.report.figures.word_errors import word_error_forest
from mer.report.text.word_errors import word_error_sentences

WORDS = st.lists(st.sampled_from(["a", "b", "c", "door"]), max_size=8)


@given(WORDS, WORDS)
def test_edit_distance_is_that_of_torchaudio(reference, recognised):
    from torchaudio.functional import edit_distance as other

    assert edit_distance(" ".join(reference), " ".join(recognised)) == other(reference, recognised)


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("It's eleven o'clock.", "it's 11 o'clock"),
        ("I think I've seen this before.", "I think I have seen this before!"),
        ("We'll stop in a couple of minutes.", "we will stop, in a couple of minutes"),
        ("Don’t forget a jacket.", "[MUSIC] don't forget a jacket"),
        ("Maybe tomorrow it will be cold.", "Um, maybe tomorrow it will be cold"),
    ],
)
def test_spellings_of_the_same_words_are_no_errors(spoken, written):
    reference = normalised(spoken, "en")
    assert edit_distance(reference, normalised(written, "en")) == 0
    assert reference


def test_other_words_stay_errors_and_other_languages_keep_theirs():
    assert edit_distance(normalised("Dogs are sitting", "en"), normalised("Docks are sitting", "en")) == 1
    assert normalised("In sieben Stunden wird es soweit sein.", "de") == "in sieben stunden wird es soweit sein"
    assert normalised("Idę „tam”!", None) == "idę tam"


def manifest(speakers=4, per_speaker=6):
    """Each speaker says a sentence of six words, half of the time shouted."""
    rows = [
        {"utterance_id": f"c/{s}-{n}", "corpus": "c", "speaker_id": f"c_{s}", "language": "en",
         "emotion": "anger" if n % 2 else "neutral", "emotion_intensity": None,
         "transcription": "Kids are talking by the door"}
        for s in range(speakers) for n in range(per_speaker)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def recognised(table, text):
    result = pd.DataFrame({"utterance_id": table["utterance_id"], "transcription": text, "reason": None})
    return result.astype("str")


def test_errors_are_counted_and_what_was_not_transcribed_is_left_out():
    table = manifest(1, 6)
    table.loc[5, "transcription"] = None
    texts = ["kids are talking by the door", "Kids, talking by the big door", None, None, None, "free words"]
    result = recognised(table, texts)
    result.loc[2:4, "reason"] = ["no words recognised", "not readable", "recognises English only"]
    counted = word_errors.count_errors(table, result)
    assert counted["errors"].tolist() == [0, 2, 6]
    assert counted["words"].tolist() == [6, 6, 6]
    assert counted["empty"].tolist() == [False, False, True]
    [whole] = word_errors.table(counted).query("by == 'corpus'").to_dict("records")
    assert (whole["rate"], whole["exact"], whole["empty"]) == (8 / 18, 1 / 3, 1 / 3)
    assert np.isnan(whole["low"])  # one speaker


def test_harder_class_is_found_over_speakers_and_said():
    table = manifest(8, 20)
    rng = np.random.default_rng(0)
    wrong = np.where(table["emotion"] == "anger", 0.5, 0.05) > rng.uniform(size=len(table))
    text = np.where(wrong, "kids are talking", "kids are talking by the door")
    rows = word_errors.table(word_errors.count_errors(table, recognised(table, text))).set_index(["by", "group"])
    anger, neutral = rows.loc[("class", "anger")], rows.loc[("class", "neutral")]
    assert anger["difference"] == pytest.approx(anger["rate"] - neutral["rate"])
    assert neutral["difference"] == pytest.approx(-anger["difference"])
    assert anger["difference_low"] > 0.1
    assert anger["low"] < anger["rate"] < anger["high"]
    assert rows.loc["speaker"]["low"].isna().all()
    assert rows.loc["speaker"]["errors"].sum() == rows.loc[("corpus", "c"), "errors"]
    assert "intensity" not in rows.index.get_level_values("by")
    [sentence] = word_error_sentences(rows.reset_index())
    assert "higher than in its other recordings: anger ." in sentence
    assert "lower than in its other recordings: neutral ." in sentence
    ax = word_error_forest(rows.reset_index())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["neutral", "anger"]


def test_table_without_recordings_has_its_columns():
    table = manifest(1, 2)
    result = recognised(table, None)
    empty = word_errors.table(word_errors.count_errors(table, result))
    assert empty.empty
    assert list(empty.columns) == word_errors.COLUMNS
    assert word_error_sentences(empty) == []
    word_error_forest(empty)
