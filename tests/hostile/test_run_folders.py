"""Run folders of strangers are read and compared; nothing in them is run."""

import dataclasses
import io
import json
import os
import shutil

import pytest

from mer import files
from mer.corpora.synthetic import record, trees
from mer.dataset.manifest import parameter_checks
from mer.params.data import Synthetic
from mer.params.load import load
from mer.runner import StudyError
from mer.runner.compare.replay import verify
from mer.runner.compare.run_folders import compare
from mer.runner.lock import refuse_other_study
from mer.runner.reporting.screen import Screen
from tests.hostile.test_tables import BOMB
from tests.runner.conftest import Toys


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, which no test changes."""
    toys = Toys(tmp_path_factory.mktemp("study"))
    toys.add("01_make_data", writes=["tables/a.json"])
    assert toys.run() == 0, toys.screen
    return toys


def armed(folder, marker):
    """Let every notebook of a run folder write a file if it is run."""
    for path in folder.rglob("*.ipynb"):
        book = json.loads(path.read_text(encoding="utf-8"))
        for cell in book["cells"]:
            if cell["cell_type"] == "code":
                cell["source"] = f"open({str(marker)!r}, 'w').close()"
        path.write_text(json.dumps(book), encoding="utf-8")


def test_verify_runs_its_own_notebooks_and_says_so(finished, tmp_path):
    study = dataclasses.replace(finished.study, folder=tmp_path / "run")
    shutil.copytree(finished.study.folder, study.folder)
    armed(study.folder, tmp_path / "ran")
    out = io.StringIO()
    verify(study, screen=Screen(out, live=False))
    assert (
        f"with the notebooks and the code of {files.ROOT}; of that run only the parameters are used" in out.getvalue()
    )
    assert not (tmp_path / "ran").exists()


def test_compare_runs_nothing_and_says_so(finished, tmp_path):
    other = shutil.copytree(finished.study.folder, tmp_path / "other")
    armed(other, tmp_path / "ran")
    out = io.StringIO()
    compare(finished.study.folder, other, out)
    assert "read only: nothing of either is run" in out.getvalue()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", [BOMB, "a: " + "[" * 5000, "a: " + "9" * 5000, "a: 2024-13-45"])
def test_parameters_of_a_stranger_are_one_message(finished, tmp_path, text):
    other = shutil.copytree(finished.study.folder, tmp_path / "other")
    (other / "params.yaml").write_text(text)
    with pytest.raises(StudyError, match=r"params\.yaml cannot be read"):
        compare(finished.study.folder, other, io.StringIO())
    refuse_other_study(other, "x")  # reads the same file, and lets the runner write it


def test_a_stamp_that_is_nested_too_deeply_is_left_out(finished, tmp_path):
    other = shutil.copytree(finished.study.folder, tmp_path / "other")
    [stamp] = (other / "stamps").glob("*.json")
    stamp.write_text('{"a":' * 50_000)
    with pytest.raises(StudyError, match="no finished step"):
        compare(finished.study.folder, other, io.StringIO())


def test_two_studies_do_not_replace_each_others_synthetic_corpora(tmp_path):
    raw = tmp_path / "raw"
    truth = trees.write(raw, Synthetic(speakers=2, clips=1))
    with pytest.raises(ValueError, match=r"with speakers 2 and not 3, which another study may read; name another"):
        trees.write(raw, Synthetic(speakers=3, clips=1))
    assert record.read(raw) == truth
    assert trees.write(raw, Synthetic(speakers=2, clips=1)) == truth
    params = load("params/demo.yaml", [f"data.raw={raw}"])
    [problem] = parameter_checks.problems(params)
    assert "data.synthetic" in problem
    assert "--set data.raw=" in problem


def test_a_writer_that_was_killed_leaves_nothing_for_ever(tmp_path):
    for name in (".raw.4711.partial", ".raw.4711.old", ".raw.4712.partial"):
        (tmp_path / name / "x").mkdir(parents=True)
        if "4711" in name:
            os.utime(tmp_path / name, (0, 0))
    trees.write(tmp_path / "raw", Synthetic(speakers=2, clips=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".raw.4712.partial", "raw"]
