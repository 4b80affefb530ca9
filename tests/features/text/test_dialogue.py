"""Inputs of text extractors: the turn, its speaker and its context."""

import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer import corpora, features
from mer.dataset.manifest import build
from mer.features.text import dialogue
from mer.params.features import read_inputs
from mer.params.schema import Data, TextFeatures

SEP = dialogue.SEPARATOR
REAL = os.environ.get("MER_REAL_CORPORA")


def manifest(rows, **more):
    """Rows of (dialogue, turn, speaker, text); `more` sets columns."""
    table = pd.DataFrame(rows, columns=["dialogue_id", "turn_index", "speaker_id", "transcription"])
    table = table.assign(corpus="meld", lexical_control="free", exclude_reason=None, split="train", fold=None)
    table["speaker_id"] = "meld_" + table["speaker_id"]
    table["utterance_id"] = [f"meld/{i}" for i in range(len(table))]
    return table.assign(**more).astype({"turn_index": "Int64", "transcription": "str"})


TOY = [
    ("d1", 0, "Ann", "Did you pass?"),
    ("d1", 1, "Bo", "No."),
    ("d1", 3, "Cy", "Oh no!"),
    ("d1", 4, "Ann", "Fine."),
    ("d2", 0, "Ann", "You won!"),
    ("d2", 1, "Ann", "Fine."),
]


def read(table, **section):
    return dialogue.inputs(table, TextFeatures(**section))


def test_inputs_of_a_toy_dialogue():
    table = manifest(TOY)
    assert read(table) == [text for *_, text in TOY]
    assert read(table, context=2)[3] == f"No.{SEP}Oh no!{SEP}Fine."
    assert read(table, context=9)[0] == "Did you pass?"
    assert read(table, context=9)[5] == f"You won!{SEP}Fine."
    assert read(table, context=3, speakers="roles")[3] == (
        f"self: Did you pass?{SEP}other 2: No.{SEP}other 1: Oh no!{SEP}self: Fine."
    )
    assert read(table, context=1, speakers="names")[2] == f"Bo: No.{SEP}Cy: Oh no!"
    assert read(table, speakers="names")[4] == "Ann: You won!"


@pytest.mark.parametrize("extractor", ["hashing", "tfidf"])
def test_context_and_speakers_change_the_vector(extractor, tmp_path):
    """The same word after other turns, or by another speaker, has another vector; the same turns have the same."""
    table = manifest([*TOY, ("d3", 0, "Ann", "You won!"), ("d3", 1, "Cy", "Fine.")]).assign(audio_sha256=None)
    table = table.assign(source_path="list.csv", start=None, end=None, duration=None, audio_ok=False)

    def vectors(**section):
        inputs = read_inputs({"text": {"extractor": extractor, "dimensions": 256, **section}})
        features.extract(table, tmp_path, tmp_path / "store", inputs, Data(), features.Resources())
        keys, specs = features.keys(table, inputs), features.specs(inputs, Data())
        return features.load(keys, tmp_path / "store", specs).arrays["text"][[3, 5, 7]]

    alone = vectors()
    assert (alone[0] == alone[1]).all()
    after_loss, after_win, by_another = vectors(context=3)
    assert (after_loss != after_win).any()
    assert (after_win == by_another).all()
    _, by_ann, by_cy = vectors(context=3, speakers="names")
    assert (by_ann != by_cy).any()
    _, to_herself, to_another = vectors(context=3, speakers="roles")
    assert (to_herself != to_another).any()
    np.testing.assert_allclose(np.linalg.norm(vectors(context=3, speakers="roles"), axis=1), 1, atol=1e-6)


def test_context_is_of_the_same_dialogue_and_corpus_in_any_order_of_rows():
    table = manifest(TOY)
    table.loc[1, "corpus"] = "iemocap"  # its ids have the corpus in front; a foreign table's might not
    shuffled = table.sample(frac=1, random_state=1)
    expected = dict(zip(table["utterance_id"], read(table, context=9), strict=True))
    assert dict(zip(shuffled["utterance_id"], read(shuffled, context=9), strict=True)) == expected
    assert expected["meld/3"] == f"Did you pass?{SEP}Oh no!{SEP}Fine."
    assert expected["meld/1"] == "No."


def test_turns_without_text_or_index_are_skipped_and_equal_indices_are_not_context():
    rows = [("d", 0, "A", "one"), ("d", 1, "B", None), ("d", 2, "A", " "), ("d", None, "B", "lost"), ("d", 7, "B", "x")]
    assert read(manifest(rows), context=1) == ["one", None, None, "lost", f"one{SEP}x"]
    same = manifest([("d", 0, "A", "one"), ("d", 1, "B", "two"), ("d", 1, "A", "three")])
    assert read(same, context=5) == ["one", f"one{SEP}two", f"one{SEP}three"]
    assert read(manifest([(None, None, "A", "alone"), (None, None, "B", "too")]), context=5) == ["alone", "too"]


def test_excluded_turn_is_context():
    table = manifest(TOY)
    table.loc[1, ["exclude_reason", "split"]] = ["no class", None]
    assert read(table, context=2)[2] == f"Did you pass?{SEP}No.{SEP}Oh no!"
    section = read_inputs({"text": {"context": 2}})
    table = table.assign(audio_sha256=None, start=None, end=None, duration=None, audio_ok=False)
    assert len(features.keys(table, section)["text"]) == len(TOY) - 1
    assert features.keys(table, section)["text"][1] == f"Did you pass?{SEP}No.{SEP}Oh no!"


def test_text_is_never_context_in_another_part():
    """A corpus that is split by speaker: turns of the test speaker B are not context of training rows."""
    rows = [("d", i, "AB"[i % 2], f"{'AB'[i % 2]}{i}") for i in range(6)]
    table = manifest(rows, split=["train", "test"] * 3, fold=[0, 1] * 3)
    assert read(table, context=2)[4:] == [f"A0{SEP}A2{SEP}A4", f"B1{SEP}B3{SEP}B5"]
    table.loc[1, ["exclude_reason", "split", "fold"]] = ["no class", None, None]  # still in the parts of B
    assert read(table, context=5)[4] == f"A0{SEP}A2{SEP}A4"
    assert read(table, context=5)[5] == f"B1{SEP}B3{SEP}B5"
    table.loc[[1, 3, 5], ["exclude_reason", "split", "fold"]] = ["no class", None, None]  # no turn of B is tested
    assert read(table, context=5)[4] == SEP.join(["A0", "B1", "A2", "B3", "A4"])


def test_masked_text_is_masked_as_context():
    table = manifest(TOY, lexical_control=["parallel", "free", "free", "free", "parallel", "free"])
    assert read(table, context=5)[:3] == [None, "No.", f"No.{SEP}Oh no!"]
    assert read(table, context=5)[5] == "Fine."


def test_speaker_name_cannot_imitate_a_turn():
    table = manifest([("d", 0, f"Dr: No{SEP}", "Why?"), ("d", 1, "meld_x", "So: that.")])
    [_, text] = read(table, context=1, speakers="names")
    assert dialogue.turns(text, True) == [("Dr  No", "Why?"), ("meld_x", "So: that.")]


def test_read_sentences_are_masked_by_default():
    table = pd.DataFrame(
        {
            "transcription": ["Oh no!", "Kids are talking", None, " "],
            "lexical_control": ["free", "parallel", "free", "free"],
        }
    )
    assert read(table) == ["Oh no!", None, None, None]
    assert read(table, lexical_control=("free", "parallel")) == ["Oh no!", "Kids are talking", None, None]


@settings(max_examples=25)
@given(st.lists(st.one_of(st.none(), st.text(max_size=30), st.just(float("nan"))), min_size=1, max_size=6))
def test_any_text_gives_the_right_number_of_turns(texts):
    texts = [None if isinstance(t, float) else t for t in texts]
    rows = [("d", i, "A", text) for i, text in enumerate(texts)]
    table = manifest(rows).astype({"transcription": object})
    result, plain = read(table, context=9, speakers="roles"), read(table)
    words = [text for text in plain if text]
    for alone, text in zip(plain, result, strict=True):
        assert (alone is None) == (text is None)
        if text:
            turns = dialogue.turns(text, True)
            assert [text for _, text in turns] == words[: len(turns)]
            assert turns[-1] == ("self", alone)


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="set MER_REAL_CORPORA")
def test_real_dialogues_stay_in_one_part_and_match_the_published_lists():
    raw = Path(REAL)
    options = {"policy": "paper7", "overrides": {}, "seed": 0, "validation": 0.1, "test": 0.1, "folds": 5}
    selected = corpora.selected(["meld", "emorynlp"])
    table = build.build(raw, selected, build.BuildOptions(**options, min_seconds=0.1, max_seconds=30)).manifest
    usable = table[table["exclude_reason"].isna()]
    assert (usable.groupby(["corpus", "dialogue_id"])["split"].nunique() == 1).all()
    result = pd.Series(read(table, context=4), index=table["utterance_id"])
    with (raw / "MELD/test_sent_emo.csv").open(encoding="utf-8", newline="") as file:
        lines = [row for row in csv.DictReader(file) if row["Dialogue_ID"] == "17"]
    lines = sorted(lines, key=lambda row: int(row["Utterance_ID"]))
    assert len(lines) > 5
    for place, row in enumerate(lines):
        turns = result[f"meld/test_dia17_utt{row['Utterance_ID']}"].split(SEP)
        assert len(turns) == min(place, 4) + 1
        assert turns[-1][:8] == row["Utterance"].strip()[:8]
    excluded = table[table["exclude_reason"].notna() & (table["corpus"] == "emorynlp") & table["turn_index"].ge(2)]
    assert len(excluded)  # peaceful and powerful are not classes, but context
    context = usable.merge(
        excluded.assign(turn_index=excluded["turn_index"] + 1),
        on=["dialogue_id", "turn_index"],
        suffixes=("", "_before"),
    )
    assert len(context) > 100
    for row in context.itertuples():
        assert result[row.utterance_id].split(SEP)[-2] == " ".join(row.transcription_before.split("\n")).strip()
