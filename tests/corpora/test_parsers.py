"""What all parsers do with foreign files and copies, and the file names of some corpora."""

import dataclasses
import re

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers
from mer.corpora.corpus import AUDIO_SUFFIXES
from mer.corpora.reading.files import decode, walk

EMOTION_NAMES = {
    "neutral", "calm", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "boredom", "excitement",
    "anxiety", "apology", "assertiveness", "concern", "encouragement",
}  # fmt: skip

CLIPS = {
    "aesdd": ("AESDD", "anger/a03 (3)", "anger/x03 (3)"),
    "cafe": ("CaFE", "Peur/Fort/06-P-2-5", "Peur/Fort/06-X-2-5"),
    "cremad": ("CREMA-D", "AudioWAV/1001_IEO_ANG_HI", "AudioWAV/1001_IEO_BAD_HI"),
    "emodb": ("EMO-DB", "wav/03a01Wa", "wav/03a01Xa"),
    "emospeechin": ("EmoSpeech-IN", f"web/help-safe-calm-1-{'ab' * 8}", f"web/help-safe-dull-1-{'ab' * 8}"),
    "emovo": ("EMOVO", "f2/gio-f2-b2", "f2/xyz-f2-b2"),
    "esd": ("ESD", "0011/Angry/0011_000351", "0011/Angry/0011_001751"),
    "jl": ("JL", "JL(wav+txt)/male2_angry_12a_2", "JL(wav+txt)/male2_bored_12a_2"),
    "mesd": ("MESD", "all/Fear_C_A_de_nada", "all/Calm_C_A_de_nada"),
    "nemo": ("nEMO", "samples/WR0_fear_1", "samples/WR0_dread_1"),
    "ravdess": ("RAVDESS", "Actor_01/03-01-05-01-01-01-01", "Actor_01/03-01-09-01-01-01-01"),
    "shemo": ("ShEMO", "female/F03S02", "female/F03X02"),
    "subesco": ("SUBESCO", "all/F_10_FAHMEE_S_6_FEAR_5", "all/F_10_FAHMEE_S_6_CALM_5"),
    "turevdb": ("TurEV-DB", "Sound Source/Sad/1234_hl_cay", "Sound Source/Sad/1234_xx_cay"),
    "urdu": ("URDU", "Angry/SM1_F10_A010", "Angry/SM1_F10_X010"),
}
"""folder, a clip, a clip with an unknown label"""

STUB = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"


def put(folder, path, data=b"RIFF"):
    path = folder / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def read(raw, name):
    corpus = CORPORA[name]
    return list(parsers.parse(corpus, raw, corpus.find(raw)))


def single_item(raw, name):
    (result,) = read(raw, name)
    return result


def test_corpora_are_listed_by_id():
    assert list(CORPORA) == sorted(CORPORA)
    assert set(CORPORA) >= {*CLIPS, "meld"}
    for name, corpus in CORPORA.items():
        assert name == corpus.name
        assert set(corpus.expected_counts) <= set(corpus.emotions)
        assert all(dataclasses.asdict(corpus)[key] for key in ("title", "licence", "citation", "instructions"))
        assert "data/raw/" in corpus.instructions


@pytest.mark.parametrize("name", sorted({*CLIPS, "meld"}))
def test_labels_are_standard_emotion_names(name):
    assert set(CORPORA[name].emotions.values()) <= EMOTION_NAMES


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("ravdess", "audio_speech_actors_01-24"),
        ("cremad", "crema-d"),
        ("emodb", "EmoDB"),
        ("meld", "MELD.Raw"),
        ("esd", "Emotion Speech Dataset"),
        ("turevdb", "TurEV_DB"),
    ],
)
def test_folders_are_found_under_usual_names(tmp_path, name, folder):
    (tmp_path / folder).mkdir()
    assert CORPORA[name].find(tmp_path) == tmp_path / folder


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_a_clip_is_read_from_its_name(tmp_path, name, suffix):
    folder, clip, _ = CLIPS[name]
    put(tmp_path / folder, clip + suffix)
    result = single_item(tmp_path, name)
    assert isinstance(result, Utterance)
    assert result.path == f"{folder}/{clip}{suffix}"
    assert result.name == clip.split("/")[-1]


@pytest.mark.parametrize("name", CLIPS)
def test_an_unknown_label_is_a_problem(tmp_path, name):
    folder, _, bad = CLIPS[name]
    put(tmp_path / folder, f"{bad}.wav")
    result = single_item(tmp_path, name)
    assert isinstance(result, Problem)
    assert result.reason.startswith("unknown label")


@pytest.mark.parametrize("name", CLIPS)
def test_pointer_is_a_problem_and_recording_of_zero_bytes_is_an_utterance(tmp_path, name):
    folder, clip, _ = CLIPS[name]
    put(tmp_path / folder, f"{clip}.wav", STUB)
    problem = single_item(tmp_path, name)
    assert isinstance(problem, Problem)
    assert "git lfs pull" in problem.reason
    put(tmp_path / folder, f"{clip}.wav", b"")
    assert isinstance(single_item(tmp_path, name), Utterance)


@pytest.mark.parametrize("name", CLIPS)
def test_a_name_that_does_not_fit_is_a_problem_with_an_example(tmp_path, name):
    put(tmp_path / CLIPS[name][0], "sub/recording 1.wav")
    result = single_item(tmp_path, name)
    assert isinstance(result, Problem)
    assert result.reason.startswith("expected a name such as ")


@pytest.mark.parametrize("name", CLIPS)
def test_foreign_files_are_ignored(tmp_path, name):
    folder, clip, _ = CLIPS[name]
    place, stem = clip.rsplit("/", 1)
    for path in (f"{place}/._{stem}.wav", ".DS_Store", f"__MACOSX/{clip}.wav", "notes.md"):
        put(tmp_path / folder, path)
    assert read(tmp_path, name) == []
    put(tmp_path / folder, f"{clip}.mp3")  # somebody converted the corpus
    assert [p.reason for p in read(tmp_path, name)] == [".mp3 is not read here: convert it to .wav"]


@pytest.mark.parametrize("name", CLIPS)
def test_second_copy_is_reported_and_the_first_by_path_is_used(tmp_path, name):
    folder, clip, _ = CLIPS[name]
    put(tmp_path / folder, f"{clip}.wav")
    put(tmp_path / folder, f"copy/{clip}.flac")
    first, second = sorted([f"{folder}/{clip}.wav", f"{folder}/copy/{clip}.flac"])
    kept, message = read(tmp_path, name)
    assert kept.path == first
    assert message == Problem(second, f"duplicate copy of {first}", utterance_lost=False)


def test_copy_of_an_empty_file_is_used(tmp_path):
    put(tmp_path, "emodb/a/03a01Wa.wav", b"")
    put(tmp_path, "emodb/b/03a01Wa.wav")
    message, kept = read(tmp_path, "emodb")
    assert "0 bytes" in message.reason
    assert kept.path == "emodb/b/03a01Wa.wav"


def test_order_is_that_of_paths_as_text(tmp_path):
    for path in ("a/03a01Wa", "a-b/03a02Wa", "a b/03a04Wa", "B/03a05Wa"):
        put(tmp_path / "emodb", f"{path}.wav")
    paths = [result.path for result in read(tmp_path, "emodb")]
    assert paths == sorted(paths)
    assert len(paths) == 4


def test_linked_folders_are_entered_and_a_link_to_the_parent_ends(tmp_path):
    put(tmp_path, "disk/03a01Wa.wav")
    (tmp_path / "raw" / "emodb").mkdir(parents=True)
    (tmp_path / "raw" / "emodb" / "wav").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "up").symlink_to(tmp_path / "raw" / "emodb")
    assert single_item(tmp_path / "raw", "emodb").path == "emodb/wav/03a01Wa.wav"


def test_a_dead_link_is_a_problem(tmp_path):
    (tmp_path / "emodb").mkdir()
    (tmp_path / "emodb" / "03a01Wa.wav").symlink_to(tmp_path / "gone.wav")
    assert "cannot be opened" in single_item(tmp_path, "emodb").reason


def test_a_path_that_is_not_utf8_is_a_problem_that_can_be_printed(tmp_path):
    place = bytes(tmp_path / "emodb") + b"/wav\xff"
    put(tmp_path, "emodb/wav/03a01Wa.wav")
    (tmp_path / "emodb" / "wav").rename(place.decode("utf-8", "surrogateescape"))
    result = single_item(tmp_path, "emodb")
    assert result.path.encode("utf-8") == rb"emodb/wav\xff/03a01Wa.wav"
    assert "not UTF-8" in result.reason


def test_ravdess_has_speakers_and_sentences(tmp_path):
    put(tmp_path, "RAVDESS/Actor_02/03-01-08-02-02-01-02.wav")
    result = single_item(tmp_path, "ravdess")
    assert (result.speaker, result.gender, result.emotion_raw) == ("02", "female", "08")
    assert (result.emotion_intensity, result.transcription) == ("strong", "Dogs are sitting by the door")


@pytest.mark.parametrize(
    ("stem", "reason"),
    [
        ("03-02-03-01-01-01-01", "song: another corpus of the family"),
        ("01-01-03-01-01-01-01", "modality 01"),
        ("03-01-03-01-01-01-25", "expected a name"),
        ("03-01-03-01-01-01", "expected a name"),
    ],
)
def test_ravdess_leaves_out_song_video_and_unknown_actors(tmp_path, stem, reason):
    put(tmp_path, f"RAVDESS/{stem}.wav")
    assert reason in single_item(tmp_path, "ravdess").reason


def test_cremad_reads_the_votes_on_the_voice_alone(tmp_path):
    for clip in ("1001_IEO_ANG_LO", "1002_IEO_SAD_MD", "1076_MTI_SAD_XX"):
        put(tmp_path, f"CREMA-D/AudioWAV/{clip}.wav")
    votes = (
        '"","A","D","F","H","N","S","fileName"\r\n'
        '"200001",9,0,0,0,0,0,"1001_IEO_ANG_LO"\r\n'
        '"100001",0,0,0,1,3,0,"1001_IEO_ANG_LO"\r\n'
        '"100002",0,0,0,2,2,0,"1002_IEO_SAD_MD"\r\n'
        '"100003",short\r\n'
    )
    put(tmp_path, "CREMA-D/processedResults/tabulatedVotes.csv", votes.encode())
    people = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","",""\n1002,x,"Female","",""\n'
    put(tmp_path, "CREMA-D/VideoDemographics.csv", people.encode())
    low, medium, silent, short = read(tmp_path, "cremad")
    assert (low.emotion_perceived, low.emotion_agreement, low.emotion_intensity) == ("N", 0.75, "low")
    assert (low.gender, low.age, low.transcription) == ("male", 51, "It's eleven o'clock.")
    assert (medium.emotion_perceived, medium.emotion_agreement) == (None, None)
    assert (medium.gender, medium.age) == ("female", None)
    assert "silent" in silent.reason
    assert (short.line, short.reason) == (5, "expected 8 columns, found 2")


def test_emodb_reads_german_initials(tmp_path):
    put(tmp_path, "emodb/wav/16b10Aa.wav")
    result = single_item(tmp_path, "emodb")
    assert CORPORA["emodb"].emotions[result.emotion_raw] == "fear"
    assert (result.gender, result.age, result.language) == ("female", 31, "de")
    assert result.transcription.startswith("Die wird auf dem Platz sein")


def test_nemo_uses_the_file_name_and_reports_the_line(tmp_path):
    for clip in ("AA0_fear_1", "AA0_fear_2", "AA0_fear_3"):
        put(tmp_path, f"nEMO/samples/{clip}.flac")
    lines = (
        "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage",
        'AA0_fear_1.wav\tfear\t"Żaba i <script>alert(1)</script>\tx\t        AA0 \tfemale\t30 \t',
        "AA0_fear_2.wav\tanger\tŹle.\tx\tAA0\tfemale\t30",
        "AA0_joy_9.wav\tfear",
        "AA0_fear_8.wav\tfear\tNic.\tx\tAA0\tfemale\t30",
    )
    put(tmp_path, "nEMO/data.tsv", "\r\n".join(lines).encode("utf-8-sig"))
    other, short, gone, first, second, third = read(tmp_path, "nemo")
    assert (other.line, "file name counts" in other.reason) == (3, True)
    assert (short.line, short.reason) == (4, "expected 7 columns, found 2")
    assert (gone.line, gone.reason) == (5, "AA0_fear_8: no audio")
    assert first.transcription == '"Żaba i <script>alert(1)</script>'
    assert (first.gender, first.age, first.speaker) == ("female", 30, "AA0")
    assert (second.emotion_raw, second.transcription) == ("fear", "Źle.")
    assert (third.emotion_raw, third.transcription, third.text_source) == ("fear", None, "none")


def test_nemo_without_its_columns_is_one_problem(tmp_path):
    put(tmp_path, "nEMO/data.tsv", b"file_id\temotion\n")
    assert single_item(tmp_path, "nemo").reason == "no column raw_text, speaker_id, gender, age in the header"


def test_turevdb_has_the_word_as_it_is_spelled(tmp_path):
    put(tmp_path, "TurEV-DB/Sound Source/Happy/1234_mt_çay.wav")
    result = single_item(tmp_path, "turevdb")
    assert (result.transcription, result.sentence_id, result.language) == ("çay", "çay", "tr")


def test_emospeechin_takes_the_language_from_the_keyword(tmp_path):
    for keyword in ("bacho", "go", "noise"):
        put(tmp_path, f"EmoSpeech-IN/web/{keyword}-safe-fearful-??-{'0123456789abcdef' * 2}.flac")
    hindi, english, noise = read(tmp_path, "emospeechin")
    assert (hindi.language, english.language) == ("hi", "en")
    assert hindi.speaker == "0123456789ab"
    assert noise.reason.startswith("expected a name such as help-safe-angry")


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_is_decoded_from_any_encoding(code):
    assert decode("That’s naïve…".encode(code)) == "That’s naïve…"


def test_suffixes_are_lower_case():
    assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in AUDIO_SUFFIXES)


def test_missing_folder_has_no_utterances(tmp_path):
    assert list(walk(tmp_path / "nowhere")) == []
