"""EmoryNLP and IEMOCAP: lists of turns, their texts and votes, and their recordings."""

import os
from collections import Counter
from pathlib import Path

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers
from mer.corpora.parsers.iemocap_lists import transcripts
from mer.dataset.manifest import labels

EMORY = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n"
EVALUATION = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E4:\tNeutral; Anger;\t(curious; a bit)
C-F1:\tSadness;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[10.0000 - 11.0000]\tSes01F_impro01_F001\txxx\t[2.5000, 2.5000, 2.5000]
C-E2:\tHappiness;\t()
C-E3:\tHappiness; Excited;\t()
C-E4:\tNeutral state;\t()

[8.5000 - 9.0000]\tSes01F_impro01_M000\tfru\t[2.5000, 2.5000, 2.5000]
C-E2:\tFrustration;\t()
C-E4:\tAnger;\t()
"""
SPOKEN = """Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
Ses01F_impro01_M000 [008.5000-009.0000]: [LAUGHTER]
M: not a turn
Ses01F_impro01_MXX0 [009.0000-009.5000]: no recording
"""


def put(raw, path, data=b"RIFF"):
    (raw / path).parent.mkdir(parents=True, exist_ok=True)
    (raw / path).write_bytes(data.encode() if isinstance(data, str) else data)


def read(raw, name):
    return list(parsers.parse(CORPORA[name], raw, CORPORA[name].find(raw)))


def session(raw, root="IEMOCAP", evaluation=EVALUATION, turns=("F000", "F001", "M000")):
    put(raw, f"{root}/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", evaluation)
    put(raw, f"{root}/Session1/dialog/transcriptions/Ses01F_impro01.txt", SPOKEN)
    for turn in turns:
        put(raw, f"{root}/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_{turn}.wav")


def test_lines_of_emorynlp_are_rows_of_their_list(tmp_path):
    lines = "\"What, you?\",['Monica Geller'],Joyful,1,3,1,2,0,1\nHm.,\"['Ryan', 'Julie']\",Powerful,1,5,1,2,0,1\n"
    put(tmp_path, "EmoryNLP/emorynlp_dev_final.csv", EMORY + lines)
    first, second = read(tmp_path, "emorynlp")
    assert first == Utterance(
        name="s01_e02_c01_u003",
        path="EmoryNLP/emorynlp_dev_final.csv",
        speaker="Monica Geller",
        emotion_raw="Joyful",
        language="en",
        transcription="What, you?",
        text_source="human",
        dialogue_id="s01_e02_c01",
        episode="s01e02",
        turn_index=3,
        split_official="validation",
        has_recording=False,
    )
    assert second.speaker == "Ryan and Julie"
    assert CORPORA["emorynlp"].family == CORPORA["meld"].family


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Hi,['A'],Bored,1,1,1,2,0,1", "s01_e02_c01_u001: unknown label Bored"),
        ("Hi,['A'],0,1,1,1,2,0,1", "s01_e02_c01_u001: unknown label 0"),
        ("Hi,[],Sad,1,1,1,2,0,1", "s01_e02_c01_u001: no speaker"),
        ("Hi,['A'],Sad,x,1,1,2,0,1", "Season, Episode, Scene_ID and Utterance_ID must be whole numbers"),
        ("Hi,['A'],Sad", "expected 9 columns, found 3"),
    ],
)
def test_invalid_line_of_emorynlp_is_reported(tmp_path, line, reason):
    put(tmp_path, "EmoryNLP/emorynlp_train_final.csv", f"{EMORY}{line}\n")
    assert read(tmp_path, "emorynlp") == [Problem("EmoryNLP/emorynlp_train_final.csv", reason, line=2)]


def test_repeated_lines_and_lists_of_emorynlp_are_reported(tmp_path):
    put(tmp_path, "EmoryNLP/a/emorynlp_test_final.csv", EMORY + "Hi,['A'],Sad,1,1,1,2,0,1\n" * 2)
    put(tmp_path, "EmoryNLP/b/emorynlp_test_final.csv", EMORY)
    kept, twice, copy = read(tmp_path, "emorynlp")
    assert isinstance(kept, Utterance)
    assert (twice.line, twice.reason) == (3, "s01_e02_c01_u001: listed a second time")
    assert copy.reason == "duplicate copy of EmoryNLP/a/emorynlp_test_final.csv"


@pytest.mark.skipif(not os.environ.get("MER_REAL_CORPORA"), reason="MER_REAL_CORPORA is not set")
def test_emorynlp_has_the_published_counts():
    result = read(Path(os.environ["MER_REAL_CORPORA"]), "emorynlp")
    assert all(isinstance(row, Utterance) for row in result)
    assert len({row.name for row in result}) == 9489
    assert Counter(row.emotion_raw for row in result) == CORPORA["emorynlp"].expected_counts
    assert Counter(row.split_official for row in result) == {"train": 7551, "validation": 954, "test": 984}


@pytest.mark.parametrize("root", ["IEMOCAP", "IEMOCAP/IEMOCAP_full_release", "IEMOCAP_full_release"])
def test_iemocap_joins_labels_texts_and_recordings(tmp_path, root):
    session(tmp_path, root)
    put(tmp_path, f"{root}/Session1/dialog/wav/Ses01F_impro01.wav")
    put(tmp_path, f"{root}/Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt", b"\0\5\26\7")
    put(tmp_path, f"{root}/Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt", "[rubbish")
    f000, f001, m000 = read(tmp_path, "iemocap")
    assert f000 == Utterance(
        name="Ses01F_impro01_F000",
        path=f"{root}/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        speaker="Ses01F",
        emotion_raw="neu",
        gender="female",
        language="en",
        emotion_perceived="neu",
        emotion_agreement=1.0,
        emotion_vector={"ang": 1 / 3, "neu": 2 / 3},
        transcription="Excuse me.",
        text_source="human",
        session="Ses01",
        dialogue_id="Ses01F_impro01",
        turn_index=0,
    )
    assert (f001.emotion_raw, f001.emotion_perceived) == ("xxx", "hap")
    assert f001.emotion_agreement == pytest.approx(2 / 3)
    assert (f001.turn_index, m000.turn_index) == (2, 1)
    # the prefix says who wears the markers, not who speaks
    assert (m000.speaker, m000.gender, m000.emotion_perceived) == ("Ses01M", "male", None)
    assert (m000.transcription, m000.text_source) == (None, "none")


def test_iemocap_turns_have_the_half_of_the_dialogues_video_that_shows_their_speaker(tmp_path):
    session(tmp_path)
    put(tmp_path, "IEMOCAP/Session1/dialog/avi/DivX/Ses01F_impro01.avi")
    put(tmp_path, "IEMOCAP/Session1/dialog/avi/DivX/._Ses01F_impro01.avi")
    f000, f001, m000 = read(tmp_path, "iemocap")
    assert {row.video for row in (f000, f001, m000)} == {"IEMOCAP/Session1/dialog/avi/DivX/Ses01F_impro01.avi"}
    assert (f000.video_start, f000.video_end, f000.video_half) == (6.2901, 8.2357, "left")  # she wears the markers
    assert (m000.video_start, m000.video_end, m000.video_half) == (8.5, 9.0, "right")
    assert (f000.start, f000.end) == (None, None)  # its audio is a file of its own


def test_iemocap_the_actor_with_the_markers_is_in_the_left_half(tmp_path):
    for turn in ("Ses05M_script01_1b_F003", "Ses05M_script01_1b_M004"):
        put(tmp_path, f"IEMOCAP/{turn}.wav")
    lines = (
        "[1.0 - 2.0]\tSes05M_script01_1b_F003\tsad\t[1, 1, 1]\n[2.0 - 3.0]\tSes05M_script01_1b_M004\tsad\t[1, 1, 1]\n"
    )
    put(tmp_path, "IEMOCAP/EmoEvaluation/Ses05M_script01_1b.txt", lines)
    put(tmp_path, "IEMOCAP/Ses05M_script01_1b.avi")
    assert {row.name[-4]: row.video_half for row in read(tmp_path, "iemocap")} == {"F": "right", "M": "left"}


def test_iemocap_without_its_video_keeps_the_turn(tmp_path):
    session(tmp_path)
    put(tmp_path, "IEMOCAP/Session1/dialog/avi/DivX/Ses01F_impro01.avi", b"")
    put(tmp_path, "IEMOCAP/Session1/dialog/avi/DivX/other.avi")
    result = read(tmp_path, "iemocap")
    assert [row.video_half for row in result if isinstance(row, Utterance)] == [None] * 3
    [problem] = [row for row in result if isinstance(row, Problem)]
    assert (problem.reason.split(" (")[0], problem.utterance_lost) == ("empty file", False)


def test_iemocap_scripted_turns_name_their_script(tmp_path):
    turn = "Ses05M_script01_1b_F003"
    put(tmp_path, f"IEMOCAP/EmoEvaluation/{turn[:-5]}.txt", f"[1.0 - 2.0]\t{turn}\tsad\t[1.0, 1.0, 1.0]\r\n")
    put(tmp_path, f"IEMOCAP/{turn}.wav")
    (result,) = read(tmp_path, "iemocap")
    assert (result.sentence_id, result.session, result.speaker) == ("script01_1b", "Ses05", "Ses05F")


def test_iemocap_reports_file_and_line_of_contradictions(tmp_path):
    wrong = (
        "[1.0 - 2.0]\tSes01F_impro01_F000\tjoy\t[1, 1, 1]\n"
        "C-E1:\tBliss;\t()\n"
        "[1.0 - 2.0]\tsomething\n"
        "[3.0 - 4.0]\tSes01F_impro01_F002\tsad\t[1, 1, 1]\n"
        "[3.0 - 4.0]\tSes01F_impro01_F002\tang\t[1, 1, 1]\n"
    )
    session(tmp_path, evaluation=wrong, turns=("F000", "F009"))
    place = "IEMOCAP/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    result = read(tmp_path, "iemocap")
    assert all(isinstance(row, Problem) for row in result)
    assert [(row.line, row.reason.split(" such as")[0]) for row in result if row.path == place] == [
        (1, "Ses01F_impro01_F000: unknown label joy"),
        (2, "Ses01F_impro01_F000: unknown vote bliss"),
        (3, "expected a line"),
        (4, "Ses01F_impro01_F002: no audio"),
        (5, "Ses01F_impro01_F002: listed a second time"),
    ]
    assert result[-1].reason == "no label: not listed in dialog/EmoEvaluation"


def test_nested_copies_of_iemocap_are_reported(tmp_path):
    session(tmp_path)
    session(tmp_path, "IEMOCAP/copy")
    result = read(tmp_path, "iemocap")
    assert sum(isinstance(row, Utterance) for row in result) == 3
    assert sum(row.reason.startswith("duplicate copy of") for row in result if isinstance(row, Problem)) == 5


@pytest.mark.parametrize(("policy", "total"), [("primary4", 5531), ("iemocap6", 7380)])
def test_policies_select_the_usual_utterances_of_iemocap(policy, total):
    corpus = CORPORA["iemocap"]
    mapped = labels.mapping(policy, "iemocap", corpus.emotions).classes
    assert sum(corpus.expected_counts.values()) == 10_039
    assert sum(count for native, count in corpus.expected_counts.items() if mapped[native]) == total


@pytest.mark.parametrize(
    ("spoken", "words"),
    [
        ("[LAUGHTER] That's [BREATHING] it.", "That's it."),
        ("[garbage] who knows?", "who knows?"),
        ("[laughter]", ""),
        ("[GARBAGE].", ""),
        ("911.", "911."),
    ],
)
def test_transcripts_of_iemocap_have_words_only(spoken, words):
    assert transcripts(f"Ses04F_impro03_F052 [1.0-2.0]: {spoken}\n".encode()) == {"Ses04F_impro03_F052": words}
