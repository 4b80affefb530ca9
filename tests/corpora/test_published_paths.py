"""Corpora whose labels are in paths, compared with real paths and labels of public lists (published_lists.py)."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers
from tests.corpora.published_lists import (
    AS_LISTED,
    LISTS,
    Known,
    Row,
    check,
    clone,
    copy,
    emobox,
    emotion_name,
    lay_out,
    needs_lists,
    nkululeko,
    table_of,
    tracked,
)

pytestmark = needs_lists

OTHER_HALF = "{}: 17500 clips of the {}: another corpus of the family, not read"
EMOBOX = {
    "aesdd": ("aesdd", AS_LISTED),
    "cafe": ("cafe", AS_LISTED),
    "cremad": (
        "cremad",
        Known(
            unread=lambda row: "1076_MTI_SAD_XX" in row.path,
            message=("CREMA-D/AudioWAV/1076_MTI_SAD_XX.wav: the recording is silent in the published corpus",),
            absent={"SAD": 1},
        ),
    ),
    "emodb": ("emodb", Known(mend=lambda row: replace(row, speaker=row.speaker[-2:], gender=row.speaker[:-3]))),
    # the second takes of six sentences are not listed
    "emovdb": ("emovdb", Known(absent={"Amused": 2, "Angry": 1, "Neutral": 2, "Sleepy": 1})),
    "emovo": ("emovo", AS_LISTED),
    "esd": (
        "esd",
        Known(
            unread=lambda row: row.speaker <= "0010",
            message=(OTHER_HALF.format("ESD", "Mandarin speakers 0001 to 0010"),),
        ),
    ),
    "esd_mandarin": (
        "esd",
        Known(
            unread=lambda row: row.speaker > "0010",
            message=(OTHER_HALF.format("ESD Mandarin", "English speakers 0011 to 0020"),),
        ),
    ),
    "jl": ("jlcorpus", Known(mend=lambda row: replace(row, speaker=row.speaker.rpartition("/")[2]))),
    "mead": ("mead", AS_LISTED),
    # who speaks is not told, only whether it is a woman, a man or a child
    "mesd": ("mesd", Known(mend=lambda row: replace(row, speaker=row.speaker[0], gender=row.speaker.lower()))),
    "ravdess": ("ravdess", AS_LISTED),
    "savee": ("savee", AS_LISTED),
    "shemo": ("shemo", Known(absent=None)),  # the clips that have a transcript
    "subesco": ("subesco", Known(mend=lambda row: replace(row, speaker=f"{row.speaker[0]}_{row.speaker[-2:]}"))),
    "tess": ("tess", AS_LISTED),
    "turevdb": ("turevdb", AS_LISTED),
    "urdu": ("urdu", AS_LISTED),
}
"""our name of a corpus -> EmoBox's, and what is known of its list"""

NKULULEKO = {
    "emovdb": ("emov-db/emov-db.csv",),
    "ravdess": ("ravdess/ravdess.csv",),
    "savee": ("savee/savee_test.csv", "savee/savee_train.csv"),
    "shemo": ("shemo/shemo.csv",),
}
"""a second list where EmoBox's is not complete or has another layout"""

SONG_EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear")
KEYWORDS = {"bacho", "go", "help", "no", "stop", "yes"}
NOBODY = "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"
"""The speaker id of all EmoSpeech-IN recordings of unidentified speakers."""
AFEW_LISTS = {"afew_train.txt": ("Train_AFEW", "train"), "afew_eval.txt": ("Val_AFEW", "validation")}


@pytest.mark.parametrize("name", EMOBOX)
def test_paths_and_labels_of_emobox_are_read(name, tmp_path):
    theirs, known = EMOBOX[name]
    rows = [known.mend(row) for row in emobox(theirs)]
    lay_out(tmp_path / CORPORA[name].folders[0], (row.path for row in rows))
    check(name, tmp_path, rows, known)


@pytest.mark.parametrize("name", NKULULEKO)
def test_paths_and_labels_of_nkululeko_are_read(name, tmp_path):
    rows = list(nkululeko(*NKULULEKO[name]))
    lay_out(tmp_path / CORPORA[name].folders[0], (row.path for row in rows))
    check(name, tmp_path, rows)


def test_paths_of_ravdess_song_are_read(tmp_path):
    rows = []
    for path in (path.removeprefix("archive/") for path in tracked("ravdess_song") if path.endswith(".wav")):
        code = int(Path(path).stem.split("-")[2])
        rows.append(Row(path, SONG_EMOTIONS[code - 1], Path(path).parent.name.removeprefix("Actor_")))
    lay_out(tmp_path / "RAVDESS song", (row.path for row in rows))
    check("ravdess_song", tmp_path, rows)


def test_paths_of_emospeechin_are_read(tmp_path):
    paths = [path for path in tracked("emospeech-dataset-v1") if path.endswith(".wav")]
    lay_out(tmp_path / "EmoSpeech-IN", paths)
    rows = []
    for path in paths:
        keyword, _, emotion, _, speaker = Path(path).stem.split("-")
        if keyword in KEYWORDS and speaker != NOBODY:
            rows.append(Row(path, emotion_name(emotion), speaker[:12]))
    left_out = {f"EmoSpeech-IN/{path}" for path in paths} - {f"EmoSpeech-IN/{row.path}" for row in rows}
    result = parsers.parse(CORPORA["emospeechin"], tmp_path, tmp_path / "EmoSpeech-IN")
    message = {row.path: row.reason for row in result if isinstance(row, Problem)}
    assert set(message) == left_out
    check("emospeechin", tmp_path, rows, Known(message=tuple(f"{path}: {reason}" for path, reason in message.items())))


def test_paths_of_afew_are_read(tmp_path):
    rows = []
    for name, (folder, split) in AFEW_LISTS.items():
        for line in clone("Emotion-FAN", "data", "txt", name).read_text(encoding="utf-8").splitlines():
            path, label = line.split()
            rows.append(Row(f"{folder}/{path}.avi", emotion_name(label), split=split))
    lay_out(tmp_path / "AFEW", (row.path for row in rows))
    # four clips of the 1,156 are not listed
    check("afew", tmp_path, rows, Known(absent={"Fear": 1, "Happy": 2, "Neutral": 1}))


def test_cremad_from_git_has_pointers_only():
    clone("CREMA-D", "AudioWAV")
    result = list(parsers.parse(CORPORA["cremad"], LISTS, LISTS / "CREMA-D"))
    assert Counter(row.reason.split(",")[0] for row in result) == {"Git-LFS pointer": 7442}


def test_votes_and_actors_of_cremad_are_read(tmp_path):
    folder = tmp_path / "CREMA-D"
    lay_out(folder, (f"AudioWAV/{path.name}" for path in clone("CREMA-D", "AudioWAV").iterdir()))
    for name in ("VideoDemographics.csv", "processedResults/tabulatedVotes.csv"):
        copy(clone("CREMA-D", name), folder / name)
    actors = {row["ActorID"]: row for row in table_of("CREMA-D", "VideoDemographics.csv")}
    summary = {row["FileName"]: row["VoiceVote"] for row in table_of("CREMA-D", "processedResults", "summaryTable.csv")}
    voices = {
        row["fileName"]: row
        for row in table_of("CREMA-D", "processedResults", "tabulatedVotes.csv")
        if row[""].startswith("1")
    }
    result = [row for row in parsers.parse(CORPORA["cremad"], tmp_path, folder) if isinstance(row, Utterance)]
    assert {row.name for row in result} == set(summary) - {"1076_MTI_SAD_XX"}
    for row in result:
        assert row.emotion_perceived == (summary[row.name] if len(summary[row.name]) == 1 else None), row.name
        assert row.emotion_agreement in (None, pytest.approx(float(voices[row.name]["agreement"]))), row.name
        counts = {letter: int(voices[row.name][letter]) for letter in "ADFHNS"}
        shares = {letter: count / int(voices[row.name]["numResponses"]) for letter, count in counts.items() if count}
        assert row.emotion_vector == pytest.approx(shares), row.name
        assert (row.age, row.gender) == (int(actors[row.speaker]["Age"]), actors[row.speaker]["Sex"].lower())
    level = sum(row.emotion_perceived is None for row in result)
    print(f"cremad: votes on {len(result)} voices, {level} of them level; age and sex of {len(actors)} actors")
