"""AFEW and CMU-MOSEI: clips in folders, and scores from 0 to 3 that become one label."""

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers
from mer.corpora.parsers.mosei_lists import SCORES

SEGMENTS = "vid_-1___0___-0.05___2.5___Hello.\nvid_-1___1___2.5___4.0______It is me.\n"
HEADER = f"video,start,end,sentiment,{','.join(SCORES)}"
FOLDS = 'standard_train_fold = ["vid_-1"]\nstandard_valid_fold=["other"]\nstandard_test_fold=[]\nimport os\n'


def put(raw, path, data=b"RIFF"):
    (raw / path).parent.mkdir(parents=True, exist_ok=True)
    (raw / path).write_bytes(data.encode() if isinstance(data, str) else data)


def read(raw, name):
    return list(parsers.parse(CORPORA[name], raw, CORPORA[name].find(raw)))


def mosei(raw, *rows, header=HEADER, split=True):
    put(raw, "CMU-MOSEI/labels.csv", "\n".join((header, *rows, "")))
    put(raw, "CMU-MOSEI/Raw/Transcript/Segmented/Combined/vid_-1.txt", SEGMENTS)
    if split:
        put(raw, "CMU-MOSEI/cmu_mosei_std_folds.py", FOLDS)


@pytest.mark.parametrize("top", ["", "AFEW/"])
@pytest.mark.parametrize("suffix", ["avi", "mp4"])
def test_afew_folders_are_labels_and_splits(tmp_path, top, suffix):
    put(tmp_path, f"AFEW/{top}Train_AFEW/Angry/000046280.{suffix}")
    put(tmp_path, f"AFEW/{top}Val_AFEW/Surprise/000046280.{suffix}")
    train, val = read(tmp_path, "afew")
    assert (train.name, train.emotion_raw, train.split_official) == ("train_000046280", "Angry", "train")
    assert (val.name, val.emotion_raw, val.split_official) == ("dev_000046280", "Surprise", "validation")
    assert train.speaker != val.speaker


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("Train_AFEW/Contempt/1.avi", "unknown label Contempt"),
        ("Train_AFEW/1.avi", "expected a path such as Train_AFEW/Angry"),
        ("Angry/1.avi", "no folder above it says train or val"),
        ("Test_vid_Distributed/1.avi", "withheld"),
    ],
)
def test_afew_reports_unknown_paths(tmp_path, path, reason):
    put(tmp_path, f"AFEW/{path}")
    (result,) = read(tmp_path, "afew")
    assert (result.path, reason in result.reason) == (f"AFEW/{path}", True)


def test_clip_of_afew_under_two_labels_has_none(tmp_path):
    for emotion in ("Angry", "Sad"):
        put(tmp_path, f"AFEW/Val_AFEW/{emotion}/1.avi")
    assert [row.reason for row in read(tmp_path, "afew")] == [
        "two labels: the same clip is in Sad, too",
        "two labels: the same clip is in Angry, too",
    ]


def test_afew_reads_audio_files_and_recognised_text(tmp_path):
    for suffix in ("avi", "wav"):
        put(tmp_path, f"AFEW/Val_AFEW/Fear/000000001.{suffix}")
    put(tmp_path, "AFEW/Val_AFEW/AlignedFaces_LBPTOP_Points/Faces/000000001/0.jpg")
    table = ",name_file,subset,emo,text\n0,000000001.avi,Val_AFEW,Fear,run\n1,000000001.avi,elsewhere,Fear,no\n"
    put(tmp_path, "AFEW/df_text_AFEW.csv", table)
    result, message = read(tmp_path, "afew")
    assert (result.path, result.transcription, result.text_source) == ("AFEW/Val_AFEW/Fear/000000001.wav", "run", "asr")
    assert (message.line, message.reason) == (3, "subset elsewhere is neither train nor val")


def test_afew_has_the_published_numbers():
    assert sum(CORPORA["afew"].expected_counts.values()) == 773 + 383


def test_segments_of_mosei_are_matched_by_time(tmp_path):
    mosei(tmp_path, "vid_-1,2.5,4.0,1,0,0.6667,0,0,0,0", "vid_-1,-0.05,2.5,0,0,0,0,0,0,0")
    put(tmp_path, "CMU-MOSEI/Raw/Audio/Full/WAV_16000/vid_-1.wav")
    none, sad = sorted(read(tmp_path, "mosei"), key=lambda row: row.name)
    assert sad == Utterance(
        name="vid_-1_1",
        path="CMU-MOSEI/Raw/Audio/Full/WAV_16000/vid_-1.wav",
        speaker="vid_-1",
        emotion_raw="sad",
        emotion_vector={"sad": 0.6667},
        language="en",
        transcription="It is me.",
        text_source="human",
        dialogue_id="vid_-1",
        turn_index=1,
        split_official="train",
        start=2.5,
        end=4.0,
    )
    assert (none.emotion_raw, none.start, none.end) == ("none", 0.0, 2.5)


def test_segments_of_mosei_may_be_separate_files(tmp_path):
    mosei(tmp_path, "vid_-1,2.5,4.0,1,0.6667,0.6667,0,0,0,0")
    put(tmp_path, "CMU-MOSEI/Raw/Videos/Segmented/Combined/vid_-1_1.mp4")
    (tie,) = read(tmp_path, "mosei")
    assert (tie.emotion_raw, tie.start, tie.end) == ("tie", None, None)
    assert tie.path.endswith("vid_-1_1.mp4")


def test_raters_of_mosei_are_averaged_and_the_published_table_has_precedence(tmp_path):
    raters = "Input.VIDEO_ID,Input.CLIP," + ",".join(f"Answer.{name}" for name in (*SCORES, "sentiment"))
    raters = raters.replace("happy", "happiness").replace(".sad,", ".sadness,")
    rows = ("vid_-1,1,1,0,0,0,0,0,1", "vid_-1,1,0,0,3,0,0,0,1")
    mosei(tmp_path, *rows, header=raters)
    put(tmp_path, "CMU-MOSEI/vid_-1.wav")
    (result,) = read(tmp_path, "mosei")
    assert (result.emotion_raw, result.start, result.end) == ("anger", 2.5, 4.0)
    put(tmp_path, "CMU-MOSEI/published.csv", f"{HEADER}\nvid_-1,2.5,4.0,0,0,0,0,0,0,3\n")
    (result,) = read(tmp_path, "mosei")
    assert result.emotion_raw == "fear"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("vid_-1,2.5,4.0,1,x,0,0,0,0,0", "happy 'x' is not a number from 0 to 3"),
        ("vid_-1,2.5,4.0,1,nan,0,0,0,0,0", "happy 'nan' is not a number from 0 to 3"),
        ("vid_-1,2.5,4.0,1,4,0,0,0,0,0", "happy '4' is not a number from 0 to 3"),
        ("vid_-1,2.5,4.0,1,-1,0,0,0,0,0", "happy '-1' is not a number from 0 to 3"),
        ("vid_-1,4.0,2.5,1,1,0,0,0,0,0", "neither a clip number nor start and end in seconds"),
        (",2.5,4.0,1,1,0,0,0,0,0", "no video"),
        ("else,2.5,4.0,1,1,0,0,0,0,0", "else_2500ms: no audio"),
    ],
)
def test_invalid_line_of_mosei_is_reported(tmp_path, row, reason):
    mosei(tmp_path, row)
    (result,) = read(tmp_path, "mosei")
    assert result == Problem("CMU-MOSEI/labels.csv", reason, line=2)


def test_mosei_refuses_tables_without_neutral_rows(tmp_path):
    mosei(
        tmp_path, "0,vid_-1,0,0.0,2.5,1,1,0,3,train", header=",file,index,start,end,label2a,label2b,label6,label7,split"
    )
    (result,) = read(tmp_path, "mosei")
    assert result.reason.startswith("not a table of emotion scores: no column happy, sad")


def test_mosei_reports_missing_lists(tmp_path):
    mosei(tmp_path, "vid_-1,2.5,4.0,1,1,0,0,0,0,0", "vid_-1,2.5,4.0,1,0,1,0,0,0,0", split=False)
    put(tmp_path, "CMU-MOSEI/CMU_MOSEI_Labels.csd", b"\x89HDF")
    put(tmp_path, "CMU-MOSEI/a/vid_-1.wav")
    put(tmp_path, "CMU-MOSEI/unrated.wav")
    message = [row.reason for row in read(tmp_path, "mosei") if isinstance(row, Problem)]
    assert [reason.split(":")[0] for reason in message] == [
        "no list gives the split",
        "HDF5 is not read",
        "vid_-1_1",
        "not listed in a table of emotion scores",
    ]


def test_mosei_row_number_is_not_used_for_other_times(tmp_path):
    mosei(tmp_path, f"vid_-1,0,9.0,9.5,{','.join('100000')}", header=f"video,clip,start,end,{','.join(SCORES)}")
    put(tmp_path, "CMU-MOSEI/vid_-1.wav")
    (result,) = read(tmp_path, "mosei")
    assert (result.name, result.transcription, result.start) == ("vid_-1_9000ms", None, 9.0)


@pytest.mark.parametrize(
    "text", ["import os; os.mkdir('x')", "a = [", "\0", "standard_train_fold = open('x')", "standard_train_fold = []"]
)
def test_folds_of_mosei_are_not_executed(tmp_path, text):
    mosei(tmp_path, "vid_-1,2.5,4.0,1,1,0,0,0,0,0")
    put(tmp_path, "CMU-MOSEI/vid_-1.wav")
    put(tmp_path, "CMU-MOSEI/cmu_mosei_std_folds.py", text)
    result = read(tmp_path, "mosei")
    assert [row.split_official for row in result if isinstance(row, Utterance)] == [None]
    message = [row.reason for row in result if isinstance(row, Problem)]
    assert [reason[:12] for reason in message] == ["no list give", "no lists of "]
    assert not (tmp_path / "x").exists()
