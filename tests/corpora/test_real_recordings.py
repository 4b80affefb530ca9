"""The parsers read exactly the rows that the manifests of real recordings list."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers

REAL = Path(os.environ.get("MER_REAL_CORPORA", ""))
pytestmark = pytest.mark.skipif(
    not os.environ.get("MER_REAL_CORPORA"), reason="MER_REAL_CORPORA does not name a folder of real recordings"
)

FOLDERS = {
    "cremad": "CREMA-D",
    "emodb": "emodb",
    "emospeechin": "EmoSpeech-IN",
    "nemo": "nEMO",
    "ravdess": "RAVDESS",
    "turevdb": "TurEV-DB",
}
WORDS = {"happy": "happiness", "sad": "sadness", "angry": "anger", "fearful": "fear", "surprised": "surprise"}
TUREV_FOLDERS = {"kz": "Angry", "sk": "Calm", "mt": "Happy", "hl": "Sad"}
"""the manifest gives this corpus's folder as its code, the parser the code in the file name"""

MELD = {
    "train": "neutral 4710 joy 1743 surprise 1205 anger 1109 sadness 683 disgust 271 fear 268",
    "validation": "neutral 470 joy 163 surprise 150 anger 153 sadness 111 disgust 22 fear 40",
    "test": "neutral 1256 joy 402 surprise 281 anger 345 sadness 208 disgust 68 fear 50",
}


def counts(text: str) -> dict[str, int]:
    words = text.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def read(name: str) -> list[Utterance | Problem]:
    corpus = CORPORA[name]
    folder = corpus.find(REAL)
    assert folder is not None
    return list(parsers.parse(corpus, REAL, folder))


@pytest.mark.parametrize(("name", "folder"), FOLDERS.items())
def test_real_recordings_match_their_manifest(name, folder):
    with (REAL / "manifest.csv").open(encoding="utf-8", newline="") as file:
        wanted = {row["path"]: row for row in csv.DictReader(file) if row["corpus"] == folder}
    result = read(name)
    assert [row for row in result if isinstance(row, Problem)] == []
    assert [row.path for row in result] == sorted(wanted)
    assert len({row.name for row in result}) == len(result)
    for row in result:
        expected = wanted[row.path]
        code = TUREV_FOLDERS[row.emotion_raw] if name == "turevdb" else row.emotion_raw
        level = {"low": "LO", "medium": "MD", "high": "HI", None: "XX" if name == "cremad" else ""}
        message = {
            "speaker": row.speaker,
            "emotion_code": code,
            "emotion": CORPORA[name].emotions[row.emotion_raw],
            "gender": row.gender or "",
            "language": row.language,
            "intensity": level.get(row.emotion_intensity, row.emotion_intensity),
            "transcript": row.transcription,
        }
        noun = WORDS.get(expected["emotion"], expected["emotion"])
        assert message == {key: expected[key] for key in message} | {"emotion": noun}, row.path
        assert row.text_source == "script"


def test_real_votes_are_on_the_voice():
    result = {row.name: row for row in read("cremad")}
    assert result["1001_DFA_ANG_XX"].emotion_perceived == "A"
    assert result["1001_DFA_ANG_XX"].emotion_agreement == pytest.approx(6 / 9)
    assert result["1001_DFA_ANG_XX"].age == 51


def test_real_ages_come_from_the_list():
    assert {(row.speaker, row.age) for row in read("nemo")} == {
        ("EB0", 27),
        ("KD0", 28),
        ("KS0", 23),
        ("MK0", 23),
        ("MP0", 24),
        ("SM0", 24),
        ("WR0", 23),
    }


def test_real_lists_without_clips_are_text():
    result = read("meld")
    assert len(result) == 13_708
    assert not any(row.has_recording for row in result)
    assert all(row.transcription for row in result)


def test_real_listening_test_is_read():
    result = {row.name: row.emotion_vector for row in read("emodb")}
    assert result["03a01Fa"] == {"F": 0.9}
    assert all(vector for vector in result.values())


def test_real_lists_with_clips_have_the_published_counts(tmp_path):
    folder = tmp_path / "MELD.Raw"
    for split, place in (("train", "train/train_splits"), ("dev", "dev_splits_complete"), ("test", "test")):
        (folder / place).mkdir(parents=True)
        source = REAL / "MELD" / f"{split}_sent_emo.csv"
        (folder / source.name).symlink_to(source)
        with source.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                clip = folder / place / f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}.flac"
                clip.write_bytes(b"fLaC")
    result = list(parsers.parse(CORPORA["meld"], tmp_path, folder))
    assert all(isinstance(row, Utterance) for row in result)
    assert len({row.name for row in result}) == 13_708
    per_split = {s: Counter(r.emotion_raw for r in result if r.split_official == s) for s in MELD}
    assert per_split == {split: counts(text) for split, text in MELD.items()}
    assert Counter(row.emotion_raw for row in result) == CORPORA["meld"].expected_counts
    dialogues = {split: len({r.dialogue_id for r in result if r.split_official == split}) for split in MELD}
    assert dialogues == {"train": 1038, "validation": 114, "test": 280}
    assert len({row.speaker for row in result if row.split_official == "train"}) == 260
    assert not any(0x80 <= ord(letter) < 0xA1 for row in result for letter in row.transcription or "")
