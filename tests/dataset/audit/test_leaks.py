"""Every inserted leak is the only one that is found, and none is found in a clean manifest."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.corpora import CORPORA, selected
from mer.corpora.synthetic import trees
from mer.dataset.audit import checks, findings
from mer.dataset.audit.copies import near_duplicates
from mer.dataset.audit.speakers import shared_speakers
from mer.dataset.manifest import build, schema
from mer.params.schema import Synthetic
from tests.dataset.audit.manifests import EMOTIONS, again, clean, part, read_sentences


def find(manifest, official=frozenset()):
    return checks.find_leaks(manifest, set(official))


def put(manifest, rows, **columns):
    for name, value in columns.items():
        manifest.loc[rows, name] = value
    return manifest


def speakers_across_parts(m):
    return put(m, part(m, "east", "test")[:3], speaker_id="east_00", session="east_0", dialogue_id=None, fold=0)


def speakers_across_folds(m):
    return put(m, m.index[m["speaker_id"] == "east_00"][:5], fold=1, dialogue_id=None, session=None)


def speakers_chosen_with(m):
    return put(m, part(m, "east", "validation")[:1], speaker_id="east_05", fold=5, dialogue_id=None, session=None)


def sessions_across_parts(m):
    return put(m, part(m, "east", "test"), session="east_0", fold=None)


def dialogues_across_parts(m):
    return put(m, part(m, "east", "test")[:7], dialogue_id="east_0_0", fold=None)


def dialogues_across_folds(m):
    return put(m, m.index[m["speaker_id"] == "east_01"][:1], dialogue_id="east_0_0")


def speakers_across_a_family(m):
    m = put(m, m.index, family="both")
    return put(m, part(m, "west", "test"), speaker_id="west_00", session=None, dialogue_id=None, fold=None).pipe(
        lambda m: put(m, part(m, "west", "train")[:20], speaker_id="west_07", fold=7, session=None)
    )


def family_torn_in_one_corpus(m):
    return put(m, part(m, "east", "test"), family="elsewhere")


def family_torn_between_corpora(m):
    names = {"east": "ravdess", "west": "ravdess_song"}
    return m.assign(corpus=m["corpus"].map(names), speaker_id=m["corpus"] + m["speaker_id"])


def family_on_both_sides(m):
    m = m[(m["corpus"] == "west") | (m["split"] == "test")].reset_index(drop=True)
    return put(m, m.index, family="both")


def utterance_across_parts(m):
    m = again(m, part(m, "east", "train")[:4], split="test", fold=None, speaker_id=None, session=None, dialogue_id=None)
    return m


def utterance_listed_twice(m):
    return again(m, part(m, "east", "train")[:4])


def validation_is_test(m):
    m = m.drop(part(m, "east", "validation"))
    return again(m, part(m, "east", "test"), split="validation", speaker_id=None, session=None, dialogue_id=None)


def validation_overlaps_test(m):
    rows = part(m, "east", "test")[:2]
    return again(m, rows, split="validation", speaker_id=None, session=None, dialogue_id=None)


def audio_across_parts(m):
    target = part(m, "east", "test")[:2]
    emotion = m.loc[part(m, "east", "train")[:2], "emotion"].to_numpy()
    digest = m.loc[part(m, "east", "train")[:2], "audio_sha256"].to_numpy()
    return put(m, target, audio_sha256=digest, emotion=emotion, fold=0, speaker_id=None, session=None, dialogue_id=None)


def lines_chosen_with(m):
    lines = m.loc[part(m, "east", "test")[:9], "transcription"].to_numpy()
    lines = [f"one two three {line}" for line in lines]
    m = put(m, part(m, "east", "test")[:9], transcription=lines)
    return put(m, part(m, "east", "validation")[:9], transcription=lines)


def audio_by_path_alone(m):
    m = put(m, m.index, audio_sha256=None)
    target, source = part(m, "east", "test")[:1], part(m, "east", "train")[:1]
    return put(m, target, source_path=m.loc[source[0], "source_path"], emotion=m.loc[source[0], "emotion"], fold=None)


def audio_across_folds(m):
    rows = m.index[m["speaker_id"] == "east_00"][:1], m.index[m["speaker_id"] == "east_01"][:1]
    return put(m, rows[0], audio_sha256=m.loc[rows[1][0], "audio_sha256"], emotion=m.loc[rows[1][0], "emotion"])


def audio_across_families(m):
    east, west = part(m, "east", "train")[:5], part(m, "west", "train")[:5]
    return put(m, east, audio_sha256=m.loc[west, "audio_sha256"].to_numpy())


def samples_across_families(m):
    east, west = part(m, "east", "train")[:5], part(m, "west", "train")[:5]
    return put(m, east, samples_sha256=m.loc[west, "samples_sha256"].to_numpy())


def file_across_families(m):
    east, west = part(m, "east", "train")[:5], part(m, "west", "train")[:2]
    m = put(m, east, audio_sha256="0" * 64, start=range(5), end=range(1, 6))
    return put(m, west, audio_sha256="0" * 64, start=range(5, 7), end=range(6, 8))


def film_across_families(m):
    rows = [*part(m, "east", "train")[:2], *part(m, "west", "train")[:1]]
    return put(m, rows, video_sha256="0" * 64)


def audio_with_two_labels(m):
    rows = part(m, "east", "train")[:2]
    return put(m, rows, audio_sha256="0" * 64)


def lines_across_parts(m):
    rows = part(m, "east", "test")[:4]
    return put(m, rows, transcription="Well, I never saw THAT  coming!").pipe(
        lambda m: put(m, part(m, "east", "train")[:1], transcription="well i never saw that coming")
    )


def lines_across_families(m):
    lines = m.loc[part(m, "west", "validation")[:6], "transcription"].to_numpy()
    m = put(m, part(m, "west", "validation")[:6], transcription=[f"one two three {line}" for line in lines])
    return put(m, part(m, "east", "test")[:6], transcription=[f"One, two, three: {line}." for line in lines])


def label_words(m):
    return m.assign(
        transcription=m["transcription"].where(m["corpus"] != "east", m["transcription"] + " " + spelled(m))
    )


def label_words_in_front(m):
    mine = (m["corpus"] == "east") & (m["split"] == "train")
    return m.assign(transcription=m["transcription"].where(~mine, "[" + m["emotion_raw"] + "] " + m["transcription"]))


def spelled(m):
    return m["emotion"].map({"neutral": "Neutral", "happiness": "Happy", "sadness": "Sad", "anger": "Angry"})


def telltale_words(m):
    mine = (m["corpus"] == "east") & (m["emotion"] == "anger")
    return m.assign(transcription=m["transcription"].where(~mine, "xq " + m["transcription"]))


def one_emotion_sentences(m):
    m = read_sentences(m, "east")
    mine = (m["corpus"] == "east") & (m["emotion"] == "sadness")
    m.loc[mine, "transcription"] = "he is gone and will not come back"
    return put(m, mine, sentence_id="gone", lexical_control="emotion_specific")


def one_emotion_sentences_unheard(m):
    return put(one_emotion_sentences(m), m.index[m["corpus"] == "east"], transcription=None)


def same_name_in_another_family(m):
    rows = m.index[m["speaker_id"].isin(["east_00", "west_00"])]
    return put(m, rows, speaker_id=m.loc[rows, "corpus"] + "_Monica")


B, W, N = "breach", "warning", "note"
PLANTED = [
    (speakers_across_parts, "speakers across parts", B, "east", 1, {"sessions across parts"}),
    (speakers_across_folds, "speakers across folds", B, "east", 1, set()),
    (speakers_chosen_with, "speakers across parts", W, "east", 1, set()),
    (sessions_across_parts, "sessions across parts", W, "east", 1, set()),
    (dialogues_across_parts, "dialogues across parts", B, "east", 1, set()),
    (dialogues_across_folds, "dialogues across folds", B, "east", 1, set()),
    (speakers_across_a_family, "speakers across a family", B, "east + west", 1, set()),
    (family_torn_in_one_corpus, "family divided", B, "east", 120, set()),
    (family_torn_between_corpora, "family divided", B, "ravdess + ravdess_song", 240, set()),
    (family_on_both_sides, "family in training and test", B, "east + west", 80, set()),
    (utterance_across_parts, "utterance across parts", B, "east", 4, set()),
    (utterance_listed_twice, "utterance listed twice", W, "east", 8, set()),
    (validation_is_test, "validation is test", B, "east", 20, set()),
    (validation_overlaps_test, "utterance across parts", B, "east", 2, set()),
    (audio_across_parts, "same audio across parts", B, "east", 2, set()),
    (audio_by_path_alone, "same audio across parts", B, "east", 1, set()),
    (audio_across_folds, "same audio across folds", B, "east", 2, set()),
    (audio_across_families, "same audio across families", B, "east + west", 10, set()),
    (samples_across_families, "same audio across families", B, "east + west", 10, set()),
    (file_across_families, "same file across families", B, "east + west", 7, set()),
    (film_across_families, "same file across families", B, "east + west", 3, set()),
    (audio_with_two_labels, "same audio, two labels", B, "east", 1, {"same audio twice"}),
    (lines_across_parts, "sentences across parts", B, "east", 4, set()),
    (lines_chosen_with, "sentences across parts", B, "east", 9, set()),
    (lines_across_families, "sentences across families", B, "east + west", 6, set()),
    (label_words, "label words", B, "east", 120, {"revealing words"}),
    (label_words_in_front, "label words", B, "east", 80, {"revealing words"}),
    (telltale_words, "revealing words", W, "east", 30, set()),
    (one_emotion_sentences, "one emotion per sentence", B, "east", 30, set()),
    (one_emotion_sentences_unheard, "one emotion per sentence", W, "east", 30, set()),
    (same_name_in_another_family, "same name in another family", N, "east + west", 1, set()),
]


@pytest.mark.parametrize(
    ("plant", "kind", "severity", "where", "count", "also"), PLANTED, ids=[row[0].__name__ for row in PLANTED]
)
def test_only_the_inserted_leak_is_found(plant, kind, severity, where, count, also):
    result = find(plant(clean()))
    hit = [f for f in result if (f.kind, f.corpora) == (kind, where)]
    assert [(f.severity, f.count) for f in hit] == [(severity, count)], result
    assert {f.kind for f in result if f.severity != N} == ({kind} if severity != N else set()) | also
    assert all(f.count <= f.total and f.examples and f.sentence and f.meaning and f.advice for f in result)


def test_a_clean_manifest_has_no_findings():
    assert find(clean()) == []
    assert list(checks.unchecked_columns(clean())) == []


@settings(max_examples=25)
@given(
    names=st.lists(st.text("klmnop", min_size=1, max_size=8), min_size=1, max_size=4, unique=True),
    speakers=st.integers(3, 8),
    rounds=st.integers(1, 8),
    seed=st.integers(0, 99),
    read=st.booleans(),
)
def test_any_clean_manifest_has_no_findings(names, speakers, rounds, seed, read):
    manifest = clean(names, speakers, rounds * len(EMOTIONS), seed)  # every sentence with every emotion
    result = find(read_sentences(manifest, names[0]) if read else manifest)
    assert {(f.severity, f.kind, f.corpora) for f in result} <= (
        {("note", "sentences across parts", names[0])} if read else set()
    )


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    raw = tmp_path_factory.mktemp("audit") / "raw"
    trees.write(raw, Synthetic(seed=3, speakers=4, clips=3))
    lengths = {"min_seconds": 0.3, "max_seconds": 20.0}
    shares = {"validation": 0.1, "test": 0.1, "folds": 5}
    names = ("ravdess", "cremad", "emodb", "esd", "meld")
    dataset = build.build(
        raw, selected(names), build.BuildOptions(policy="paper7", overrides={}, seed=0, **shares, **lengths)
    )
    return raw, schema.usable(dataset.manifest)


def test_synthetic_corpora_are_clean(made_up):
    raw, usable = made_up
    near = near_duplicates.find_near_duplicates(usable, raw)
    assert near.unreadable.empty
    result = checks.find_leaks(usable, {"meld"}, near.pairs)
    assert {(f.severity, f.kind) for f in result} == {
        ("note", "speakers across parts"),
        ("note", "sentences across parts"),
    }
    assert [f.corpora for f in result if f.kind == "speakers across parts"] == ["meld"]
    assert {f.corpora for f in result if f.kind == "sentences across parts"} <= {"ravdess", "cremad", "emodb", "esd"}


def test_shared_speakers_of_a_published_split_are_a_note():
    manifest = speakers_across_parts(clean())
    [finding] = [f for f in find(manifest, {"east"}) if f.kind == "speakers across parts"]
    assert finding.severity == "note"
    assert "by design" in finding.meaning
    [finding] = find(dialogues_across_parts(clean()), {"east"})
    assert finding.severity == "breach"


def test_chance_repetitions_and_read_sentences_are_notes():
    manifest = clean()
    line = "I do not know what to say"
    manifest = put(manifest, part(manifest, "east", "train")[:1], transcription=line)
    manifest = put(manifest, part(manifest, "east", "test")[:2], transcription=line)
    assert [(f.severity, f.kind, f.count) for f in find(manifest)] == [("note", "sentences across parts", 2)]
    manifest = put(manifest, part(manifest, "east", "test")[:2], transcription="Oh my God no")
    manifest = put(manifest, part(manifest, "east", "train")[:2], transcription="Oh my God no")
    assert find(manifest) == []
    assert [(f.severity, f.kind) for f in find(read_sentences(clean(), "east"))] == [("note", "sentences across parts")]


def test_a_word_of_one_emotion_by_chance_is_not_reported():
    assert find(clean(("k", "l", "kk"), speakers=7, clips=28, seed=58)) == []


def test_words_of_a_corpus_with_mostly_one_emotion_are_not_reported():
    manifest = clean(("east",), speakers=6, clips=40)
    rare = manifest.index % 40 == 3
    manifest["emotion"] = manifest["emotion"].where(rare, "neutral")
    manifest["transcription"] = "well " + manifest["transcription"].where(~rare, manifest["transcription"].str[5:])
    assert find(manifest) == []
    spoken = read_sentences(manifest, "east", sentences=30)
    spoken["sentence_id"] = (manifest.index % 30).astype("str")
    spoken["transcription"] = "this is the sentence with the number " + spoken["sentence_id"]
    assert {f.kind for f in find(spoken)} == {"sentences across parts"}


def test_generic_names_are_not_reported():
    manifest = clean()
    assert find(manifest.assign(speaker_id=manifest["corpus"] + "_Speaker" + manifest["speaker_id"].str[-2:])) == []


def test_speakers_of_a_family_in_two_published_splits_are_a_note():
    manifest = speakers_across_a_family(clean())
    assert [f.severity for f in find(manifest, {"east"})] == ["breach"]
    assert [f.severity for f in find(manifest, {"east", "west"})] == ["note"]


def test_the_speaker_rule_is_perfect_if_each_speaker_has_one_emotion():
    manifest = clean(("east",), speakers=4, clips=8)
    voices = {emotion: f"east_{emotion}" for emotion in EMOTIONS}
    manifest = manifest.assign(speaker_id=manifest["emotion"].map(voices), fold=pd.NA, session=None, dialogue_id=None)
    [finding] = find(manifest.astype(schema.COLUMNS))
    assert (finding.kind, finding.count, finding.total) == ("speakers across parts", 4, 4)
    assert "scores UAR 1.000 (chance 0.250)" in finding.sentence


def test_speaker_rule_equals_a_hand_computed_value():
    train = pd.DataFrame({"speaker_id": list("aaabb"), "emotion": ["sad", "sad", "glad", "sad", "glad"]})
    # b is tied and gets the more frequent answer (sad), and so does c, whom nobody knows
    test = pd.DataFrame({"speaker_id": list("abc"), "emotion": ["sad", "glad", "sad"]})
    assert shared_speakers.speaker_rule(train, test) == (0.5, 0.5)
    assert shared_speakers.speaker_rule(train.iloc[:0], test) is None
    assert shared_speakers.speaker_rule(train, test.iloc[:1]) is None


def test_findings_are_ordered_by_severity_and_complete_in_the_table():
    manifest = audio_with_two_labels(label_words(sessions_across_parts(clean())))
    result = find(manifest)
    severities = [f.severity for f in result]
    assert severities == sorted(severities, key=["breach", "warning", "note"].index)
    table = findings.table(checks.find_leaks(manifest, set()))
    assert list(table.columns) == [
        "severity", "kind", "corpora", "count", "total", "example", "finding", "meaning", "advice",
    ]  # fmt: skip
    assert table["kind"].tolist() == [f.kind for f in result]


def test_the_order_of_rows_does_not_matter_beyond_the_examples():
    manifest = audio_across_families(lines_across_parts(clean()))
    shuffled = manifest.sample(frac=1, random_state=0)
    columns = ["severity", "kind", "corpora", "count", "total", "finding"]
    pd.testing.assert_frame_equal(
        findings.table(checks.find_leaks(manifest, set()))[columns],
        findings.table(checks.find_leaks(shuffled, set()))[columns],
    )


def test_checks_without_columns_are_listed():
    message = list(
        checks.unchecked_columns(clean().drop(columns=["speaker_id", "transcription"]).assign(split=None, fold=None))
    )
    assert [sentence.split(":")[0].split(" ")[0] for sentence in message] == ["parts", "speakers", "texts"]
    assert list(checks.unchecked_columns(clean().assign(samples_sha256=None))) == [
        "the same recording in different files: the table has no such values"
    ]
    manifest = put(clean(), [0, 1], emotion=None)
    assert list(checks.unchecked_columns(manifest)) == [
        "labels, and words and sentences that reveal them: 2 of 240 rows have no value"
    ]


def test_corpora_of_one_family_are_recognised():
    kin = {c.name for c in CORPORA.values() if c.family == CORPORA["ravdess"].family}
    assert kin >= {"ravdess", "ravdess_song"}
