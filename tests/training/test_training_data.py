"""Training data are recognised by content: recordings, speakers and long sentences, under any name."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.training.checkpoints import training_data

LINE = "we were on a break back then"


def rows(corpus="a", family="a", speakers=("1", "2"), clips=3, official=False, **columns):
    """Return a corpus with some utterances per speaker; `columns` are the same in all rows."""
    names = [(speaker, n) for speaker in speakers for n in range(clips)]
    table = pd.DataFrame({
        "utterance_id": [f"{corpus}/{speaker}-{n}" for speaker, n in names], "corpus": corpus, "family": family,
        "speaker_id": [f"{corpus}_{speaker}" for speaker, _ in names], "transcription": None,
        "samples_sha256": [f"{corpus} {speaker} {n}" for speaker, n in names], "lexical_control": "free",
        "dialogue_id": None, "turn_index": [n for _, n in names], "fold": None if official else 0,
    })  # fmt: skip
    return table.assign(**columns)


def known(table, train=None, validation=()):
    train = range(len(table)) if train is None else train
    return training_data.exposure_of(table, np.array(train, int), np.array(validation, int))


def seen(exposure, table, families=()):
    return training_data.overlap_per_row(exposure, families, table).tolist()


def test_exposure_has_recordings_by_part():
    table = rows(clips=2)
    assert seen(known(table, [0], [2]), table) == ["train", "speaker", "validation", "speaker"]


def test_recording_is_recognised_by_its_samples():
    table = rows()
    other = rows("mine", "mine", ("x", "y")).assign(samples_sha256=table["samples_sha256"])
    exposure = known(table, [0])
    assert seen(exposure, other) == ["train", "speaker", "speaker", "", "", ""]  # and whoever is known by one recording
    assert seen(exposure, other.assign(fold=None)) == ["train", "", "", "", "", ""]  # parts that share people anyway


def test_speakers_of_a_family_are_recognised_in_any_spelling():
    table = rows("ravdess", "ravdess", ("01", "Ann Lee"))
    song = rows("ravdess_song", "ravdess", ("02", "ann\u200b  LEE"))
    assert seen(known(table), song) == ["", "", "", "speaker", "speaker", "speaker"]
    assert set(seen(known(table), song.assign(family="other"))) == {""}


@pytest.mark.parametrize(("here", "there", "kept"), [(True, True, True), (True, False, False), (False, True, False)])
def test_speakers_count_if_either_corpus_separates_them(here, there, kept):
    table, kin = rows("meld", "friends", official=here), rows("kin", "friends", official=there)
    assert seen(known(table), kin) == ["" if kept else "speaker"] * 6


def test_published_parts_without_shared_speakers_separate_speakers():
    table = rows("own", "own", official=True).assign(split=["train"] * 3 + ["test"] * 3)
    assert seen(known(table, [0]), table) == ["train", "speaker", "speaker", "", "", ""]
    shared = table.assign(split=["train", "test", None] * 2)
    assert seen(known(shared, [0]), shared) == ["train", "", "", "", "", ""]
    excluded = table.assign(split=["train", None, None, "test", None, None])  # without a part, which is none of its own
    assert seen(known(excluded, [0]), excluded)[1] == "speaker"


def test_rows_without_audio_are_recognised_by_speaker_text_and_position():
    table = rows("emorynlp", "friends", official=True, samples_sha256=None, transcription="Okay.", dialogue_id="s1")
    assert set(seen(known(table), table)) == {"train"}
    voiced = rows("emorynlp", "friends", official=True, transcription="okay!", dialogue_id="s1")
    assert set(seen(known(table), voiced)) == {"train"}  # the same rows, with sound
    assert set(seen(known(voiced), table)) == {"train"}
    elsewhere = table.assign(dialogue_id="s2")
    assert set(seen(known(table), elsewhere)) == {""}  # everybody says okay
    silent = table.assign(transcription=None)
    assert set(seen(known(silent), silent)) == {"train"}
    assert set(seen(known(silent), silent.assign(family="other"))) == {""}


def test_long_sentences_count_within_a_family_or_if_many_are_shared():
    lines = [LINE, "okay", *(f"number {n} said this to them" for n in range(4))]
    table = rows("meld", "friends", official=True).assign(transcription=lines)
    other = rows("kin", "friends", ("8", "9"), official=True).assign(transcription=[LINE.upper() + "!", *["okay"] * 5])
    assert seen(known(table), other, {"friends"}) == ["sentence", "", "", "", "", ""]
    assert set(seen(known(table), other, {"x"})) == {""}  # one line in another family is chance
    copied = rows("mine", "mine", ("8", "9"), official=True).assign(transcription=lines)
    assert seen(known(table), copied, {"friends"}) == ["sentence", "", "sentence", "sentence", "sentence", "sentence"]
    read = copied.assign(lexical_control="parallel")
    assert set(seen(known(table), read, {"friends"})) == {""}
    assert training_data.overlap_reasons(known(table), copied) == "5 of its 5 longer sentences"
    assert training_data.overlap_reasons(known(table), other) == ""


def test_exposure_of_an_ancestor_is_stored_and_read():
    first, second = rows("a"), rows("b", "b")
    exposure = known(first).merged(known(second, [0], [1]))
    assert set(seen(exposure, first)) == {"train"}
    again = training_data.from_tensors(exposure.tensors())
    assert again.counts() == exposure.counts() == {"version": 1, "recordings": 8 + 0, "speakers": 27, "sentences": 0}
    assert seen(again, second) == seen(exposure, second)
    with pytest.raises(ValueError, match=r"has no tensor exposure\.validation\.sentences"):
        training_data.from_tensors(
            {k: v for k, v in exposure.tensors().items() if k != "exposure.validation.sentences"}
        )


def test_exposure_of_ten_thousand_rows_is_small():
    table = rows(speakers=tuple(map(str, range(100))), clips=100)
    assert sum(values.nbytes for values in known(table).tensors().values()) < 90_000


FOREIGN = ("speaker_id", "transcription", "samples_sha256", "dialogue_id", "lexical_control")
ODD = st.none() | st.text(max_size=6) | st.sampled_from(["\ud800", "a_1", " ", "\x00", "nan"])


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(FOREIGN, ODD)), min_size=1, max_size=5))
def test_training_rows_are_recognised_for_unusual_values(odd):
    table = rows(speakers=("1",), clips=len(odd)).assign(**pd.DataFrame(odd, dtype=object))
    assert set(seen(known(table), table)) == {"train"}
    assert set(seen(known(table), table.iloc[::-1])) == {"train"}


@st.composite
def studies(draw):
    """Two manifests of the same speakers and recordings, under any corpora, families and codes."""
    row = st.tuples(st.sampled_from("ab"), st.sampled_from("fg"), st.sampled_from(["1", "2", "x "]),
                    st.integers(0, 9), st.booleans())  # fmt: skip
    tables = []
    for name in ("here", "there"):
        drawn = draw(st.lists(row, min_size=1, max_size=12))
        tables.append(pd.DataFrame({
            "utterance_id": [f"{c}/{name}{n}" for n, (c, *_) in enumerate(drawn)], "corpus": [c for c, *_ in drawn],
            "family": [f for _, f, *_ in drawn], "speaker_id": [f"{c}_{s}" for c, _, s, *_ in drawn],
            "samples_sha256": [f"sound {n}" for *_, n, _ in drawn],
            "fold": [0 if apart else None for *_, apart in drawn],
        }))  # fmt: skip
    return tables


@given(studies())
def test_unknown_values_do_not_match(tables):
    here, there = tables
    marks = training_data.overlap_per_row(known(here), (), there)
    trained = set(here["samples_sha256"])
    assert (marks == "train").equals(there["samples_sha256"].isin(trained))
    codes = [list(zip(t["family"], t["speaker_id"].str[2:].str.strip(), strict=True)) for t in tables]
    heard = {code for code, fold in zip(codes[0], here["fold"], strict=True) if not pd.isna(fold)}
    of_recordings = {code for code, sound in zip(codes[1], there["samples_sha256"], strict=True) if sound in trained}
    for code, fold, mark in zip(codes[1], there["fold"], marks, strict=True):
        apart = not pd.isna(fold)
        wanted = code in heard or (apart and code in {*codes[0], *of_recordings})
        assert mark == "train" or (mark == "speaker") == wanted
