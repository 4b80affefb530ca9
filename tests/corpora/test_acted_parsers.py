"""TESS, SAVEE, EmoV-DB, RAVDESS song, ESD Mandarin and MEAD: real names, both layouts, and foreign files."""

from collections import Counter

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers
from mer.corpora.parsers.esd import MANDARIN, transcripts

STUB = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"

LAYOUTS = {
    "tess": ("TESS/OAF_Fear/OAF_back_fear.wav", "TESS/TESS set data/OAF_Fear/OAF_back_fear.wav"),
    "savee": ("SAVEE/ALL/DC_su01.wav", "SAVEE/AudioData/DC/su01.wav"),
    "emovdb": ("EmoV-DB/bea_Sleepy/sleepiness_1-28_0022.wav", "EmoV-DB/sorted/bea/Sleepy/sleepiness_1-28_0022.wav"),
    "ravdess_song": (
        "RAVDESS song/Actor_01/03-02-06-01-02-01-01.wav",
        "RAVDESS song/Audio_Song_Actors_01-24/Actor_01/03-02-06-01-02-01-01.wav",
    ),
    "esd_mandarin": ("ESD/0001/Angry/0001_000351.wav", "ESD/0001/Angry/test/0001_000351.wav"),
    "mead": ("MEAD/M040/audio/neutral/level_1/034.m4a", "MEAD/M040/M040/audio/neutral/level_1/034.m4a"),
}
UNKNOWN = {
    "tess": "TESS/OAF_back_bored.wav",
    "savee": "SAVEE/ALL/DC_x01.wav",
    "emovdb": "EmoV-DB/bea_Amused/bored_1-28_0022.wav",
    "ravdess_song": "RAVDESS song/03-02-07-01-02-01-01.wav",
    "esd_mandarin": "ESD/0001/0001_001751.wav",
    "mead": "MEAD/M040/audio/calm/level_1/034.m4a",
}


def put(raw, *paths, data=b"RIFF"):
    for path in paths:
        (raw / path).parent.mkdir(parents=True, exist_ok=True)
        (raw / path).write_bytes(data)


def read(raw, name):
    corpus = CORPORA[name]
    folder = next(p for p in sorted(raw.iterdir()) if p.is_dir())
    return list(parsers.parse(corpus, raw, folder))


def single_item(raw, name):
    (result,) = read(raw, name)
    return result


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in LAYOUTS.items() for path in paths])
def test_both_layouts_are_read(tmp_path, name, path):
    put(tmp_path, path)
    result = single_item(tmp_path, name)
    assert isinstance(result, Utterance)
    assert result.path == path
    assert CORPORA[name].find(tmp_path) == tmp_path / path.split("/")[0]


@pytest.mark.parametrize("name", LAYOUTS)
def test_nested_copy_is_reported_and_counted_once(tmp_path, name):
    put(tmp_path, *LAYOUTS[name])
    first, second = sorted(LAYOUTS[name])
    kept, outcome = read(tmp_path, name)
    assert (kept.path, outcome) == (first, Problem(second, f"duplicate copy of {first}", utterance_lost=False))


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_label_is_a_problem_that_names_the_file(tmp_path, name):
    put(tmp_path, UNKNOWN[name])
    result = single_item(tmp_path, name)
    assert isinstance(result, Problem)
    assert (result.path, result.reason.startswith("unknown label")) == (UNKNOWN[name], True)


@pytest.mark.parametrize("name", LAYOUTS)
def test_pointer_is_a_problem_and_recording_of_zero_bytes_is_an_utterance(tmp_path, name):
    put(tmp_path, LAYOUTS[name][0], data=STUB)
    problem = single_item(tmp_path, name)
    assert isinstance(problem, Problem)
    assert "git lfs pull" in problem.reason
    put(tmp_path, LAYOUTS[name][0], data=b"")
    assert isinstance(single_item(tmp_path, name), Utterance)


@pytest.mark.parametrize("name", LAYOUTS)
def test_folder_with_a_wrongly_encoded_name_is_reported(tmp_path, name):
    folder, _, place = LAYOUTS[name][0].partition("/")
    put(tmp_path, f"{folder}/top/{place}")
    (tmp_path / folder / "top").rename((bytes(tmp_path / folder) + b"/t\xffp").decode("utf-8", "surrogateescape"))
    result = single_item(tmp_path, name)
    assert result.path.encode("utf-8") == f"{folder}/t\\xffp/{place}".encode()
    assert "not UTF-8" in result.reason


@pytest.mark.parametrize("name", LAYOUTS)
def test_foreign_files_are_ignored_and_unknown_names_are_reported(tmp_path, name):
    folder, _, place = LAYOUTS[name][0].partition("/")
    parents, _, file = place.rpartition("/")
    put(tmp_path, f"{folder}/{parents}/._{file}", f"{folder}/__MACOSX/{place}", f"{folder}/.DS_Store")
    assert read(tmp_path, name) == []
    put(tmp_path, f"{folder}/recording 1.wav")
    assert single_item(tmp_path, name).reason.startswith("expected a ")


@pytest.mark.parametrize(
    ("name", "total", "speakers"),
    [
        ("tess", 2800, 2),
        ("savee", 480, 4),
        ("emovdb", 6893, 4),
        ("ravdess_song", 1012, 23),
        ("esd_mandarin", 17500, 10),
        ("mead", 31729, 48),
    ],
)
def test_corpora_have_the_published_numbers(name, total, speakers):
    corpus = CORPORA[name]
    assert (sum(corpus.expected_counts.values()), corpus.speakers) == (total, speakers)
    assert set(corpus.expected_counts) == set(corpus.emotions)


def test_tess_uses_the_file_name_and_corrects_a_speaker(tmp_path):
    put(tmp_path, "TESS/YAF_pleasant_surprised/YAF_youth_ps.wav", "TESS/OAF_neutral/OA_bite_neutral.wav")
    older, younger = read(tmp_path, "tess")
    assert (older.name, older.speaker, older.age, older.emotion_raw) == ("OAF_bite_neutral", "OAF", 64, "neutral")
    assert (younger.speaker, younger.age, younger.gender, younger.emotion_raw) == ("YAF", 26, "female", "ps")
    assert (younger.transcription, younger.sentence_id) == ("Say the word youth", "youth")


def test_tess_reports_one_clip_under_two_spellings(tmp_path):
    put(tmp_path, "TESS/a/OA_bite_neutral.wav", "TESS/b/OAF_bite_neutral.wav")
    kept, outcome = read(tmp_path, "tess")
    assert kept.path == "TESS/a/OA_bite_neutral.wav"
    assert outcome.reason == "duplicate copy of TESS/a/OA_bite_neutral.wav"


@pytest.mark.parametrize(("path", "emotion"), [("DC/sa01", "sa"), ("JE/s01", None), ("KL/su15", "su"), ("JK/a01", "a")])
def test_savee_codes_of_one_and_two_letters(tmp_path, path, emotion):
    put(tmp_path, f"SAVEE/AudioData/{path}.wav")
    result = single_item(tmp_path, "savee")
    assert getattr(result, "emotion_raw", None) == emotion


def test_savee_distinguishes_equal_file_names_of_two_speakers(tmp_path):
    put(tmp_path, "SAVEE/AudioData/DC/n30.wav", "SAVEE/AudioData/KL/n30.wav")
    assert [(row.name, row.gender, row.transcription) for row in read(tmp_path, "savee")] == [
        ("DC_n30", "male", None),
        ("KL_n30", "male", None),
    ]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("a01.wav", "which speaker"), ("DC/JE_a01.wav", "the folder says speaker DC, the file name JE")],
)
def test_savee_reports_files_without_a_speaker(tmp_path, path, reason):
    put(tmp_path, f"SAVEE/{path}")
    assert reason in single_item(tmp_path, "savee").reason


@pytest.mark.parametrize(
    ("path", "name", "emotion"),
    [
        ("bea_Amused/amused_1-28_0022", "bea_amused_1-28_0022", "Amused"),
        ("jenie/Disgusted/Disgust_57-84_0057", "jenie_Disgust_57-84_0057", "Disgust"),
        ("sam_Angry/anger_57_84_0057", "sam_anger_57_84_0057", "Angry"),
        ("josh_Sleepy/sleepiness_1-28_0560", "josh_sleepiness_1-28_0560", "Sleepy"),
        ("bea/Neutral_1-28_0001", "bea_Neutral_1-28_0001", "Neutral"),
    ],
)
def test_names_of_emovdb_are_read(tmp_path, path, name, emotion):
    put(tmp_path, f"EmoV-DB/{path}.wav")
    result = single_item(tmp_path, "emovdb")
    assert (result.name, result.emotion_raw, result.sentence_id) == (name, emotion, name[-4:])


def test_emovdb_has_two_takes_and_the_sentences_of_set_a(tmp_path):
    put(tmp_path, "EmoV-DB/bea_Amused/amused_1-28_0022.wav", "EmoV-DB/bea_Amused/amused_1-56_0022.wav")
    lines = '( arctic_a0022 "Hardly were our plans made public." )\n( arctic_b0022 "Something else." )\nnonsense\n'
    put(tmp_path, "EmoV-DB/cmuarctic.data", data=lines.encode())
    result = read(tmp_path, "emovdb")
    assert [row.name for row in result] == ["bea_amused_1-28_0022", "bea_amused_1-56_0022"]
    assert {(row.transcription, row.text_source) for row in result} == {
        ("Hardly were our plans made public.", "script"),
    }


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("bea_Angry/amused_1-28_0022.wav", "the folder says Angry, the file name Amused"),
        ("bea_Bored/amused_1-28_0022.wav", "unknown label Bored"),
        ("Amused/amused_1-28_0022.wav", "no folder above it says which speaker"),
    ],
)
def test_emovdb_reports_contradictions_of_folder_and_name(tmp_path, path, reason):
    put(tmp_path, f"EmoV-DB/{path}")
    assert single_item(tmp_path, "emovdb").reason.startswith(reason)


def test_speech_and_song_in_one_folder_are_two_corpora(tmp_path):
    put(tmp_path, "RAVDESS/speech/03-01-06-01-02-01-02.wav")
    assert CORPORA["ravdess_song"].find(tmp_path) is None
    put(tmp_path, "RAVDESS/song/03-02-06-02-02-01-02.wav")
    assert CORPORA["ravdess_song"].find(tmp_path) == CORPORA["ravdess"].find(tmp_path) == tmp_path / "RAVDESS"
    outcome, song = read(tmp_path, "ravdess_song")
    assert outcome == Problem(
        "RAVDESS", "1 clips of speech: another corpus of the family, not read", utterance_lost=False
    )
    assert (song.name, song.gender, song.emotion_intensity) == ("03-02-06-02-02-01-02", "female", "strong")
    assert {row.path.split("/")[1] for row in read(tmp_path, "ravdess") if isinstance(row, Utterance)} == {"speech"}


def test_song_is_found_beside_the_speech_folder(tmp_path):
    put(tmp_path, "Audio_Song_Actors_01-24/Actor_01/03-02-01-01-01-01-01.wav", "RAVDESS/03-01-01-01-01-01-01.wav")
    assert CORPORA["ravdess_song"].find(tmp_path).name == "Audio_Song_Actors_01-24"
    assert CORPORA["ravdess"].find(tmp_path).name == "RAVDESS"


def test_halves_of_esd_are_separate_corpora(tmp_path):
    put(tmp_path, "ESD/0011/Angry/0011_000351.wav")
    assert CORPORA["esd_mandarin"].find(tmp_path) is None
    put(tmp_path, "ESD/0009/Sad/0009_001051.wav", "ESD/0010/Sad/0010_001051.wav")
    assert CORPORA["esd_mandarin"].find(tmp_path) == tmp_path / "ESD"
    mandarin = read(tmp_path, "esd_mandarin")
    assert {row.speaker: row.gender for row in mandarin[1:]} == {"0009": "female", "0010": "male"}
    assert {row.language for row in mandarin[1:]} == {"zh"}
    assert mandarin[0].reason.startswith("1 clips of the English speakers 0011 to 0020")
    assert [row.speaker for row in read(tmp_path, "esd") if isinstance(row, Utterance)] == ["0011"]
    assert CORPORA["esd"].family == CORPORA["esd_mandarin"].family


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gb2312", "gb18030"])
@pytest.mark.parametrize("label", ["Neutral", "中立"])
def test_mandarin_lists_are_read_in_their_encodings(code, label):
    lines = f"0001_000001\t打远一看,它们的确很是美丽。\t{label}\r\n0001_000002  真的。  {label}\r\n"
    assert transcripts(lines.encode(code), MANDARIN.encodings) == {
        "0001_000001": "打远一看,它们的确很是美丽。",
        "0001_000002": "真的。",
    }


def test_mead_prefers_audio_files_to_the_frontal_view(tmp_path):
    for view in ("front", "down", "left_30"):
        put(tmp_path, f"MEAD/W009/video/{view}/happy/level_3/001.mp4")
    assert single_item(tmp_path, "mead").path == "MEAD/W009/video/front/happy/level_3/001.mp4"
    put(tmp_path, "MEAD/W009/audio/happy/level_3/001.m4a")
    assert single_item(tmp_path, "mead").path.endswith(".m4a")
    put(tmp_path, "MEAD/W009/audio/happy/level_3/001.wav")
    result = single_item(tmp_path, "mead")
    assert (result.path.endswith(".wav"), result.name) == (True, "W009_happy_3_001")
    assert (result.gender, result.emotion_intensity, result.text_source) == ("female", "level_3", "none")


def test_mead_reads_every_label(tmp_path):
    for emotion in CORPORA["mead"].emotions:
        put(tmp_path, f"MEAD/M003/audio/{emotion}/level_1/001.m4a")
    assert Counter(row.emotion_raw for row in read(tmp_path, "mead")) == dict.fromkeys(CORPORA["mead"].emotions, 1)


@pytest.mark.parametrize("path", ["X040/audio/sad/level_1/034", "M040/audio/sad/level_4/034", "M040/sad/034"])
def test_mead_reports_paths_that_do_not_fit(tmp_path, path):
    put(tmp_path, f"MEAD/{path}.m4a")
    assert single_item(tmp_path, "mead").reason.startswith("expected a path such as")
