"""Any content of a user's table gives rows or reasons, no exception and no undeclared label."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mer.corpora import Problem, parsers, selected
from mer.params.schema import Corpus as Options
from tests.corpora.trees import put

TABLES = {
    "my.csv": b"path,speaker,emotion,start,end,split\n1.wav,A,happy,",
    "my.tsv": b"path\tspeaker\temotion\n1.wav\tA\t",
    "my.jsonl": b'{"path": "1.wav", "speaker": "A", "emotion": "sad"}\n',
    "db.yaml": b"tables: {a: {columns: {emotion: {scheme_id: emotion}}}}\nschemes: {emotion: {labels: ",
    "db.a.csv": b"file,emotion,speaker\n1.wav,sad,",
}
CELLS = st.text(max_size=12) | st.sampled_from(["1.wav", "A", "happy", "nan", "-1", "1e999", "..", "/", "0 days 1:2:3"])


def check(raw: Path, table: str) -> None:
    corpus = selected({"mine": Options(table=table, columns={"split": "split"} if table == "my.csv" else {})})["mine"]
    result = list(parsers.parse(corpus, raw, raw))
    assert result == list(parsers.parse(corpus, raw, raw))
    names = [row.name for row in result if not isinstance(row, Problem)]
    assert len(set(names)) == len(names)
    for row in result:
        if isinstance(row, Problem):
            assert row.reason
            continue
        assert row.emotion_raw in corpus.emotions
        assert row.speaker
        assert (raw / row.path).resolve().is_relative_to(raw)
        assert row.start is None or 0 <= row.start < (row.end or float("inf"))
        assert row.split_official in {None, "train", "validation", "test"}


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=80, deadline=None)
@given(content=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-16")))
@example(content=b'"' + b"x" * 200_000)
@example(content=b"[" * 5000)
@example(content=b"&a [*a, *a]}}\n")
@example(content=b"!!python/object/apply:os.system ['true']}}\n")
def test_any_bytes_give_rows_or_problems(name, content):
    for start in (b"", TABLES[name]):
        with tempfile.TemporaryDirectory() as place:
            raw = Path(place).resolve()
            put(raw, "1.wav")
            put(raw, "db.yaml", TABLES["db.yaml"] + b"[sad]}}\n")
            put(raw, name, start + content)
            check(raw, "db.yaml" if name.startswith("db") else name)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=5))
def test_any_cells_give_rows_or_problems(rows):
    import csv
    import io

    text = io.StringIO()
    csv.writer(text).writerows([["path", "speaker", "emotion", "start", "end", "split"], *rows])
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place).resolve()
        put(raw, "1.wav")
        put(raw, "my.csv", text.getvalue().encode("utf-8", "surrogatepass"))
        check(raw, "my.csv")
