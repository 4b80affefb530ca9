"""Tables, lists and databases of corpora that are damaged or made to do harm."""

import contextlib
import json
import time

import pandas as pd
import pytest

from mer.corpora import Problem, Utterance, parsers, selected
from mer.corpora.own import tables
from mer.corpora.reading import regular_expressions
from mer.corpora.reading.files import decode, table
from mer.dataset.audit.tables import foreign_tables
from mer.dataset.audit.tables.column_names import TableError
from mer.params.schema import Corpus
from tests.corpora.trees import put

DATABASE = (
    "name: x\nschemes: {gender: {labels: {a: {age: 3}}}}\ntables: {files: {columns: {speaker: {scheme_id: %s}}}}\n"
)


def read(raw, **options):
    corpus = selected({"mine": Corpus(**{"table": "mine/my.csv"} | options)})["mine"]
    return list(parsers.parse(corpus, raw, corpus.find(raw)))


@pytest.mark.parametrize("scheme", ["[1]", "{a: b}", "1", "null"])
def test_a_scheme_that_is_no_name_is_ignored(tmp_path, scheme):
    put(tmp_path, "mine/a.wav")
    put(tmp_path, "mine/db.yaml", DATABASE % scheme)
    put(tmp_path, "mine/db.files.csv", "file,speaker,emotion\na.wav,ann,happy\n")
    [utterance] = read(tmp_path, table="mine/db.yaml")
    assert isinstance(utterance, Utterance)


@pytest.mark.parametrize("name", ["x" * 300, "a\\0b", "../files", "a/b"])
def test_a_database_with_impossible_names_of_tables_is_a_problem(tmp_path, name):
    put(tmp_path, "mine/db.yaml", f'name: x\ntables: {{"{name}": {{columns: {{}}}}}}\n')
    result = read(tmp_path, table="mine/db.yaml")
    assert all(isinstance(item, Problem) for item in result)
    assert "neither db." in result[0].reason


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    "header",
    [BOMB, "a: " + "[" * 5000, "a: " + "9" * 5000, "a: 2024-13-45", "- &a [*a]", "a: *b", "? [1]\n: 2", "!!int ''",
     "!!python/object/apply:os.system [echo]", "\0"],
    ids=["aliases", "depth", "digits", "date", "recursion", "alias", "key", "empty", "python", "zero"],
)  # fmt: skip
def test_a_database_header_that_is_no_yaml_is_a_problem(tmp_path, header):
    put(tmp_path, "mine/db.yaml", header)
    began = time.monotonic()
    [problem, *_] = read(tmp_path, table="mine/db.yaml")
    assert "not the header of an audformat database" in problem.reason
    assert time.monotonic() - began < 20


def test_a_damaged_parquet_table_is_a_problem(tmp_path):
    put(tmp_path, "mine/a.wav")
    put(tmp_path, "mine/db.yaml", "name: x\ntables: {files: {columns: {speaker: {}}}}\n")
    path = tmp_path / "mine/db.files.parquet"
    pd.DataFrame({"file": ["a.wav"], "speaker": ["ann"], "emotion": ["happy"]}).to_parquet(path)
    content = path.read_bytes()
    for position in range(0, len(content), 97):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        read(tmp_path, table="mine/db.yaml")
        with contextlib.suppress(TableError):
            foreign_tables.load(foreign_tables.sources(path, []), {})


def test_a_header_of_twenty_thousand_columns_takes_linear_time(tmp_path):
    """Counting each name among all others took half a minute."""
    names = ["file", "speaker", "emotion", *(f"c{n}" for n in range(40_000))]
    put(tmp_path, "mine/a.wav")
    put(tmp_path, "mine/my.csv", f"{','.join(names)}\na.wav,ann,happy{',x' * 40_000}\n")
    began = time.process_time()
    assert len(read(tmp_path)) == 1
    assert time.process_time() - began < 10


def test_a_zero_byte_loses_one_row_and_not_the_table(tmp_path):
    put(tmp_path, "mine/a.wav")
    put(tmp_path, "mine/my.csv", "file,speaker,emotion,text\na.wav,ann,happy,Gut.\nb\0.wav,ann,happy,Nein.\n")
    result = read(tmp_path)
    assert [item.path for item in result if isinstance(item, Utterance)] == ["mine/a.wav"]
    assert [item.line for item in result if isinstance(item, Problem)] == [3]


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-8"])
def test_texts_of_every_coding_are_still_read(coding):
    text = "Datei,Sprecher,Gefühl\n1.wav,anna,glücklich\n"
    assert decode(text.encode(coding)) == text


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"(x*)*y.*(?:z+)+!"])
def test_a_pattern_of_exponential_time_is_stopped(tmp_path, monkeypatch, pattern):
    monkeypatch.setattr(regular_expressions, "MAX_SECONDS", 1.0)
    pattern = {r"^(a+)+$": r"^(?:a+)+(b)$", r"(x*)*y.*(?:z+)+!": r"^(?:a|aa)+([0-9])$"}[pattern]
    name = "a" * 60 + ".wav"
    put(tmp_path, f"mine/{name}")
    put(tmp_path, "mine/my.csv", f"file,emotion\nb.wav,happy\n{name},happy\n")
    [problem] = read(tmp_path, speaker_pattern=pattern)
    assert "corpora.mine.speaker_pattern: the search did not end after 1 s, at 'aaa" in problem.reason


def test_the_pattern_of_an_audit_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(regular_expressions, "MAX_SECONDS", 1.0)
    put(tmp_path, "list.csv", f"path,emotion,split\n{'a' * 60}.wav,happy,train\n")
    import re

    with pytest.raises(TableError, match=r"--speaker-from .* did not end after 1 s"):
        foreign_tables.load(foreign_tables.sources(tmp_path / "list.csv", []), {}, re.compile(r"^(?:a+)+(b)$"))


def test_a_time_of_many_digits_is_no_time():
    assert tables.seconds(f"{'9' * 5000} days 00:00:01") is None
    assert tables.seconds("1:2") == 62


def test_json_lines_that_are_nested_too_deeply_are_problems(tmp_path):
    put(tmp_path, "mine/a.wav")
    lines = ['{"file": "a.wav", "speaker": "ann", "emotion": "happy"}', "[" * 10_000, '{"a": ' * 800 + "1" + "}" * 800,
             json.dumps({"file": "x" * 5000, "speaker": "b", "emotion": "happy"}), "9" * 5000]  # fmt: skip
    put(tmp_path, "mine/my.jsonl", "\n".join(lines))
    result = read(tmp_path, table="mine/my.jsonl")
    assert [item.path for item in result if isinstance(item, Utterance)] == ["mine/a.wav"]
    assert len(result) == 5


def test_a_table_with_a_pipe_as_its_name_is_not_waited_for(tmp_path):
    import os
    import sys

    if sys.platform == "win32":
        pytest.skip("POSIX files")
    (tmp_path / "mine").mkdir()
    os.mkfifo(tmp_path / "mine/my.csv")
    [problem] = table(tmp_path, tmp_path / "mine/my.csv", ())
    assert "a pipe" in problem.reason
