"""Comparing run folders with stamps that are unreadable, edited or unfinished, and folders without a run."""

import io
import shutil

import pytest

from mer import files
from mer.runner.compare.run_folders import compare
from mer.runner.study import StudyError
from tests.runner.run_folders import STEPS


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", '{"format": 1, "state": "done"}', "[" * 100_000])
def test_a_step_with_an_unreadable_stamp_is_left_out(sections, pair, text):
    pair[1].write("stamps/05_ablate.json", text)
    pair[1].table("tables/more/seed=0.csv", 0.75)
    code, report = sections()
    assert report["head"][3] == (
        "left out: stamps/05_ablate.json in b is no stamp, or is of another version of the runner"
    )
    assert code == 1  # the table is still one of the other run's results


def test_a_step_whose_stamps_are_unreadable_in_both_runs_is_no_success(sections, pair):
    for run in pair:
        run.write("stamps/05_ablate.json", "{")
        run.table("tables/more/seed=0.csv", 0.75)
    code, report = sections()
    assert len([line for line in report["head"] if line.startswith("left out: stamps/05_ablate.json")]) == 2
    assert code == 1  # its tables are in no list of outputs


@pytest.mark.parametrize("state", ["started", "failed", "interrupted", None])
def test_an_unfinished_step_is_left_out(sections, pair, state):
    pair[0].stamp("06_ablate", state=state)
    assert sections()[1]["head"][3] == "left out: 06_ablate in a is not finished"


@pytest.mark.parametrize("parts", [None, [], {}, {"modules": 3, "inputs": [], "code": "x"}])
@pytest.mark.parametrize("outputs", [None, [], {}])
def test_an_edited_stamp_is_read_as_far_as_possible(sections, pair, parts, outputs):
    pair[0].change("stamps/01_build.json", parts=parts, outputs=outputs)
    assert sections()[0] == 0


def test_hidden_files_next_to_stamps_do_not_count(sections, pair):
    pair[0].write("stamps/.01_build.1.partial.json", "{")
    assert sections()[1]["head"] == ["was: a", "is:  b", "(read only: nothing of either is run)"]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: shutil.rmtree(path), "{} is no run folder: it has no params.yaml, or no stamps"),
        (lambda path: shutil.rmtree(path / "stamps"), "{} is no run folder: it has no params.yaml, or no stamps"),
        (lambda path: (path / "params.yaml").unlink(), "{} is no run folder: it has no params.yaml, or no stamps"),
        (lambda path: [p.unlink() for p in path.rglob("stamps/**/*.json")], "{} has no finished step"),
        (lambda path: (path / "params.yaml").write_text("a: ["), "{}/params.yaml cannot be read (while parsing"),
        (lambda path: (path / "params.yaml").write_bytes(b"\xff"), "{}/params.yaml cannot be read ("),
        (lambda path: (path / "params.yaml").write_text("[" * 400), "{}/params.yaml cannot be read ("),
        (lambda path: (path / "params.yaml").write_text("- a"), "{}/params.yaml holds no parameters"),
    ],
)
def test_a_folder_without_a_run_is_refused(pair, which, spoil, message):
    spoil(pair[which].path)
    out = io.StringIO()
    with pytest.raises(StudyError) as caught:
        compare(pair[0].path, pair[1].path, out)
    [problem] = caught.value.problems
    assert problem.startswith(message.format("ab"[which]))
    assert "\n" not in problem
    assert out.getvalue() == ""


def test_a_run_without_a_finished_step_is_refused(pair):
    for step in STEPS:
        pair[0].stamp(step, state="failed")
    with pytest.raises(StudyError, match="a has no finished step\n01_build in a is not finished"):
        compare(pair[0].path, pair[1].path, io.StringIO())


def test_a_folder_that_cannot_be_read_is_refused(pair, monkeypatch):
    def deny(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "read_json", deny)
    with pytest.raises(StudyError, match=r"a cannot be read \(Permission denied\)"):
        compare(pair[0].path, pair[1].path, io.StringIO())


def test_a_file_instead_of_a_folder_is_refused(pair):
    with pytest.raises(StudyError, match="is no run folder"):
        compare(pair[0].path / "params.yaml", pair[1].path, io.StringIO())
