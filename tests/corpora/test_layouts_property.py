"""Any content of the folders and lists of corpora whose labels are in paths or lists."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mer.corpora import CORPORA
from tests.corpora.test_parsers_property import EXAMPLES as TESTED_THERE
from tests.corpora.test_parsers_property import PARTS, check, near, write

PATHS = {
    "afew": "Train_AFEW/Angry/000046280.avi",
    "emorynlp": "emorynlp_dev_final.csv",
    "emovdb": "bea_Amused/amused_1-28_0022.wav",
    "emozionalmente": "audio/1613655062436.wav",
    "esd_mandarin": "0001/Angry/test/0001_000351.wav",
    "iemocap": "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
    "jl": "JL(wav+txt)/female1_angry_10a_1.wav",
    "mead": "M040/audio/neutral/level_1/034.m4a",
    "mosei": "Raw/Audio/Full/WAV_16000/v.wav",
    "ravdess_song": "Actor_01/03-02-05-01-01-01-01.wav",
    "savee": "AudioData/DC/sa01.wav",
    "shemo": "female/F03S02.wav",
    "tess": "OAF_angry/OAF_back_angry.wav",
}
SCORES = b"happy,sad,anger,surprise,disgust,fear"
LISTS = {
    "afew": {"df_text_AFEW.csv": b"name_file,subset,emo,text\n000046280,Train_AFEW,Angry,"},
    "emorynlp": {
        "emorynlp_dev_final.csv": b"Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode\nHi,['A'],Sad,1,1,1,"
    },
    "emovdb": {"cmuarctic.data": b'( arctic_a0022 "'},
    "emozionalmente": {
        "metadata/samples.csv": b"file_name,actor,emotion_expressed,sentence\n1613655062436.wav,x,joy,",
        "metadata/users.csv": b"username,gender,age\nx,female,",
    },
    "esd_mandarin": {"0001/0001.txt": b"0001_000351\t"},
    "iemocap": {
        "dialog/EmoEvaluation/Ses01F_impro01.txt": b"[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[1, 1, 1]\nC-E1:\t",
        "dialog/transcriptions/Ses01F_impro01.txt": b"Ses01F_impro01_F000 [1.0-2.0]:",
    },
    "jl": {"JL(wav+txt)/female1_angry_10a_1.txt": b"Tom "},
    "mosei": {
        "labels.csv": b"video,start,end," + SCORES + b"\nv,0,1,0,0,1,0,0,",
        "raters.csv": b"video,clip," + SCORES + b"\nv,1,0,0,1,0,0,",
        "Transcript/v.txt": b"v___1___0___",
        "cmu_mosei_std_folds.py": b"standard_train_fold = ",
    },
    "shemo": {"final text/F03S02.ort": "سلام ".encode()},
}


def altered(path: str) -> st.SearchStrategy[str]:
    """Paths that are almost right: one part is another one, is almost right, is missing or is there twice."""
    parts = path.split("/")
    places = st.integers(0, len(parts) - 1)

    def change(place: int, part: str, how: str) -> str:
        kept = {"other": [part], "near": [part], "missing": [], "twice": [parts[place]] * 2}[how]
        return "/".join((*parts[:place], *kept, *parts[place + 1 :]))

    return places.flatmap(
        lambda place: st.builds(
            change,
            st.just(place),
            PARTS | near(parts[place]),
            st.sampled_from(["other", "near", "twice"] + (["missing"] if len(parts) > 1 else [])),
        )
    )


def test_every_corpus_has_a_property_test():
    assert set(PATHS) | set(TESTED_THERE) >= set(CORPORA) - {"synthetic"}


@pytest.mark.parametrize("name", PATHS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_paths_give_utterances_or_problems(name, data):
    paths = st.just(PATHS[name]) | altered(PATHS[name])
    contents = st.sampled_from([b"RIFF", b""]) | st.binary(max_size=4)
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place).resolve()
        folder = raw / "corpus"
        folder.mkdir()
        for path, start, content in lists_of(name):
            write(folder / path, start + content)
        for path, content in data.draw(st.lists(st.tuples(paths, contents), max_size=6)):
            if path and not {"..", ".", ""} & set(path.split("/")):
                write(folder / path, content)
        check(name, raw, folder)


def lists_of(name):
    return [(path, start, b"1\n") for path, start in LISTS.get(name, {}).items()]


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in LISTS.items() for path in paths])
@settings(max_examples=40, deadline=None)
@given(content=st.binary(max_size=400) | st.text(max_size=200) | st.lists(st.integers(0, 10)).map(str))
@example(content=b"\xff\xfe\x00")
@example(content=b'"' + b"x" * 200_000)
@example(content="[" * 5000)
@example(content="-" * 5000 + "1")
@example(content="1e999___1")
def test_any_bytes_in_a_list_give_utterances_or_problems(name, path, content):
    content = content.encode() if isinstance(content, str) else content
    for start in (b"", LISTS[name][path]):
        with tempfile.TemporaryDirectory() as place:
            raw = Path(place).resolve()
            folder = raw / "corpus"
            write(folder / PATHS[name], b"RIFF")
            for other, good, end in lists_of(name):
                write(folder / other, good + end)
            write(folder / path, start + content)
            check(name, raw, folder)
