"""Open corpora that are read by their file names and by lists or texts beside the recordings."""

import pytest

from mer.corpora import CORPORA, Problem, Utterance, parsers
from mer.corpora.file_name_pattern import FileNamePattern, Listing
from mer.corpora.reading import pattern

SAMPLES = "file_name,sentence,sentence_language,actor,emotion_expressed\n"
USERS = "username,gender,age,mother_tongue\n"
ANNA, UGO = "d4bbc5043503b9aed309ede00854ee48", "ac569504468a79d8d98fea1e1868f682"


def put(raw, *paths, data=b"RIFF"):
    for path in paths:
        (raw / path).parent.mkdir(parents=True, exist_ok=True)
        (raw / path).write_bytes(data)


def read(raw, name):
    corpus = CORPORA[name]
    return list(parsers.parse(corpus, raw, corpus.find(raw)))


def reasons(raw, name):
    return {row.path: row.reason for row in read(raw, name) if isinstance(row, Problem)}


def text(lines):
    return lines.encode("utf-8")


def test_jl_reads_the_text_of_each_recording_only(tmp_path):
    place = "JL/Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"
    for stem in ("female1_angry_10a_1", "female1_angry_9a_1", "male1_sad_3b_2"):
        put(tmp_path, f"{place}/{stem}.wav")
    put(tmp_path, f"{place}/female1_angry_10a_1.txt", data=b"  Tom beats\r\nthat farmer. \r\n")
    put(tmp_path, f"{place}/female1_angry_9a_1.txt", data=b"")
    put(tmp_path, f"{place}/male1_sad_4b_2.txt", data=b"Jim saw the port.")
    put(tmp_path, f"{place}/Format_Intro.txt", data=b"(Gender)(speaker.ID)")
    result = {row.name: row for row in read(tmp_path, "jl") if isinstance(row, Utterance)}
    assert result["female1_angry_10a_1"].transcription == "Tom beats that farmer."
    assert result["female1_angry_10a_1"].text_source == "script"
    assert {result[name].transcription for name in ("female1_angry_9a_1", "male1_sad_3b_2")} == {None}
    message = reasons(tmp_path, "jl")
    assert "0 bytes" in message.pop(f"{place}/female1_angry_9a_1.txt")
    assert message == {f"{place}/male1_sad_4b_2.txt": "no audio of this name"}


def test_jl_counts_a_partial_copy_of_its_folder_once(tmp_path):
    first, second = (f"JL/{name}/JL(wav+txt)/male1_sad_3b_2.wav" for name in ("Raw JL corpus", "raw jl corpus"))
    put(tmp_path, first, second)
    kept, message = read(tmp_path, "jl")
    assert (kept.path, message) == (first, Problem(second, f"duplicate copy of {first}", utterance_lost=False))


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_shemo_has_texts_without_recordings_and_recordings_without_text(tmp_path, code):
    put(tmp_path, "ShEMO/female/F01N12.wav", "ShEMO/female/F01S23.wav")
    words = "خوب می‌دونستم."
    for stem in ("F01N12", "F01N13"):
        put(tmp_path, f"ShEMO/final text/{stem}.ort", data=f"{words}\r\n".encode(code))
    put(tmp_path, "ShEMO/final script/F01N12.tra", data=b"xub mi")
    with_text, without, message = read(tmp_path, "shemo")
    assert (with_text.name, with_text.transcription, with_text.text_source) == ("F01N12", words, "human")
    assert (without.name, without.transcription, without.text_source) == ("F01S23", None, "none")
    assert message == Problem("ShEMO/final text/F01N13.ort", "no audio of this name")


def emozionalmente(raw, *samples, users=(f"{ANNA},female,25,italian", f"{UGO},other,,italian")):
    put(raw, "Emozionalmente/metadata/samples.csv", data=text(SAMPLES + "\n".join(samples)))
    put(raw, "Emozionalmente/metadata/users.csv", data=text(USERS + "\n".join(users)))


def test_emozionalmente_joins_recordings_samples_and_users(tmp_path):
    put(tmp_path, *(f"Emozionalmente/audio/161365506243{n}.wav" for n in range(2)))
    emozionalmente(
        tmp_path,
        f"1613655062430.wav,E’ andato a scuola dopo pranzo,italian,{ANNA},joy",
        f'1613655062431.wav,"Sì, città",italian,{UGO},neutrality',
    )
    anna, ugo = read(tmp_path, "emozionalmente")
    assert anna == Utterance(
        name="1613655062430",
        path="Emozionalmente/audio/1613655062430.wav",
        speaker=ANNA[:12],
        emotion_raw="joy",
        gender="female",
        age=25,
        language="it",
        transcription="E’ andato a scuola dopo pranzo",
        text_source="script",
        sentence_id="E’ andato a scuola dopo pranzo",
    )
    assert (ugo.speaker, ugo.gender, ugo.age, ugo.transcription) == (UGO[:12], None, None, "Sì, città")


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (f"1613655062430.wav,Ciao,italian,{ANNA},bored", "unknown label bored"),
        (f"1613655062430.wav,Ciao,italian,{ANNA},", "samples.csv does not say who speaks or in which emotion"),
        ("1613655062430.wav,Ciao,italian,,joy", "samples.csv does not say who speaks or in which emotion"),
        ("", "samples.csv does not say who speaks or in which emotion"),
    ],
)
def test_emozionalmente_reports_unlisted_and_contradictory_entries(tmp_path, sample, reason):
    put(tmp_path, "Emozionalmente/audio/1613655062430.wav")
    emozionalmente(tmp_path, sample)
    assert read(tmp_path, "emozionalmente") == [Problem("Emozionalmente/audio/1613655062430.wav", reason)]


def test_emozionalmente_reports_faults_of_its_lists(tmp_path):
    put(tmp_path, "Emozionalmente/audio/1613655062430.wav")
    emozionalmente(
        tmp_path,
        f"1613655062430.wav,Ciao,italian,{ANNA},joy",
        f"1613655062430.wav,Ciao,italian,{UGO},joy",
        f"1613655062430.wav,Ciao,italian,{ANNA},joy",
        f"1613655062439.wav,Ciao,italian,{ANNA},joy",
        "1613655062438.wav,Ciao",
        users=(f"{ANNA},female,25,italian", f"{ANNA},male,25,italian"),
    )
    result, *message = read(tmp_path, "emozionalmente")
    assert (result.speaker, result.gender) == (ANNA[:12], "female")
    assert [(problem.path.rsplit("/", 1)[-1], problem.line, problem.reason) for problem in message] == [
        ("samples.csv", 3, "1613655062430: listed a second time, and differently"),
        ("samples.csv", 5, "1613655062439: no audio"),
        ("samples.csv", 6, "expected 5 columns, found 2"),
        ("users.csv", 3, f"{ANNA}: listed a second time, and differently"),
    ]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("file_name,sentence\n", "no column emotion_expressed, actor in the header"),
        ("", "empty file (0 bytes): copy or extract it again"),
    ],
)
def test_emozionalmente_without_its_list_has_no_labels(tmp_path, head, reason):
    put(tmp_path, "Emozionalmente/audio/1613655062430.wav")
    put(tmp_path, "Emozionalmente/metadata/samples.csv", data=text(head))
    message = reasons(tmp_path, "emozionalmente")
    assert message["Emozionalmente/metadata/samples.csv"] == reason
    assert message["Emozionalmente/audio/1613655062430.wav"].startswith("samples.csv does not say who speaks")


def test_emozionalmente_ignores_foreign_files_and_reports_copies(tmp_path):
    good = "Emozionalmente/audio/1613655062430.wav"
    put(tmp_path, good, "Emozionalmente/audio/._1613655062430.wav", "Emozionalmente/__MACOSX/1613655062430.wav")
    put(tmp_path, "Emozionalmente/copy/1613655062430.WAV", "Emozionalmente/audio/voce.wav")
    put(tmp_path, "Emozionalmente/audio/1613655062431.wav", data=b"")
    emozionalmente(tmp_path, f"1613655062430.wav,Ciao,italian,{ANNA},joy")
    assert [row.path for row in read(tmp_path, "emozionalmente") if isinstance(row, Utterance)] == [good]
    message = reasons(tmp_path, "emozionalmente")
    assert "does not say who speaks" in message["Emozionalmente/audio/1613655062431.wav"]
    assert message["Emozionalmente/audio/voce.wav"] == "expected a name such as 1613655062436"
    assert message["Emozionalmente/copy/1613655062430.WAV"] == f"duplicate copy of {good}"
    assert len(message) == 3


def test_a_list_that_contradicts_a_file_name_is_reported(tmp_path):
    names = FileNamePattern(
        name=r"(?P<speaker>[a-z])_(?P<emotion>[a-z]+)",
        example="a_joy",
        emotions={"joy": "happiness", "sad": "sadness"},
        language="en",
        recording_list=Listing("list.csv", key="clip", columns={"emotion": "label", "speaker": "who", "text": "said"}),
    )
    put(tmp_path, "x/a_joy.wav", "x/b_sad.wav")
    put(tmp_path, "x/list.csv", data=b"clip,label,who,said\na_joy,sad,a,Hi_there\nb_sad.wav,sad,c,\n")
    joy, sad, *problems = pattern.parse(names, tmp_path, tmp_path / "x")
    assert (joy.emotion_raw, joy.transcription, joy.text_source) == ("joy", "Hi_there", "script")
    assert (sad.speaker, sad.transcription, sad.text_source) == ("b", None, "none")
    assert [(problem.line, problem.reason) for problem in problems] == [
        (2, "a_joy: the list says label 'sad'; the file name counts"),
        (3, "b_sad: the list says who 'c'; the file name counts"),
    ]
