"""Open corpora that are read by their file names."""

import re
import zipfile

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers
from mer.corpora.catalogue import file_names, file_names_with_lists
from mer.dataset.manifest import labels

OPEN = {corpus.name: corpus for corpus in (*file_names_with_lists.CORPORA, *file_names.CORPORA)}

SAYS = {
    ("aesdd", "anger/a03 (3)"): {"speaker": "3", "emotion_raw": "a", "sentence_id": "03", "gender": None},
    ("aesdd", "fear/f10 (01)"): {"speaker": "1", "emotion_raw": "f", "sentence_id": "10"},
    ("aesdd", "sadness/s01 (5)b"): {"speaker": "5", "emotion_raw": "s", "sentence_id": "01"},
    ("cafe", "Peur/Fort/06-P-2-5"): {
        "speaker": "06", "emotion_raw": "P", "gender": "female", "age": 34, "emotion_intensity": "high",
        "transcription": "Cinq pumas fiers et passionnés", "text_source": "script", "language": "fr",
    },
    ("cafe", "Joie/Faible/07-J-1-1"): {"gender": "male", "age": 15, "emotion_intensity": "low", "sentence_id": "1"},
    ("cafe", "Neutre/01-N-1-6"): {"emotion_raw": "N", "emotion_intensity": None, "sentence_id": "6"},
    ("emovo", "m1/rab-m1-d1"): {
        "speaker": "m1", "emotion_raw": "rab", "gender": "male", "age": 30, "sentence_id": "d1",
        "transcription": "Sabato sera cosa farà?",
    },
    ("jl", "JL(wav+txt)/female1_sad_10a_1"): {
        "speaker": "female1", "gender": "female", "emotion_raw": "sad", "sentence_id": "10", "text_source": "none",
    },
    ("jl", "JL(wav+txt)/male2_excited_1b_2"): {"speaker": "male2", "gender": "male", "sentence_id": "1"},
    ("mesd", "Anger_F_A_basta_ya"): {"speaker": "F", "gender": "female", "transcription": "basta ya"},
    ("mesd", "Fear_C_B_arana"): {"speaker": "C", "gender": "child", "sentence_id": "arana", "language": "es"},
    ("shemo", "female/F03F02"): {"speaker": "F03", "gender": "female", "emotion_raw": "F", "language": "fa"},
    ("shemo", "male/M02W01"): {"speaker": "M02", "gender": "male", "emotion_raw": "W", "transcription": None},
    ("subesco", "F_02_MONIKA_S_2_SURPRISE_3]"): {"speaker": "F_02", "emotion_raw": "SURPRISE", "sentence_id": "2"},
    ("subesco", "M_02_NIPUN_S_10_FEAR_5"): {"speaker": "M_02", "gender": "male", "sentence_id": "10"},
    ("turevdb", "Sound Source/Sad/7895_hl_ogul1"): {"speaker": "7895", "emotion_raw": "hl", "transcription": "ogul"},
    ("urdu", "Sad/SF11_F1_S0100"): {"speaker": "SF11", "gender": "female", "emotion_raw": "S", "sentence_id": None},
}  # fmt: skip

ADDED = {
    "aesdd": ("Acted Emotional Speech Dynamic Database", 604, 6),
    "cafe": ("CaFE_48k", 936, 12),
    "emospeechin": ("emospeech-dataset-v1", 2000, 105),
    "emovo": ("EMOVO", 588, 6),
    "emozionalmente": ("emozionalmente_dataset", 6902, 431),
    "jl": ("Raw JL corpus (unchecked and unannotated)", 2400, 4),
    "mesd": ("Mexican Emotional Speech Database (MESD)", 862, 3),
    "nemo": ("nEMO-main", 4481, 9),
    "shemo": ("ShEMO-master", 3000, 87),
    "subesco": ("subesco", 7000, 20),
    "turevdb": ("TurEV-DB-master", 1735, 6),
    "urdu": ("URDU-Dataset-master", 400, 29),
}


def put(raw, *paths, data=b"RIFF"):
    for path in paths:
        (raw / path).parent.mkdir(parents=True, exist_ok=True)
        (raw / path).write_bytes(data)


def read(raw, name):
    corpus = CORPORA[name]
    return list(parsers.parse(corpus, raw, corpus.find(raw)))


@pytest.mark.parametrize(("name", "path"), SAYS)
def test_file_name_gives_its_utterance(tmp_path, name, path):
    folder = CORPORA[name].folders[0]
    put(tmp_path, f"{folder}/{path}.wav")
    (result,) = read(tmp_path, name)
    assert isinstance(result, Utterance)
    assert {field: getattr(result, field) for field in SAYS[name, path]} == SAYS[name, path]


@pytest.mark.parametrize("name", ADDED)
def test_corpora_have_published_numbers_and_archive_folders(tmp_path, name):
    folder, total, speakers = ADDED[name]
    corpus = CORPORA[name]
    assert (sum(corpus.expected_counts.values()), corpus.speakers) == (total, speakers)
    assert set(corpus.expected_counts) == set(corpus.emotions)
    (tmp_path / folder).mkdir()
    assert corpus.find(tmp_path) == tmp_path / folder


def test_every_corpus_has_an_example():
    assert set(ADDED) == set(OPEN)
    assert {name for name, _ in SAYS} | {"emospeechin", "emozionalmente", "nemo"} == set(OPEN)


@pytest.mark.parametrize("name", OPEN)
def test_every_policy_maps_every_emotion_name(name):
    for policy in labels.POLICIES:
        mapped = labels.mapping(policy, name, OPEN[name].emotions).classes
        assert set(mapped) == set(OPEN[name].emotions)
        assert set(mapped.values()) - {None} <= set(labels.classes(policy))


def test_secondary_emotions_of_jl_are_a_class_by_override_only():
    emotions = CORPORA["jl"].emotions
    mapped = labels.mapping("paper7", "jl", emotions).classes
    assert {native for native in mapped if mapped[native] is None} == {
        "anxious", "apologetic", "assertive", "concerned", "encouraging",
    }  # fmt: skip
    assert mapped["excited"] == "happiness"
    assert labels.mapping("paper7", "jl", emotions, {"anxious": "fear"}).classes["anxious"] == "fear"


@pytest.mark.parametrize("place", ["Colère/Fort", "ColŠre/Fort", "CaFE_48k/Colère/Fort", ""])
def test_cafe_does_not_need_its_folders(tmp_path, place):
    put(tmp_path, f"CaFE/{place}/01-C-2-1.wav")
    (result,) = read(tmp_path, "cafe")
    assert (result.emotion_raw, result.speaker) == ("C", "01")


def archive(path):
    """A zip whose folder is spelled in code page 437 and that does not say so, as the published one."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("Col_re/Fort/01-C-2-1.wav", b"RIFF")
    path.write_bytes(path.read_bytes().replace(b"Col_re", "Colère".encode("cp437")))


def test_cafe_is_read_as_its_instructions_extract_it(tmp_path):
    archive(tmp_path / "CaFE_48k.zip")
    assert "python -m zipfile -e CaFE_48k.zip data/raw/CaFE" in CORPORA["cafe"].instructions
    zipfile.main(["-e", str(tmp_path / "CaFE_48k.zip"), str(tmp_path / "CaFE")])
    (result,) = read(tmp_path, "cafe")
    assert result.path == "CaFE/Colère/Fort/01-C-2-1.wav"


def test_cafe_with_wrongly_decoded_names_is_reported_with_a_remedy(tmp_path):
    put(tmp_path, "CaFE/x/Fort/01-C-2-1.wav", "CaFE/Peur/Fort/01-P-2-1.wav")
    (tmp_path / "CaFE/x").rename((bytes(tmp_path / "CaFE") + b"/Col\x8are").decode("utf-8", "surrogateescape"))
    message, result = read(tmp_path, "cafe")
    assert message.path == r"CaFE/Col\x8are/Fort/01-C-2-1.wav"
    assert "rename the file or its folder" in message.reason
    assert "python -m zipfile -e" in message.reason
    assert result.emotion_raw == "P"


def test_turevdb_ignores_filtered_copies(tmp_path):
    copy = "TurEV-DB/Model Output for Test Data/testEmotions500HighPass/sound/Angry/1157_kz_beste.wav"
    put(tmp_path, copy, "TurEV-DB/Sound Source/Angry/1157_kz_beste.wav")
    message, result = read(tmp_path, "turevdb")
    assert message == Problem(copy, "a filtered copy of a recording, not read")
    assert result.path == "TurEV-DB/Sound Source/Angry/1157_kz_beste.wav"


def test_emospeechin_refuses_unidentified_speakers(tmp_path):
    nobody = f"EmoSpeech-IN/House/help-safe-calm-2019-d14a028c2a3a{'0' * 44}.wav"
    somebody = f"EmoSpeech-IN/House/help-safe-calm-2019-9dd2014cc6e9{'0' * 44}.wav"
    put(tmp_path, nobody, somebody)
    result, message = read(tmp_path, "emospeechin")
    assert (result.path, result.speaker) == (somebody, "9dd2014cc6e9")
    assert (message.path, "cannot be kept apart" in message.reason) == (nobody, True)


@pytest.mark.parametrize("corpus", [c for c in OPEN.values() if c.name != "emozionalmente"], ids=lambda c: c.name)
def test_example_in_a_message_is_a_valid_name(tmp_path, corpus):
    put(tmp_path, f"{corpus.folders[0]}/?.wav")
    (message,) = read(tmp_path, corpus.name)
    example = re.sub("expected a name such as | with one of.*", "", message.reason)
    put(tmp_path, f"{corpus.folders[0]}/{example.replace('<hexadecimal speaker>', '9dd2014cc6e9')}.wav")
    assert sum(isinstance(row, Utterance) for row in read(tmp_path, corpus.name)) == 1
