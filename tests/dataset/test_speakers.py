"""Speakers: spellings, joint speakers, copies, and names that only the study can identify."""

import random
import time

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.dataset import splits
from mer.dataset.audit import checks
from mer.dataset.identity import speakers as people
from mer.dataset.identity.speaker_names import match_keys
from tests.dataset.audit.manifests import clean

OPTIONS = {"seed": 1337, "validation": 0.1, "test": 0.1, "folds": 5}


def alike(one, other):
    return bool(match_keys(one) & match_keys(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann", "ann"), ("1", "01"), ("1", "1.0"), ("1", "1."), ("01", "001"), ("a01", "A1"), ("spk1", "Speaker 1"),
     ("speaker_1", "SPK-01"), ("S1", "1"), ("Actor_01", "1"), ("Subject 3", "subj3"), ("José", "Jose"),
     ("Müller", "Mueller"), ("Müller", "Muller"), ("аnn", "ann"), ("В1", "B1"), ("Ann Lee", "Lee, Ann"),
     ("anna_lee", "Anna Lee"), ("annalee", "anna lee"), ("٣", "3"),
     ("IŞIK", "ışık"), ("Phoebe Sr", "Phoebe Sr."), ("Straße", "STRASSE")],
)  # fmt: skip
def test_similar_names_may_belong_to_one_speaker(one, other):
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("F1", "M1"), ("male1", "female1"), ("1", "10"), ("1", "-1"), ("1_01", "101"), ("1_2", "12"),
     ("Actor 1", "Subject 1"), ("P01", "C01"), ("Ses01F", "Ses01M"), ("0001", "0011"), ("DC", "JE"),
     ("Ann", "Anne"), ("राम", "राम्या"),
     ("राम", "रम"), ("严阿姨", "刘贝司"), ("👩1", "👨1"), ("Actor", "Actress"), ("?", "!")],
)  # fmt: skip
def test_different_names_belong_to_different_speakers(one, other):
    assert not alike(one, other)


def named(ids, corpus="c", **columns):
    return pd.DataFrame({"corpus": corpus, "speaker_id": [f"{corpus}_{name}" for name in ids], **columns})


@pytest.mark.parametrize(
    ("ids", "groups"),
    [
        (["ann", "ann;guest", "bob;guest", "bob", "eve"], "aaaab"),
        (["ann", "bob", "ann & bob", "Bob"], "aaaa"),
        (["ann+bob", "bob and eve", "eve", "dan"], "aaab"),
        (["ann", "bob", "ann_bob", "ann_eve"], "aaab"),
        (["ann/bob", "bob/eve", "dan/eve"], "aab"),
        (["Lee, Ann", "Fox, Ann", "Fox, Bob"], "abc"),  # surnames and names
        (["lab1/a", "lab1/b", "lab2/a"], "abc"),  # places and people
        (["data/J (wav+txt)/1 and 2/f1", "data/J (wav+txt)/1 and 2/f2"], "ab"),
        (["Actor_01", "Actor_10", "F1", "M1", "ann-lee", "bob-lee"], "abcdef"),
    ],
)
def test_joint_speakers_form_one_group(ids, groups):
    result = people.speaker_groups(named(ids))
    assert pd.factorize(result)[0].tolist() == pd.factorize(pd.Series(list(groups)))[0].tolist()


@given(st.lists(st.text("aAbB01;, .&", min_size=1, max_size=5), min_size=1, max_size=8), st.randoms())
def test_the_order_of_rows_does_not_matter(ids, chance):
    rows = named(ids)
    order = list(range(len(rows)))
    chance.shuffle(order)
    pd.testing.assert_series_equal(people.speaker_groups(rows), people.speaker_groups(rows.iloc[order]).sort_index())


def test_speakers_with_a_shared_recording_stay_in_one_part():
    rows = pd.concat([corpus("a", 12)], ignore_index=True)
    rows["samples_sha256"] = [str(number) for number in range(len(rows))]
    for one, other in (("a_00", "a_07"), ("a_07", "a_03")):
        first = rows.index[rows["speaker_id"] == one][0]
        rows.loc[rows.index[rows["speaker_id"] == other][-1], "samples_sha256"] = rows.loc[first, "samples_sha256"]
    for done in (
        splits.assign(rows, set(), splits.SplitOptions(**OPTIONS)),
        splits.assign(rows.assign(session=rows["speaker_id"]), set(), splits.SplitOptions(**OPTIONS), by_session={"a"}),
    ):
        trio = done[done["speaker_id"].isin(["a_00", "a_03", "a_07"])]
        assert trio["split"].nunique() == trio["fold"].nunique() == 1
        assert set(done["split"]) == {"train", "validation", "test"}


def corpus(name, speakers, family=None, emotions=("anger", "sadness"), code="{:02}"):
    rows = [
        {"corpus": name, "family": family or name, "speaker_id": f"{name}_{code.format(s)}",
         "gender": "male" if s % 2 else "female", "emotion": emotion, "split_official": None, "exclude_reason": None,
         "lexical_control": "parallel", "sentence_id": "1", "transcription": None}
        for s in range(speakers) for emotion in emotions
    ]  # fmt: skip
    return pd.DataFrame(rows)


def parts_of(done):
    return done.assign(person=done["speaker_id"].str.split("_").str[-1]).groupby("person")["split"].nunique()


@pytest.mark.parametrize("seed", [*range(4), 1337])
def test_speakers_of_two_corpora_of_a_family_have_one_part(seed):
    speech, song = corpus("ravdess", 25), corpus("ravdess_song", 25, "ravdess")
    speech, song = (rows[rows["speaker_id"].str[-2:] != "00"] for rows in (speech, song))
    song = song[song["speaker_id"] != "ravdess_song_18"]  # who does not sing
    options = OPTIONS | {"seed": seed}
    both = splits.assign(pd.concat([speech, song], ignore_index=True), set(), splits.SplitOptions(**options))
    assert parts_of(both).eq(1).all()
    alone = [splits.assign(rows, set(), splits.SplitOptions(**options)) for rows in (speech, song)]
    pd.testing.assert_frame_equal(both, pd.concat(alone, ignore_index=True))


def test_two_tables_of_one_family_agree():
    both = [corpus(name, 12, "mine") for name in ("one", "two")]
    assert (
        parts_of(splits.assign(pd.concat(both, ignore_index=True), set(), splits.SplitOptions(**OPTIONS))).eq(1).all()
    )
    halves = [
        splits.assign(corpus("esd_mandarin", 10, family), set(), splits.SplitOptions(**OPTIONS))
        for family in ("esd", None)
    ]
    pd.testing.assert_series_equal(halves[0]["split"], halves[1]["split"])


def result(ids, official=(), **columns):
    rows = clean(("east",), speakers=len(ids))
    names = dict(zip(sorted(set(rows["speaker_id"])), ids, strict=True))
    rows = rows.assign(speaker_id="east_" + rows["speaker_id"].map(names), **columns)
    rows = rows.assign(samples_sha256=rows["audio_sha256"])
    findings = checks.find_leaks(rows, set(official))
    return {f.kind: f.severity for f in findings}, findings


@pytest.mark.parametrize(
    "ids",
    [("Ann", "ann"), ("1", "01"), ("1", "1.0"), ("ann", "ann;guest"), ("ann, bob", "bob"), ("ann/bob", "bob/eve"),
     ("spk1", "speaker_1"), ("Аnn", "Ann"), ("ann", "ann and guest")],
)  # fmt: skip
def test_similar_names_are_a_breach_until_identified(ids):
    rest = ("x", "y", "z")
    kinds, _ = result((*ids, *rest))
    assert kinds == {"speaker under several names": "breach"}
    assert result((*ids, *rest), speaker_named=True)[0] == {}
    assert result((*ids, *rest), official={"east"})[0] == {"speaker under several names": "note"}


def test_joint_speakers_are_compared_one_by_one():
    kinds, findings = result(("ann", "bob", "eve", "ann & dan"), speaker_named=True)
    assert kinds == {"speakers across parts": "breach", "speakers across folds": "breach"}
    assert [finding.count for finding in findings] == [1, 2]


def test_another_spelling_of_a_name_is_reported_within_a_family():
    rows = clean().assign(family="both")
    west = rows["corpus"] == "west"
    number = rows["speaker_id"].str[-2:].astype(int)
    rows.loc[west, "speaker_id"] = "west_Actor " + number[west].astype(str)
    [finding] = checks.find_leaks(rows, set())
    assert (finding.kind, finding.severity, finding.count) == ("speaker under several names", "breach", 12)


def test_a_speaker_in_validation_and_training_of_a_family_is_a_warning():
    rows = clean().assign(family="both")
    west = rows["corpus"] == "west"
    swapped = {"west_04": "west_03", "west_03": "west_04"}
    rows.loc[west, "speaker_id"] = rows.loc[west, "speaker_id"].replace(swapped)
    findings = checks.find_leaks(rows, set())
    assert [(f.kind, f.severity, f.count) for f in findings] == [("speakers across a family", "warning", 1)] * 2
    assert all("selection" in f.meaning for f in findings)


def test_dialogues_and_sessions_are_compared_without_case():
    rows = clean(("east",))
    test = rows["split"] == "test"
    rows.loc[test, "dialogue_id"] = "east_DIA 01"
    rows.loc[rows.index[:3], "dialogue_id"] = "east_dia_1"
    assert {"dialogues across parts": "breach"}.items() <= {
        f.kind: f.severity for f in checks.find_leaks(rows, set())
    }.items()


def test_random_names_have_no_matches():
    chance = random.Random(0)  # noqa: S311
    rows = named([f"{chance.getrandbits(64):x}" for _ in range(3000)])
    assert people.possible_matches(rows).empty


@pytest.mark.parametrize("name", ["Smith, A{}", "child {};interviewer", "lab/p{}", "ses_{}_s"])
def test_thousands_of_partly_equal_names_take_seconds(name):
    ids = [f"mine_{name.format(number)}" for number in range(4000)]
    began = time.process_time()
    people.possible_matches(pd.DataFrame({"corpus": "mine", "speaker_id": ids}))
    assert time.process_time() - began < 20
