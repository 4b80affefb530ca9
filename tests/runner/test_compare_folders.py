"""Two run folders side by side. No step is run: the folders are written as the runner leaves them."""

import io
import json
import shutil

import pytest

from mer import files
from mer.runner.compare.run_folders import compare
from mer.runner.staleness import stamps
from mer.runner.study import StudyError
from tests.runner.conftest import cell

STEPS = ("01_build", "05_ablate", "06_ablate")
SUMMARY = {
    "study": "demo",
    "python": "3.11.7",
    "packages": {"numpy": "2.3.1"},
    "git": {"commit": "abc", "dirty": False},
    "hardware": {"cpus": 2, "gpu": None},
}


class Folder:
    """A run folder with a few finished steps."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        (path / "params.yaml").write_text("name: demo\ntraining:\n  epochs: 3\n")
        self.write("run.json", SUMMARY)
        self.table("tables/results.csv", 0.5)
        self.table("tables/more/seed=0.csv", 0.5)
        inputs = {"raw": "1", "data/x/y.csv": "2", "lists": "3"}
        for step, outputs in zip(STEPS, (["data/x"], ["tables/more"], ["tables/results.csv"]), strict=True):
            self.stamp(step, inputs=inputs, modules={"mer.a": "1", "mer.b": "1"}, outputs=outputs)
            self.book(step, "import mer\n\nfit(1)")

    def write(self, name, value):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        text = value if isinstance(value, str) else json.dumps(value)
        (self.path / name).write_text(text, encoding="utf-8")

    def table(self, name, value):
        self.write(name, f"system,UAR\nx,{value}\n")

    def stamp(self, step, state="done", outputs=(), **parts):
        outputs = dict.fromkeys(outputs, "sha")
        parts = {"study": "demo", "code": ["1"]} | parts
        self.write(
            f"stamps/{step}.json",
            {"format": stamps.FORMAT, "state": state, "name": step, "parts": parts, "outputs": outputs},
        )

    def change(self, name, **values):
        self.write(name, json.loads((self.path / name).read_text()) | values)

    def book(self, step, *sources, path=None):
        cells = [cell("markdown", "# Title"), cell("code", f"params = {str(path or self.path)!r}", 1)]
        cells[1]["metadata"] = {"tags": ["injected-parameters"]}
        cells += [cell("code", source, at) for at, source in enumerate(sources, 2)]
        for at, one in enumerate(cells):
            if one["cell_type"] == "code":
                one |= {"execution_count": at, "outputs": [{"output_type": "stream", "text": str(self.path)}]}
        self.write(f"{step}.ipynb", {"cells": cells, "metadata": {"at": str(self.path)}, "nbformat": 4})


@pytest.fixture
def pair(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    return Folder(tmp_path / "a"), Folder(tmp_path / "b")


@pytest.fixture
def sections(pair):
    """Compare the two folders; returns the exit code, and the lines of each section."""

    def sections():
        out = io.StringIO()
        code = compare(pair[0].path, pair[1].path, out)
        head, *blocks = out.getvalue().rstrip("\n").split("\n\n")
        found = {"head": head.splitlines()}
        for block in blocks:
            title, *lines = block.splitlines()
            found[title] = [line[2:] for line in lines]
        assert list(found) == ["head", "Parameters", "Code", "Data", "Versions", "Results"]
        assert "\x1b" not in out.getvalue()
        return code, found

    return sections


def test_two_runs_that_are_the_same(sections):
    code, found = sections()
    assert code == 0
    assert found == {
        "head": ["was: a", "is:  b"],
        "Parameters": ["the same"], "Code": ["the same"], "Data": ["the same"], "Versions": ["the same"],
        "Results": ["the same to the byte: 2 files"],
    }  # fmt: skip


def test_parameters_are_named(sections, pair):
    pair[1].write("params.yaml", "name: other\ntraining:\n  epochs: 9\n  2: x\n")
    code, found = sections()
    assert code == 0
    assert found["Parameters"] == [
        "name is other, was demo",
        "training.2 is x, was not set",
        "training.epochs is 9, was 3",
    ]


def test_code_is_shown_as_a_difference_of_sources(sections, pair):
    pair[1].book("01_build", "import mer\n\nfit(2)", "print('ü')")
    code, found = sections()
    assert code == 0
    assert found["Code"][0] == "01_build.ipynb"
    assert "  -  fit(1)" in found["Code"]
    assert "  +  fit(2)" in found["Code"]
    assert "  +      print('ü')" in found["Code"]
    assert not any("Title" in line or "params" in line or "stream" in line for line in found["Code"])


def test_notebooks_that_differ_alike_are_shown_once(sections, pair):
    for step in STEPS:
        pair[1].book(step, "import mer\n\nfit(2)")
    _, found = sections()
    assert [line for line in found["Code"] if "ipynb" in line] == ["01_build.ipynb and 2 more with the same changes"]
    assert found["Code"].count("  +  fit(2)") == 1


def test_notebooks_in_one_run_only_and_none_at_all(sections, pair):
    (pair[1].path / "01_build.ipynb").unlink()
    pair[1].write("05_ablate.ipynb", "{")
    pair[0].write("06_ablate.ipynb", {"cells": [3]})
    _, found = sections()
    assert found["Code"] == [
        "01_build.ipynb is not in b",
        "05_ablate.ipynb is no notebook in b",
        "06_ablate.ipynb is no notebook in a",
    ]


@pytest.mark.parametrize(
    "book", ["", "[]", "[" * 100_000, {"cells": [{"cell_type": "code", "source": 3}]}, {"cells": [{"source": ""}]},
             {"cells": None}, {"cells": [{"cell_type": "code", "metadata": None}]}],
)  # fmt: skip
def test_a_notebook_that_is_none_is_told(sections, pair, book):
    pair[0].write("01_build.ipynb", book)
    assert sections()[1]["Code"] == ["01_build.ipynb is no notebook in a"]


def test_modules_that_differ_are_named_on_one_line(sections, pair):
    pair[1].stamp(STEPS[0], modules={"mer.a": "2", "mer.b": "2", "mer.new": "1"})
    assert sections()[1]["Code"] == ["modules that differ: mer.a, mer.b"]


def test_data_are_inputs_that_no_step_writes(sections, pair):
    pair[1].stamp(STEPS[0], inputs={"raw": "9", "data/x/y.csv": "9", "lists": None, "more": "1"}, outputs=["data/x"])
    assert sections()[1]["Data"] == [
        "lists differs",
        "more is only read in b",
        "raw differs in the names, sizes or times of its files",
    ]


@pytest.mark.parametrize("output", ["lists", "lists/deep/one.csv", "lists/"])
def test_an_input_that_overlaps_an_output_is_not_data(sections, pair, output):
    pair[0].stamp("02_lists", outputs=[output])
    pair[0].book("02_lists")
    pair[1].stamp(STEPS[0], inputs={"raw": "1", "lists": "9"})
    assert sections()[1]["Data"] == ["the same"]


def test_versions_are_named(sections, pair):
    pair[1].change("run.json", python="3.12.1", packages={"numpy": "2.4.0"}, git=None, hardware={"cpus": 4, "gpu": "H"})
    assert sections()[1]["Versions"] == [
        "git is null, was {commit: abc, dirty: false}",
        "hardware.cpus is 4, was 2",
        "hardware.gpu is H, was null",
        "Python is 3.12.1, was 3.11.7",
        "numpy is 2.4.0, was 2.3.1",
    ]


@pytest.mark.parametrize("text", [None, "", "[]", "\x00"])
def test_a_summary_that_is_none_is_told(sections, pair, text):
    (pair[0].path / "run.json").unlink()
    if text is not None:
        pair[0].write("run.json", text)
    assert sections()[1]["Versions"] == ["unknown: run.json in a cannot be read"]


def test_a_summary_of_another_form_is_not_tripped_over(sections, pair):
    pair[0].write("run.json", {"packages": 3, "python": 3, "hardware": []})
    assert "numpy is 2.3.1, was not set" in sections()[1]["Versions"]


def test_results_that_differ_are_told_with_by_how_much(sections, pair):
    pair[1].table("tables/results.csv", 0.75)
    code, found = sections()
    assert code == 1
    assert found["Results"] == [
        "tables/results.csv: 1 of 1 number differs, by at most 0.25 (UAR at system=x)",
        "the same to the byte: 1 other file",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "only in a"), ("", "cannot be read in b (No columns"), ("system,UAR\nx,0.50\n", "the same values")],
)
def test_results_that_are_not_there_or_no_tables_differ(sections, pair, content, told):
    (pair[1].path / "tables/results.csv").unlink()
    if content is not None:
        pair[1].write("tables/results.csv", content)
    code, found = sections()
    assert code == 1
    assert found["Results"][0].startswith(f"tables/results.csv: {told}")


def test_results_that_are_in_neither_run_are_not_the_same(sections, pair):
    for folder in pair:
        (folder.path / "tables/results.csv").unlink()
    code, found = sections()
    assert code == 1
    assert found["Results"][0] == "tables/results.csv: neither in a nor in b"


def test_only_what_lies_below_tables_is_a_result(sections, pair):
    outside = ["data/y.csv", "../b/run.json", "/etc/hostname", "tables/../run.json", ".", ""]
    for folder in pair:
        folder.write("data/y.csv", str(folder.path))
        for step in STEPS:
            folder.stamp(step, outputs=outside)
    code, found = sections()
    assert code == 0
    assert found["Results"] == ["no step wrote into tables/"]


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", '{"format": 1, "state": "done"}', "[" * 100_000])
def test_a_stamp_that_is_none_leaves_its_step_out(sections, pair, text):
    pair[1].write("stamps/05_ablate.json", text)
    pair[1].table("tables/more/seed=0.csv", 0.75)
    code, found = sections()
    assert found["head"][2] == (
        "left out: stamps/05_ablate.json in b is no stamp, or is of another version of the runner"
    )
    assert code == 1  # the table is still one of the other run's results


@pytest.mark.parametrize("state", ["started", "failed", "interrupted", None])
def test_a_step_that_is_not_finished_is_left_out(sections, pair, state):
    pair[0].stamp("06_ablate", state=state)
    assert sections()[1]["head"][2] == "left out: 06_ablate in a is not finished"


@pytest.mark.parametrize("parts", [None, [], {}, {"modules": 3, "inputs": [], "code": "x"}])
@pytest.mark.parametrize("outputs", [None, [], {}])
def test_a_stamp_that_was_edited_is_read_as_far_as_it_goes(sections, pair, parts, outputs):
    pair[0].change("stamps/01_build.json", parts=parts, outputs=outputs)
    assert sections()[0] == 0


def test_hidden_files_beside_stamps_do_not_count(sections, pair):
    pair[0].write("stamps/.01_build.1.partial.json", "{")
    assert sections()[1]["head"] == ["was: a", "is:  b"]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "told"),
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
def test_what_is_no_run_folder_is_refused(pair, which, spoil, told):
    spoil(pair[which].path)
    out = io.StringIO()
    with pytest.raises(StudyError) as caught:
        compare(pair[0].path, pair[1].path, out)
    [problem] = caught.value.problems
    assert problem.startswith(told.format("ab"[which]))
    assert "\n" not in problem
    assert out.getvalue() == ""


def test_a_run_whose_steps_all_failed_says_so(pair):
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


def test_a_file_in_place_of_a_folder_is_refused(pair):
    with pytest.raises(StudyError, match="is no run folder"):
        compare(pair[0].path / "params.yaml", pair[1].path, io.StringIO())
