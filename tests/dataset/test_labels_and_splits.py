import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.corpora import CORPORA
from mer.dataset import splits
from mer.dataset.manifest import labels


@pytest.mark.parametrize("policy", labels.POLICIES)
def test_every_policy_covers_every_corpus(policy):
    for corpus in CORPORA.values():
        mapped = labels.mapping(policy, corpus.name, corpus.emotions).classes
        assert set(mapped) == set(corpus.emotions)
        assert {m for m in mapped.values() if m} <= set(labels.classes(policy))


def test_order_of_classes_is_that_of_the_paper():
    assert labels.classes("paper7") == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")


def test_overrides_are_applied_and_checked():
    emotions = {"02": "calm", "05": "anger"}
    assert labels.mapping("paper7", "x", emotions, {"02": "sad"}).classes == {"02": "sadness", "05": "anger"}
    with pytest.raises(labels.UnknownLabel, match="no label 'clam'"):
        labels.mapping("paper7", "x", emotions, {"clam": "drop"})
    with pytest.raises(labels.UnknownLabel, match="'rage' is not one of"):
        labels.mapping("paper7", "x", emotions, {"calm": "rage"})
    with pytest.raises(labels.UnknownLabel, match="no rule for 'awe'"):
        labels.mapping("paper7", "x", {"9": "awe"})


people = st.lists(
    st.tuples(st.text("abcdef0123", min_size=1, max_size=5), st.sampled_from(["female", "male", None])),
    min_size=1,
    max_size=40,
    unique_by=lambda pair: pair[0],
)


def frame(speakers):
    return pd.DataFrame(speakers, columns=["speaker_id", "gender"]).assign(emotion="anger")


@settings(max_examples=40)
@given(people, st.integers(0, 5), st.randoms())
def test_splits_do_not_depend_on_the_order_of_files(speakers, seed, random):
    first = splits.speaker_splits(frame(speakers), seed, 0.1, 0.1)
    folds = splits.speaker_folds(frame(speakers), seed, 5)
    shuffled = speakers * 2
    random.shuffle(shuffled)
    assert splits.speaker_splits(frame(shuffled), seed, 0.1, 0.1) == first
    assert splits.speaker_folds(frame(shuffled), seed, 5) == folds
    assert set(first) == {s for s, _ in speakers}
    if len(speakers) >= 3:
        assert set(first.values()) == {"train", "validation", "test"}


@settings(max_examples=40)
@given(people)
def test_folds_leave_one_speaker_out_up_to_ten(speakers):
    folds = splits.speaker_folds(frame(speakers), 0, 5)
    count = len(set(folds.values()))
    assert count == (len(speakers) if len(speakers) <= 10 else 5)


def test_genders_alternate_in_parts_and_folds():
    speakers = frame([(f"s{i}", "female" if i < 6 else "male") for i in range(12)])
    gender = speakers.set_index("speaker_id")["gender"]
    parts = splits.speaker_splits(speakers, 0, 0.17, 0.17)
    for part in ("test", "validation"):
        assert {gender[s] for s, p in parts.items() if p == part} == {"female", "male"}
    for count in (3, 4, 6):
        folds = splits.speaker_folds(speakers, 0, count)
        assert all({gender[s] for s, f in folds.items() if f == n} == {"female", "male"} for n in range(count))
