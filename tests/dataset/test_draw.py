"""Quick looks: utterances are drawn evenly, and always the same ones."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.dataset.manifest import draw, lost_utterances, schema
from mer.dataset.manifest.build import PROBLEM_COLUMNS
from mer.dataset.manifest.draw import Caps

EMOTIONS, PARTS = ("anger", "fear", "neutral"), ("train", "validation", "test")
entries = st.tuples(st.sampled_from("abcdef"), st.sampled_from(EMOTIONS), st.sampled_from(PARTS))


def manifest(rows, corpus="one"):
    """Rows of speaker, emotion and published part; genders follow from the speaker."""
    return schema.typed([
        {"utterance_id": f"{corpus}/{number}", "corpus": corpus, "family": corpus, "speaker_id": f"{corpus}_{speaker}",
         "gender": "female" if speaker in "ace" else "male", "emotion": emotion, "split_official": part}
        for number, (speaker, emotion, part) in enumerate(rows)
    ]).assign(capped=False)  # fmt: skip


def drawn(table, caps, official=(), seed=0):
    done = draw.with_caps(table, caps, set(official), seed)
    return set(done.loc[done["exclude_reason"].isna(), "utterance_id"])


@settings(max_examples=25, deadline=None)
@given(st.lists(entries, min_size=1, max_size=60), st.integers(1, 70), st.integers(1, 7), st.randoms())
def test_draws_do_not_depend_on_order_or_other_corpora(rows, clips, speakers, random):
    table, another, caps = manifest(rows), manifest(rows[::-1], "another"), Caps(clips, speakers)
    for official in ((), ("one",)):
        first = drawn(table, caps, official)
        shuffled = table.sample(frac=1, random_state=random.randint(0, 9))
        assert drawn(shuffled, caps, official) == first
        both = pd.concat([another, shuffled], ignore_index=True)
        assert {name for name in drawn(both, caps, official) if name.startswith("one/")} == first
        assert len(first) <= clips
        assert table.loc[table["utterance_id"].isin(first), "speaker_id"].nunique() <= speakers


@settings(max_examples=25, deadline=None)
@given(st.lists(entries, min_size=1, max_size=60), st.integers(1, 30), st.integers(1, 30))
def test_a_smaller_draw_is_part_of_a_larger_one(rows, clips, more):
    table = manifest(rows)
    for official in ((), ("one",)):
        assert drawn(table, Caps(clips), official) <= drawn(table, Caps(clips + more), official)
    few, many = drawn(table, Caps(speakers=2)), drawn(table, Caps(speakers=3))
    assert few <= many


def test_draws_are_even_over_classes_and_speakers():
    table = manifest([(speaker, emotion, "train") for speaker in "abcdef" for emotion in EMOTIONS for _ in range(5)])
    for clips in (1, 2, 3, 5, 6, 7, 17, 18, 19, 35, 36, 37, 53, 54, 55, 71, 88, 89, 90):
        rows = table[table["utterance_id"].isin(drawn(table, Caps(clips)))]
        assert len(rows) == clips
        for column in ("emotion", "speaker_id"):
            numbers = rows[column].value_counts().reindex(table[column].unique(), fill_value=0)
            assert numbers.max() - numbers.min() <= 1, (clips, column)


def test_a_rare_class_is_drawn_whole_and_speakers_alternate_by_gender():
    rows = [("a", "neutral", "train")] * 30 + [("b", "neutral", "train")] * 30 + [("a", "fear", "train")] * 4
    table = manifest(rows)
    shares = table[table["utterance_id"].isin(drawn(table, Caps(20)))]["emotion"].value_counts()
    assert shares.to_dict() == {"neutral": 16, "fear": 4}
    people = manifest([(speaker, "fear", "train") for speaker in "abcdef"])
    for seed in range(5):
        chosen = people[people["utterance_id"].isin(drawn(people, Caps(speakers=4), seed=seed))]
        assert chosen["gender"].value_counts().to_dict() == {"female": 2, "male": 2}


def test_published_parts_keep_their_shares():
    rows = [("a", "fear", part) for part, count in zip(PARTS, (70, 10, 20), strict=True) for _ in range(count)]
    table = manifest(rows)
    parts = table[table["utterance_id"].isin(drawn(table, Caps(20), ["one"]))]["split_official"].value_counts()
    assert parts.to_dict() == {"train": 14, "test": 4, "validation": 2}


@pytest.mark.parametrize("caps", [Caps(), Caps(clips=6), Caps(speakers=2), Caps(99, 99)])
def test_nothing_is_capped_if_nothing_is_left_out(caps):
    table = manifest([(speaker, emotion, "train") for speaker in "ab" for emotion in EMOTIONS])
    done = draw.with_caps(table, caps, set(), 0)
    pd.testing.assert_frame_equal(done, table)
    assert draw.sentences(done) == []


def test_rows_that_are_not_drawn_are_not_lost():
    table = manifest([(speaker, "fear", "train") for speaker in "abcdef" for _ in range(10)])
    table.loc[0, "exclude_reason"] = "x.wav: not readable"
    done = draw.with_caps(table, Caps(12, 4), set(), 0)
    assert done["exclude_reason"].isna().sum() == 12
    assert done["capped"].all()
    no_problems = pd.DataFrame([], columns=PROBLEM_COLUMNS).astype({"line": "Int64", "lost": "bool"})
    lost = lost_utterances.count_lost(done, no_problems)
    assert lost["count"].tolist() == [1]
    lost_utterances.stop_if_too_many(lost, done, 0.02)  # 1 of 60, although only 12 are drawn
    [sentence] = draw.sentences(done)
    assert sentence == "quick look: 12 of 59 utterances of `one` are drawn, from 4 of 6 speakers"
