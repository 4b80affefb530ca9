"""The differences between two run folders. No step is run: the folders are written as the runner leaves them."""

import pytest

from tests.runner.run_folders import STEPS


def test_identical_runs_have_no_differences(sections):
    code, report = sections()
    assert code == 0
    assert report == {
        "head": ["was: a", "is:  b", "(read only: nothing of either is run)"],
        "Parameters": ["the same"], "Code": ["the same"], "Data": ["the same"], "Versions": ["the same"],
        "Results": ["the same to the byte: 2 files"],
    }  # fmt: skip


def test_parameters_are_named(sections, pair):
    pair[1].write("params.yaml", "name: other\ntraining:\n  epochs: 9\n  2: x\n")
    code, report = sections()
    assert code == 0
    assert report["Parameters"] == [
        "name is other, was demo",
        "training.2 is x, was not set",
        "training.epochs is 9, was 3",
    ]


def test_code_is_shown_as_a_difference_of_sources(sections, pair):
    pair[1].book("01_build", "import mer\n\nfit(2)", "print('ü')")
    code, report = sections()
    assert code == 0
    assert report["Code"][0] == "01_build.ipynb"
    assert "  -  fit(1)" in report["Code"]
    assert "  +  fit(2)" in report["Code"]
    assert "  +      print('ü')" in report["Code"]
    assert not any("Title" in line or "params" in line or "stream" in line for line in report["Code"])


def test_notebooks_with_the_same_difference_are_shown_once(sections, pair):
    for step in STEPS:
        pair[1].book(step, "import mer\n\nfit(2)")
    _, report = sections()
    assert [line for line in report["Code"] if "ipynb" in line] == ["01_build.ipynb and 2 more with the same changes"]
    assert report["Code"].count("  +  fit(2)") == 1


def test_notebooks_of_one_run_only_are_named(sections, pair):
    (pair[1].path / "01_build.ipynb").unlink()
    pair[1].write("05_ablate.ipynb", "{")
    pair[0].write("06_ablate.ipynb", {"cells": [3]})
    _, report = sections()
    assert report["Code"] == [
        "01_build.ipynb is not in b",
        "05_ablate.ipynb is no notebook in b",
        "06_ablate.ipynb is no notebook in a",
    ]


@pytest.mark.parametrize(
    "book", ["", "[]", "[" * 100_000, {"cells": [{"cell_type": "code", "source": 3}]}, {"cells": [{"source": ""}]},
             {"cells": None}, {"cells": [{"cell_type": "code", "metadata": None}]}],
)  # fmt: skip
def test_an_unreadable_notebook_is_reported(sections, pair, book):
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
def test_an_unreadable_summary_is_reported(sections, pair, text):
    (pair[0].path / "run.json").unlink()
    if text is not None:
        pair[0].write("run.json", text)
    assert sections()[1]["Versions"] == ["unknown: run.json in a cannot be read"]


def test_a_summary_of_another_form_is_accepted(sections, pair):
    pair[0].write("run.json", {"packages": 3, "python": 3, "hardware": []})
    assert "numpy is 2.3.1, was not set" in sections()[1]["Versions"]


def test_different_results_are_reported_with_the_difference(sections, pair):
    pair[1].table("tables/results.csv", 0.75)
    code, report = sections()
    assert code == 1
    assert report["Results"] == [
        "tables/results.csv: 1 of 1 number differs, by at most 0.25 (UAR at system=x)",
        "the same to the byte: 1 other file",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "only in a"), ("", "cannot be read in b (No columns"), ("system,UAR\nx,0.50\n", "the same values")],
)
def test_missing_or_unreadable_results_differ(sections, pair, content, message):
    (pair[1].path / "tables/results.csv").unlink()
    if content is not None:
        pair[1].write("tables/results.csv", content)
    code, report = sections()
    assert code == 1
    assert report["Results"][0].startswith(f"tables/results.csv: {message}")


def test_results_that_both_runs_lack_are_not_the_same(sections, pair):
    for folder in pair:
        (folder.path / "tables/results.csv").unlink()
    code, report = sections()
    assert code == 1
    assert report["Results"][0] == "tables/results.csv: neither in a nor in b"


def test_only_files_below_tables_are_results(sections, pair):
    outside = ["data/y.csv", "../b/run.json", "/etc/hostname", "tables/../run.json", ".", ""]
    for folder in pair:
        folder.write("data/y.csv", str(folder.path))
        for step in STEPS:
            folder.stamp(step, outputs=outside)
    code, report = sections()
    assert code == 0
    assert report["Results"] == ["no step wrote into tables/"]
