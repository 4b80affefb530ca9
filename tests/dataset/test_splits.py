"""Splits: similar labels in all parts, whole sessions, separate sentences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.dataset import splits

OPTIONS = {"seed": 1337, "validation": 0.1, "test": 0.1, "folds": 5}


def corpus(name="a", speakers=20, sentences=6, control="parallel", sessions=None, emotions=("anger", "sadness")):
    """Return rows of a corpus; odd speakers are men and have more anger."""
    rows = []
    for s in range(speakers):
        for k in range(sentences):
            for e, emotion in enumerate(emotions):
                repeats = 3 if s % 2 and e == 0 else 1
                rows += [
                    {"corpus": name, "speaker_id": f"{name}_{s:02}", "gender": "male" if s % 2 else "female",
                     "emotion": emotion, "sentence_id": f"{k}" if control != "emotion_specific" else f"{emotion}{k}",
                     "transcription": None, "lexical_control": control, "split_official": None,
                     "session": sessions[s] if sessions else None, "exclude_reason": None}
                ] * repeats  # fmt: skip
    return pd.DataFrame(rows)


def unevenness(rows, split):
    whole = rows["emotion"].value_counts(normalize=True)
    return sum(
        (part["emotion"].value_counts(normalize=True).reindex(whole.index, fill_value=0) - whole).abs().sum()
        for _, part in rows.groupby(rows["speaker_id"].map(split))
    )


def test_parts_have_similar_labels_and_genders():
    random = np.random.default_rng(0)
    rows = corpus(speakers=24, sentences=1, emotions=("anger", "sadness", "fear"))
    rows = rows.loc[np.repeat(rows.index, random.integers(1, 30, len(rows)))]  # labels differ between speakers
    chosen = splits.speaker_splits(rows, 1337, 0.1, 0.1)
    candidates = [splits.speaker_splits(rows, seed, 0.1, 0.1) for seed in range(5)]
    drawn = []
    for draw in range(splits.CANDIDATES):
        order = splits._alternating(splits._genders(rows), 1337, draw)
        names = ["test"] * 2 + ["validation"] * 2 + ["train"] * 20
        drawn.append(unevenness(rows, dict(zip(order, names, strict=True))))
    assert unevenness(rows, chosen) <= np.quantile(drawn, 0.1)
    for split in candidates:
        assert sorted(split.values()).count("test") == 2
        men = {part: {int(s[-2:]) % 2 for s, p in split.items() if p == part} for part in ("test", "validation")}
        assert men == {"test": {0, 1}, "validation": {0, 1}}


def test_sessions_stay_in_one_part_and_the_last_is_tested():
    rows = corpus("iemocap", speakers=10, sessions=[f"iemocap_Ses0{s // 2 + 1}" for s in range(10)])
    done = splits.assign(rows, set(), splits.SplitOptions(**OPTIONS), by_session={"iemocap"})
    outcome = done.groupby("session")["split"].agg(lambda split: set(split))
    assert outcome.to_dict() == {
        "iemocap_Ses01": {"train"},
        "iemocap_Ses02": {"train"},
        "iemocap_Ses03": {"train"},
        "iemocap_Ses04": {"validation"},
        "iemocap_Ses05": {"test"},
    }
    assert done.groupby("session")["fold"].nunique().eq(1).all()
    assert done["fold"].nunique() == 5


def test_sessions_with_a_shared_speaker_form_one_group():
    rows = corpus("own", speakers=8, sessions=list("aabbccdd"))
    rows.loc[rows["speaker_id"] == "own_02", "speaker_id"] = "own_00"  # of session a speaks in b, too
    done = splits.assign(rows, set(), splits.SplitOptions(**OPTIONS), by_session={"own"})
    for column in ("split", "fold"):
        assert done.groupby("speaker_id")[column].nunique().eq(1).all()
        assert done.groupby("session")[column].nunique().eq(1).all()


@pytest.mark.parametrize("control", ["parallel", "emotion_specific"])
def test_text_disjoint_splits_share_no_sentence(control):
    done = splits.assign(corpus(control=control), set(), splits.SplitOptions(**OPTIONS, text_disjoint=True))
    used = done.dropna(subset=["split"])
    sentences = {part: set(rows["sentence_id"]) for part, rows in used.groupby("split")}
    assert not sentences["test"] & (sentences["train"] | sentences["validation"])
    assert all(rows["emotion"].nunique() == 2 for _, rows in used.groupby("split"))
    assert used.groupby("speaker_id")["split"].nunique().eq(1).all()
    assert 0.4 < done["split"].isna().mean() < 0.6
    tested = []
    for train, validation, test in splits.fold_parts(done):
        seen = done.iloc[[*train, *validation]]
        assert not set(seen["sentence_id"]) & set(done.iloc[test]["sentence_id"])
        assert not set(seen["speaker_id"]) & set(done.iloc[test]["speaker_id"])
        tested += test.tolist()
    assert sorted(tested) == list(range(len(done)))  # each row once


def test_free_speech_and_unknown_sentences_have_no_sides():
    unknown = corpus("b").assign(sentence_id=None)
    for rows in (corpus(control="free"), unknown, corpus(sentences=1)):
        done = splits.assign(rows, set(), splits.SplitOptions(**OPTIONS, text_disjoint=True))
        assert done["text_side"].isna().all()
        assert done["split"].notna().all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 14), st.integers(1, 5), st.integers(0, 3), st.booleans(), st.randoms())
def test_splits_do_not_depend_on_order_or_other_corpora(speakers, sentences, seed, apart, random):
    rows, options = corpus("a", speakers, sentences), OPTIONS | {"seed": seed, "text_disjoint": apart}
    alone = splits.assign(rows, set(), splits.SplitOptions(**options))
    order = list(range(len(rows)))
    random.shuffle(order)
    mixed = pd.concat([corpus("b", 5), rows.iloc[order]], ignore_index=True)
    together = splits.assign(mixed, set(), splits.SplitOptions(**options))
    keys = ["speaker_id", "sentence_id", "emotion"]
    columns = [*keys, "split", "fold", "text_side"]
    again = together[together["corpus"] == "a"][columns].sort_values(keys, kind="stable").reset_index(drop=True)
    expected = alone[columns].sort_values(keys, kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(again, expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 14), st.floats(0.01, 0.98), st.floats(0.01, 0.98), st.booleans())
def test_every_split_has_training_speakers(speakers, validation, test, by_session):
    if validation + test >= 1:
        validation, test = validation / 2, test / 2
    rows = corpus(speakers=speakers, sentences=1, sessions=[f"{s:02}" for s in range(speakers)])
    options = OPTIONS | {"validation": validation, "test": test}
    result = splits.assign(rows, set(), splits.SplitOptions(**options), by_session=["a"] if by_session else ())
    assert set(result["split"]) == {"train", "validation", "test"}
    assert result.groupby("speaker_id")["split"].nunique().eq(1).all()


def test_partly_known_genders_do_not_depend_on_row_order():
    rows = corpus(speakers=12, sentences=2)
    rows["gender"] = rows["gender"].where(np.arange(len(rows)) % 2 == 0)
    one, other = (
        splits.assign(r, set(), splits.SplitOptions(**OPTIONS)).sort_index()[["split", "fold"]]
        for r in (rows, rows[::-1])
    )
    pd.testing.assert_frame_equal(one, other)
