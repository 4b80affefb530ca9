"""Replay of a finished run, and comparison of two runs."""

import io
import json
import random
import re
import shutil
import subprocess
import sys

import pytest

from mer.runner import StudyError, lock
from mer.runner.compare import files
from mer.runner.compare.replay import scratch, verify
from mer.runner.compare.run_folders import compare
from mer.runner.reporting.rendering import render
from mer.runner.reporting.screen import Screen
from mer.runner.staleness import dependencies
from tests.runner.conftest import wait_for

TABLE = """import csv, {module}
with (folder / 'tables.csv').open('w', newline='') as file:
    rows = csv.writer(file)
    rows.writerow(['corpus', 'value'])
    rows.writerows([('emodb', 0.5), ('ravdess', {value})])
"""


@pytest.fixture
def finished(toys):
    toys.add("01_make_data", writes=["data/a"], uses=["training"])
    toys.add("02_score", TABLE.format(module="math", value=0.25), reads=["data/a"], writes=["tables.csv"])
    assert toys.run() == 0
    return toys


def check(toys):
    out = io.StringIO()
    return verify(toys.study, screen=Screen(out, live=False)), out.getvalue()


def test_a_replayed_run_has_the_same_files(finished):
    before = {path: path.read_bytes() for path in finished.study.folder.rglob("*") if path.is_file()}
    code, message = check(finished)
    assert code == 0, message
    assert "same     data/a" in message
    assert "all 2 files are the same to the byte" in message
    assert "nothing has changed since that run" in message
    assert not scratch(finished.study.folder).exists()
    after = {path: path.read_bytes() for path in finished.study.folder.rglob("*") if path.is_file()}
    assert after == before


def test_a_run_of_another_day_is_replayed_with_its_day(toys):
    toys.add("01_page", "(folder / 'page.html').write_text(os.environ['MER_DAY'])", writes=["page.html"])
    toys.change(days={"01_page": "2024-02-29"})
    assert toys.run() == 0
    assert (toys.study.folder / "page.html").read_text(encoding="utf-8") == "2024-02-29"
    assert "· 2024-02-29</title>" in (toys.study.folder / "01_page.html").read_text(encoding="utf-8")
    toys.change(days={})
    code, message = check(toys)
    assert code == 0, message


def test_a_number_that_differs_is_reported_with_size_and_location(finished):
    value = f"{random.random()!r} if 'verify' in str(folder) else 0.25"  # noqa: S311
    finished.add("02_score", TABLE.format(module="math", value=value), reads=["data/a"], writes=["tables.csv"])
    assert finished.run() == 0
    code, message = check(finished)
    assert code == 1
    assert re.search(r"differs  tables.csv: 1 of 2 numbers differ|differs  tables.csv: .*value.*ravdess", message), (
        message
    )
    assert "nothing has changed since that run" in message
    assert scratch(finished.study.folder).exists()  # to be looked at


def test_changes_since_the_run_are_named(finished):
    def change(cells):
        cells[-1]["source"] = cells[-1]["source"].replace("0.25", "0.75")

    finished.edit("02_score", change)
    finished.change(params={"training": {"epochs": 4}})
    code, message = check(finished)
    assert code == 1
    assert "what has changed since that run:" in message
    assert "01_make_data: training.epochs is 4, was 3" in message
    assert re.search(r"02_score: code cells? 3", message), message
    assert "differs  tables.csv" in message


def test_an_output_changed_by_hand_is_named(finished):
    (finished.study.folder / "tables.csv").write_text("corpus,value\nemodb,0.99\n")
    code, message = check(finished)
    assert code == 1
    assert "02_score: tables.csv is not what the step wrote" in message


def test_only_a_finished_run_can_be_verified(toys):
    with pytest.raises(StudyError, match="no finished step"):
        check(toys)
    toys.add("01_make_data", "1 / 0", writes=["a"])
    assert toys.run() == 1
    with pytest.raises(StudyError, match="01_make_data is not finished"):
        check(toys)


def test_a_failed_replay_is_reported(finished):
    finished.edit("02_score", lambda cells: cells[-1].update(source="1 / 0"))
    code, message = check(finished)
    assert code == 1
    assert "could not be replayed" in message


def test_two_runs_are_compared(finished):
    other = finished.study.folder.with_name("other")
    shutil.copytree(finished.study.folder, other)
    out = io.StringIO()
    for folder, epochs in ((finished.study.folder, 3), (other, 9)):
        (folder / "params.yaml").write_text(f"name: toy\ntraining: {{epochs: {epochs}}}\n")
        (folder / "tables").mkdir()
        (folder / "tables/x.csv").write_text(f"corpus,value\nemodb,0.{epochs}\n")
        path = folder / "stamps/02_score.json"
        stamp = json.loads(path.read_text())
        stamp["outputs"]["tables/x.csv"] = "x"
        del stamp["seal"]  # as that of a run before stamps were sealed
        path.write_text(json.dumps(stamp))
    book = json.loads((other / "02_score.ipynb").read_text())
    book["cells"][-1]["source"] += "\n# another line"
    (other / "02_score.ipynb").write_text(json.dumps(book))
    assert compare(finished.study.folder, other, out) == 1
    message = out.getvalue()
    assert "training.epochs is 9, was 3" in message
    assert "another line" in message
    assert "injected" not in message
    assert re.search(r"tables/x.csv: .*0\.6", message), message
    assert compare(other, other, io.StringIO()) == 0


def test_compare_refuses_folders_without_a_run(toys, tmp_path):
    with pytest.raises(StudyError, match="run folder"):
        compare(tmp_path, tmp_path, io.StringIO())


@pytest.mark.parametrize(
    ("name", "a", "b", "message"),
    [
        ("x.csv", "a,v\nx,1.0\n", "a,v\nx,1.00\n", "same values"),
        ("x.csv", "a,v\nx,1.0\n", "a,v\nx,1.5\n", "0.5"),
        ("x.csv", "a,v\nx,1.0\nz,1.0\n", "a,v\ny,1.0\nz,1.0\n", ""),
        ("x.csv", "a,v\nx,1.0\n", "a,w\nx,1.0\n", "only in"),
        ("x.csv", "a,v\nx,1.0\n", "\x00\xff", ""),
        ("x.json", '{"a": 1}', '{"a": 2}', "a"),
        ("x.json", '{"a": 1}', "{", ""),
        ("x.bin", "1", "22", "bytes"),
    ],
)
def test_the_difference_of_two_files_is_described(tmp_path, name, a, b, message):
    for folder, text in (("a", a), ("b", b)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    difference = files.difference(tmp_path / "a" / name, tmp_path / "b" / name)
    assert difference
    assert message in difference
    assert files.difference(tmp_path / "a" / name, tmp_path / "a" / name) is None


def test_pages_are_rendered_again_without_running(finished):
    page = finished.study.place("01_make_data", "html")
    finished.edit("01_make_data", lambda cells: cells[0].update(source="# Another title"))
    page.unlink()
    (finished.study.folder / "index.html").unlink()
    before = finished.study.place("01_make_data", "stamp").read_bytes()
    out = io.StringIO()
    assert render(finished.study, Screen(out, live=False)) == 0
    assert "<title>Another title · toy · 20" in page.read_text()
    assert "Another title" in (finished.study.folder / "index.html").read_text()
    assert finished.study.place("01_make_data", "stamp").read_bytes() == before
    finished.study.place("02_score", "ipynb").write_text("{")
    assert render(finished.study, Screen(out, live=False)) == 1
    assert "02_score.ipynb was changed after it ran" in out.getvalue()


def test_rendering_again_keeps_what_is_known_of_the_run(finished):
    path, page = (finished.study.folder / name for name in ("run.json", "index.html"))
    then = json.loads(path.read_text())
    then |= {"state": "failed", "started": "2026-01-01T08:00:00+00:00", "finished": None, "command": "then"}
    then |= {"packages": {"numpy": "0.1"}, "git": {"commit": "c" * 40, "dirty": False}}
    path.write_text(json.dumps(then))
    page.unlink()
    assert render(finished.study, Screen(io.StringIO(), live=False)) == 0
    assert json.loads(path.read_text()) == then
    for text in ("started 2026-01-01 08:00", "numpy 0.1", "<code>then</code>", "c" * 10, "toy · failed"):
        assert text in page.read_text()
    for damaged in ("", "{", "[]", '{"state": "done"}', json.dumps(then | {"hardware": 3})):
        path.write_text(damaged)
        assert render(finished.study, Screen(io.StringIO(), live=False)) == 0
        assert json.loads(path.read_text())["state"] == "done"
        assert "toy · done" in page.read_text()


def test_data_and_versions_that_changed_since_are_named(finished, tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.wav").write_text("1")
    finished.change(external={"raw": (raw, False)})
    copy = "import math\n(folder / 'sizes').write_text((folder.parent / 'raw/a.wav').read_text())"
    finished.add("03_measure", copy, reads=["raw"], writes=["sizes"])
    monkeypatch.setattr(dependencies, "locked_versions", lambda: {"numpy": "1.0"})
    assert finished.run() == 0
    summary = finished.study.folder / "run.json"
    then = json.loads(summary.read_text())
    then["packages"] |= {"scipy": "0.1"}
    then["hardware"] |= {"cpus": 999}
    summary.write_text(json.dumps(then))
    monkeypatch.setattr(dependencies, "locked_versions", lambda: {"numpy": "2.0"})
    (raw / "a.wav").write_text("22")
    code, message = check(finished)
    assert code == 1
    since = message.partition("what has changed since that run:\n")[2]
    assert "  03_measure: input raw changed\n" in since
    assert "  03_measure: numpy is 2.0, was 1.0\n" in since
    assert re.search(r"  installed scipy is \d\S+, was 0\.1\n", since)
    assert re.search(r"  cpus is \d+, was 999\n", since)
    assert re.search(r"differs  sizes: .*bytes", message), message


def test_a_failed_replay_names_the_changes(finished):
    finished.edit("02_score", lambda cells: cells[-1].update(source="1 / 0"))
    finished.change(params={"training": {"epochs": 4}})
    code, message = check(finished)
    assert code == 1
    assert "ZeroDivisionError" in message
    since = message.partition("what has changed since that run:\n")[2]
    assert "  01_make_data: training.epochs is 4, was 3\n" in since
    assert re.search(r"  02_score: code cells? 3", since), message


def test_a_run_folder_in_use_is_not_replayed(finished):
    with (
        lock.exclusive(finished.study.folder, lambda _: None),
        pytest.raises(StudyError, match=r"in use by another runner \(process \d+ on"),
    ):
        check(finished)
    assert check(finished)[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX processes")
def test_processes_of_a_killed_replay_are_ended_before_the_next(finished):
    writer = (
        "import pathlib, sys, time\nwhile True:\n    pathlib.Path(sys.argv[1]).write_text('x')\n    time.sleep(0.01)"
    )
    again = scratch(finished.study.folder)
    again.mkdir()
    left = subprocess.Popen([sys.executable, "-c", writer, str(again / "left")], env={"MER_RUN_FOLDER": str(again)})
    try:
        wait_for((again / "left").exists)
        assert check(finished)[0] == 0
        assert left.poll() is not None
    finally:
        left.kill()
        left.wait()
