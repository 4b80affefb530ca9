"""MELD: lists and clips are joined by part, dialogue and utterance."""

import pytest

from mer.corpora import CORPORA, Problem, Utterance
from mer.corpora.parsers.meld import parse

HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"


def put(folder, path, data=b"RIFF"):
    path = folder / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def row(dialogue=0, turn=0, emotion="joy", text="Hi!", speaker="Joey"):
    return f'1,"{text}",{speaker},{emotion},positive,{dialogue},{turn},8,21,"00:16:16,059","00:16:21,731"'


def listing(*rows, code="utf-8", ends="\r\n"):
    return ends.join([HEAD, *rows, ""]).encode(code)


def read(raw, folder="MELD.Raw"):
    return list(parse(raw, raw / folder))


def test_the_same_name_in_two_splits_is_two_utterances(tmp_path):
    raw = tmp_path / "train" / "test"  # what lies above the corpus says nothing
    put(raw, "MELD.Raw/train/train_sent_emo.csv", listing(row(emotion="joy")))
    put(raw, "MELD.Raw/dev_sent_emo.csv", listing(row(emotion="fear")))
    put(raw, "MELD.Raw/test_sent_emo.csv", listing(row(emotion="anger")))
    put(raw, "MELD.Raw/train/train_splits/dia0_utt0.wav")
    put(raw, "MELD.Raw/dev/dev_splits_complete/dia0_utt0.flac")
    put(raw, "MELD.Raw/output_repeated_splits_test/dia0_utt0.mp4")
    put(raw, "MELD.Raw/output_repeated_splits_test/._dia0_utt0.mp4")
    result = {r.name: r for r in read(raw)}
    assert {name: (r.split_official, r.emotion_raw) for name, r in result.items()} == {
        "train_dia0_utt0": ("train", "joy"),
        "dev_dia0_utt0": ("validation", "fear"),
        "test_dia0_utt0": ("test", "anger"),
    }
    assert result["test_dia0_utt0"].path.endswith("test/dia0_utt0.mp4")
    assert result["dev_dia0_utt0"].dialogue_id == "dev_0"


def test_a_line_keeps_speaker_text_and_turn(tmp_path):
    said = "No, ‘you’ <script>alert(1)</script>, “you”"
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", listing(row(3, 7, text=said, speaker="Joey and Chandler")))
    put(tmp_path, "MELD.Raw/dev/dia3_utt7.wav")
    (result,) = read(tmp_path)
    assert (result.speaker, result.turn_index, result.transcription) == ("Joey and Chandler", 7, said)
    assert (result.text_source, result.language) == ("human", "en")


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lists_are_read_in_any_encoding_and_with_any_line_ends(tmp_path, code, ends):
    text = "It’s “fine” – really…"
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", listing(row(text=text), code=code, ends=ends))
    put(tmp_path, "MELD.Raw/dev/dia0_utt0.wav")
    (result,) = read(tmp_path)
    assert result.transcription == text


def test_punctuation_that_was_decoded_as_latin1_is_repaired(tmp_path):
    text = "It\x92s \x93fine\x94\xa0\x96 \x91so\x92\x85\x97"
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", listing(row(text=text, speaker="Ross\x92s mom")))
    put(tmp_path, "MELD.Raw/dev/dia0_utt0.wav")
    (result,) = read(tmp_path)
    assert (result.transcription, result.speaker) == ("It’s “fine” – ‘so’…—", "Ross’s mom")


def test_each_invalid_line_is_reported_with_its_number(tmp_path):
    rows = [
        row(0, 0),
        row(0, 1, emotion="glee"),
        "4,broken",
        row(0, "x"),
        row(0, 0),
        row(0, 2, text=""),
        row(0, 3, speaker=""),
    ]
    put(tmp_path, "MELD.Raw/train_sent_emo.csv", listing(*rows))
    for turn in (0, 1, 3):
        put(tmp_path, f"MELD.Raw/train/dia0_utt{turn}.wav")
    problems = {r.line: r.reason for r in read(tmp_path) if isinstance(r, Problem)}
    assert problems == {
        3: "train_dia0_utt1: unknown label glee",
        4: "expected 11 columns, found 2",
        5: "Dialogue_ID and Utterance_ID must be whole numbers",
        6: "train_dia0_utt0: listed a second time",
        7: "train_dia0_utt2: neither audio nor text",
        8: "train_dia0_utt3: no speaker",
    }


def test_unclosed_quotation_mark_is_reported(tmp_path):
    bare = [f"1,Hi,Joey,joy,positive,0,{turn},8,21,0,1" for turn in range(30)]
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", listing(bare[0][:-1] + '"1', *bare[1:]))
    put(tmp_path, "MELD.Raw/dev/dia0_utt0.wav")
    lost = [r for r in read(tmp_path) if r.path.endswith(".csv")]
    assert lost == [
        Problem(lost[0].path, "lines 2 to 31 read as one: a quotation mark is not closed", line=2),
    ]


def test_missing_columns_are_named(tmp_path):
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", b"Utterance,Speaker\nHi,Joey\n")
    (result,) = read(tmp_path)
    assert (result.line, result.reason) == (1, "no column Emotion, Dialogue_ID, Utterance_ID in the header")


def test_unlisted_clips_are_reported(tmp_path):
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", listing(row()))
    put(tmp_path, "MELD.Raw/dev/final_videos_testdia0_utt0.mp4")
    put(tmp_path, "MELD.Raw/dev/dia9_utt9.mp4")
    put(tmp_path, "MELD.Raw/dev/dia0_utt0.wav", b"")
    put(tmp_path, "MELD.Raw/audio/dia0_utt0.wav")
    [utterance] = [row for row in read(tmp_path) if isinstance(row, Utterance)]
    assert utterance.path == "MELD.Raw/dev/dia0_utt0.wav"  # of 0 bytes: `data.audio_failure` applies
    reasons = {r.path.split("/", 1)[1]: r.reason for r in read(tmp_path) if isinstance(r, Problem)}
    assert reasons["dev/final_videos_testdia0_utt0.mp4"] == "expected a name such as dia0_utt0"
    assert reasons["dev/dia9_utt9.mp4"] == "not listed in dev_sent_emo.csv"
    assert reasons["audio/dia0_utt0.wav"] == "no folder above it says train, dev or test"


def test_line_without_its_clip_is_text(tmp_path):
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", listing(row(text="Hi!")))
    (result,) = read(tmp_path)
    assert (result.has_recording, result.path, result.transcription) == (False, "MELD.Raw/dev_sent_emo.csv", "Hi!")


def test_audio_file_is_preferred_to_its_video(tmp_path):
    put(tmp_path, "MELD.Raw/dev_sent_emo.csv", listing(row()))
    for place in ("dev/dia0_utt0.mp4", "dev/dia0_utt0.wav", "dev/old/dia0_utt0.wav"):
        put(tmp_path, f"MELD.Raw/{place}")
    kept, outcome = read(tmp_path)
    assert (isinstance(kept, Utterance), kept.path) == (True, "MELD.Raw/dev/dia0_utt0.wav")
    assert outcome == Problem("MELD.Raw/dev/old/dia0_utt0.wav", f"duplicate copy of {kept.path}", utterance_lost=False)


def test_second_list_of_a_part_is_reported(tmp_path):
    for place in ("a", "b"):
        put(tmp_path, f"MELD.Raw/{place}/dev_sent_emo.csv", listing(row()))
    put(tmp_path, "MELD.Raw/dev/dia0_utt0.wav")
    outcome, kept = read(tmp_path)
    assert outcome == Problem(
        "MELD.Raw/b/dev_sent_emo.csv", "duplicate copy of MELD.Raw/a/dev_sent_emo.csv", utterance_lost=False
    )
    assert kept.emotion_raw == "joy"


def test_corpus_declares_its_clusters_and_its_split():
    meld = CORPORA["meld"]
    assert (meld.family, meld.cluster, meld.lexical_control) == ("friends", ("speaker_id", "dialogue_id"), "free")
    assert meld.official_splits
    assert sum(meld.expected_counts.values()) == 13_708
