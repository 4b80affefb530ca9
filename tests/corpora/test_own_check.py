"""The check of a study's corpora before a run, and tables in Excel's form or with absolute paths."""

import openpyxl
import pytest
import yaml

from mer import files
from mer.corpora import Utterance, parsers, selected
from mer.corpora.__main__ import main
from mer.corpora.own import check
from mer.params.schema import Corpus as Options
from tests.corpora.trees import put, speech
from tests.studies import call_run_all


def corpus(**options):
    return selected({"mine": Options(**{"table": "mine/my.csv"} | options)})["mine"]


def read(raw, own):
    return list(parsers.parse(own, raw, own.find(raw)))


def excel(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def test_excel_tables_are_read_like_csv(tmp_path):
    rows = [["path", "speaker", "emotion", "age"], ["1.wav", 1, "sad", 31], [None, None, None, None],
            ["2.wav", 2.0, "happy", None]]  # fmt: skip
    for name in "12":
        put(tmp_path, f"mine/{name}.wav")
    excel(tmp_path / "mine/my.xlsx", rows)
    put(tmp_path, "mine/my.csv", "path,speaker,emotion,age\n1.wav,1,sad,31\n2.wav,2,happy,\n")
    from_excel, from_csv = (read(tmp_path, corpus(table=f"mine/my.{kind}")) for kind in ("xlsx", "csv"))
    assert from_excel == from_csv
    assert [row.speaker for row in from_excel] == ["1", "2"]


def test_damaged_excel_file_is_named(tmp_path):
    put(tmp_path, "mine/my.xlsx", "PK\x03\x04 and so on")
    [problem] = read(tmp_path, corpus(table="mine/my.xlsx"))[:1]
    assert problem.reason.startswith("not readable as an Excel file")


def test_absolute_paths_below_the_folder_are_understood(tmp_path):
    put(tmp_path, "mine/a/1.wav")
    put(tmp_path, "other/2.wav")
    lines = [f"{tmp_path}/mine/a/1.wav,A,sad", f"{tmp_path}/other/2.wav,A,sad", "/etc/passwd,A,sad"]
    put(tmp_path, "mine/my.csv", "path,speaker,emotion\n" + "\n".join(lines) + "\n")
    result = read(tmp_path, corpus())
    assert [item.path for item in result if isinstance(item, Utterance)] == ["mine/a/1.wav"]
    assert sum("leads out of the folder" in getattr(item, "reason", "") for item in result) == 2


@pytest.fixture
def study(tmp_path):
    """A study of a table with an unknown label and a lost row, of EMO-DB, and of a corpus that is misspelt."""
    for name in "123":
        speech(tmp_path / "raw" / "mine" / f"{name}.wav")
    put(tmp_path / "raw", "mine/my.csv", "path,speaker,emotion,text\n1.wav,ann,1,<b>Ja</b>\n2.wav,ben,angry,\n"
        "3.wav,ben,wütend,\n4.wav,ben,angry,\n")  # fmt: skip
    tree = {
        "data": {"raw": str(tmp_path / "raw")},
        "corpora": {"mine": {"table": "mine/my.csv", "labels": {1: "neutral"}}},
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return tmp_path / "study.yaml"


def test_command_says_what_was_read_and_writes_a_page(study, capsys):
    assert main(["check", str(study), "--out", str(study.parent / "page.html")]) == 1  # two rows are lost
    printed = capsys.readouterr().out
    assert "mine: 2 utterances, 2 speakers, 2 labels, 2 lost" in printed
    assert "speaker = 'speaker'" in printed
    assert "1 (neutral) 1" in printed
    assert "unknown label 'wütend'" in printed
    page = (study.parent / "page.html").read_text(encoding="utf-8")
    assert page.count("data:audio/flac;base64,") == 2
    assert "<b>Ja</b>" not in page
    assert "&lt;b&gt;Ja" in page
    assert "http" not in page.replace("http-equiv", "")


def test_misspelt_corpora_are_named(study, capsys):
    assert main(["check", str(study), "--set", "corpora.emobd={}", "--out", str(study.parent / "page.html")]) == 1
    assert "did you mean 'emodb'" in capsys.readouterr().err


def test_faults_of_a_table_are_known_without_reading_recordings(tmp_path):
    put(tmp_path, "mine/my.csv", "datei,speaker,emotion\n1.wav,A,fröhlich\n2.wav,A,angri\n3.wav,A,angri\n")
    assert check.table_fault(corpus(), tmp_path).startswith("no column is recognised as path")
    assert check.table_fault(corpus(columns={"path": "datei"}), tmp_path) is None
    assert check.unknown_labels(corpus(), tmp_path) == {"angri": (2, "angry"), "fröhlich": (1, "")}
    put(tmp_path, "mine/my.csv", "path,speaker,emotion\n")
    assert "has no rows" in check.table_fault(corpus(), tmp_path)


def test_lists_warn_of_tables_and_labels_and_a_run_is_refused_before_its_first_step(study):
    listed = call_run_all(study, "--list", "--name", "pytest-own-check")
    assert listed.returncode == 0
    assert "warning: corpora.mine.labels: 1 rows have the label 'wütend'" in listed.stdout
    (study.parent / "raw/mine/my.csv").write_text("datei,wer,was\n1.wav,ann,angry\n")
    listed = call_run_all(study, "--list", "--name", "pytest-own-check")
    assert "warning: corpora.mine.table: " in listed.stdout
    assert "no column is recognised as path" in listed.stdout
    refused = call_run_all(study, "--name", "pytest-own-check")
    assert refused.returncode == 2
    assert "no column is recognised as path" in refused.stderr
    assert not (files.ROOT / "outputs/pytest-own-check").exists()
