"""Any content of a corpus folder gives no exception and no label that the corpus does not have."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mer.corpora import CORPORA, Problem, Utterance, parsers
from mer.corpora.file_name_pattern import FileNamePattern

NAMES_OF_PATTERNS = {name: corpus.parser.example for name, corpus in CORPORA.items()
                     if isinstance(corpus.parser, FileNamePattern)}  # fmt: skip
EXAMPLES = NAMES_OF_PATTERNS | {
    "aesdd": "a03 (3)",
    "cafe": "01-C-2-1",
    "cremad": "1001_IEO_ANG_HI",
    "emodb": "03a01Wa",
    "emospeechin": "help-safe-calm-1-abcdef0123456789",
    "emovo": "gio-f2-b2",
    "esd": "0011_000351",
    "meld": "dia0_utt0",
    "mesd": "Anger_C_A_de_nada",
    "nemo": "WR0_fear_1",
    "ravdess": "03-01-05-01-01-01-01",
    "subesco": "F_10_FAHMEE_S_6_FEAR_5",
    "turevdb": "1234_hl_cay",
    "urdu": "SM1_F10_A010",
}
TEXTS = {
    "cremad": ["processedResults/tabulatedVotes.csv", "VideoDemographics.csv"],
    "esd": ["0011/0011.txt"],
    "meld": ["train_sent_emo.csv"],
    "nemo": ["data.tsv"],
}
STARTS = {
    "cremad": b'"","A","D","F","H","N","S","fileName"\n"100001",',
    "esd": b"0011_000351\t",
    "meld": b"Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\nHi,Joey,",
    "nemo": b"file_id\temotion\traw_text\tspeaker_id\tgender\tage\nWR0_fear_1.wav\t",
}
PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)
FOLDERS = st.sampled_from(["train", "dev_splits_complete", "Actor_01", "__MACOSX", "._x", "Angry"])
SUFFIXES = st.sampled_from([".wav", ".FLAC", ".mp4", ".txt", ".csv", ""])


def near(stem: str) -> st.SearchStrategy[str]:
    """Names that are almost right: one character of a good name is another one."""
    places = st.integers(0, len(stem) - 1)
    letters = st.characters(codec="utf-8", exclude_characters="/\0")
    return st.builds(lambda place, letter: stem[:place] + letter + stem[place + 1 :], places, letters)


def check(name: str, raw: Path, folder: Path) -> None:
    corpus = CORPORA[name]
    result = list(parsers.parse(corpus, raw, folder))
    assert result == list(parsers.parse(corpus, raw, folder))
    assert [row.path for row in result] == sorted(row.path for row in result)
    utterances = [row for row in result if isinstance(row, Utterance)]
    assert len({row.name for row in utterances}) == len(utterances)
    for row in result:
        row.path.encode("utf-8")
        if isinstance(row, Problem):
            assert row.reason
            continue
        assert row.emotion_raw in corpus.emotions
        assert row.emotion_perceived is None or row.emotion_perceived in corpus.emotions
        assert row.emotion_agreement is None or 0 < row.emotion_agreement <= 1
        assert row.gender in {"female", "male", "child", None}
        assert (raw / row.path).is_file()
        assert (row.transcription is None) == (row.text_source == "none")
        assert row.speaker


def write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError:  # a name the file system refuses, or a file where a folder should be
        return


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_file_names_give_utterances_or_problems(name, data):
    stems = PARTS | st.just(EXAMPLES[name]) | near(EXAMPLES[name])
    files = st.tuples(st.lists(FOLDERS | PARTS, max_size=2), stems, SUFFIXES, st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place).resolve()
        folder = raw / "corpus"
        folder.mkdir()
        for parents, stem, suffix, content in data.draw(st.lists(files, max_size=6)):
            if not {"..", "."} & {*parents, stem + suffix}:
                write(folder.joinpath(*parents, stem + suffix), content)
        check(name, raw, folder)


@pytest.mark.parametrize("name", TEXTS)
@settings(max_examples=120, deadline=None)
@given(content=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-16")))
@example(content=b"\xff\xfe\x00")
@example(content=b'"' + b"x" * 200_000)
@example(content=b'\x00"\n\r\n"')
def test_any_bytes_in_a_list_give_utterances_or_problems(name, content):
    for start in (b"", STARTS[name]):
        with tempfile.TemporaryDirectory() as place:
            raw = Path(place).resolve()
            folder = raw / "corpus"
            write(folder / "train" / f"{EXAMPLES[name]}.wav", b"RIFF")
            for text in TEXTS[name]:
                write(folder / text, start + content)
            check(name, raw, folder)
