"""Finished runs are copied to an address and back, and nothing is taken that is not what was copied."""

import io
import json
import shutil

import pytest

from mer.runner import StudyError
from mer.runner.transfer import runs as transfer
from tests.runner.conftest import Toys
from tests.test_shared import address, bucket  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, which no test changes."""
    toys = Toys(tmp_path_factory.mktemp("study"))
    toys.add("01_make_data", writes=["tables/a.json"])
    toys.add("02_use_data", reads=["tables/a.json"], writes=["tables/b.json"])
    assert toys.run() == 0, toys.screen
    (toys.study.folder / "interactive").mkdir()
    (toys.study.folder / "interactive" / "own.txt").write_text("private")
    return toys


@pytest.fixture
def copy(finished, tmp_path):
    """A study whose run folder may be changed."""
    import dataclasses

    folder = shutil.copytree(finished.study.folder, tmp_path / "run")
    return dataclasses.replace(finished.study, folder=folder)


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def test_a_run_comes_back_as_it_was(copy, tmp_path, address):  # noqa: F811
    out = io.StringIO()
    assert transfer.push(copy, address, out) == 0
    assert transfer.push(copy, address, out) == 0  # again
    assert transfer.pull(address, tmp_path / "outputs", "other", out) == 0
    expected = {name: data for name, data in content(copy.folder).items() if not name.startswith("interactive/")}
    assert content(tmp_path / "outputs" / "other") == expected
    assert transfer.pull(address, tmp_path / "outputs", None, out) == 0
    assert content(tmp_path / "outputs" / "run") == expected
    assert "all as they were copied to" in out.getvalue()


def test_an_unfinished_or_edited_run_is_not_copied(copy, tmp_path):
    (copy.folder / "tables" / "a.json").write_text("edited")
    stamp = copy.folder / "stamps" / "02_use_data.json"
    stamp.write_text(stamp.read_text().replace('"done"', '"failed"'))
    with pytest.raises(StudyError) as error:
        transfer.push(copy, str(tmp_path / "there"), io.StringIO())
    assert "tables/a.json is not what 01_make_data wrote" in error.value.problems[0]
    assert "02_use_data is not finished" in error.value.problems[1]
    assert not (tmp_path / "there").exists()


def pushed(copy, tmp_path):
    transfer.push(copy, str(tmp_path / "there"), io.StringIO())
    return tmp_path / "there"


def refused(tmp_path, match, name="new"):
    with pytest.raises(StudyError, match=match):
        transfer.pull(str(tmp_path / "there"), tmp_path / "outputs", name, io.StringIO())
    assert not any((tmp_path / "outputs").glob("*")), "something was left in outputs/"


@pytest.mark.parametrize("name", ["tables/b.json", "params.yaml", "stamps/01_make_data.json", "index.html"])
def test_a_flipped_byte_is_found_and_nothing_is_put_in_place(copy, tmp_path, name):
    path = pushed(copy, tmp_path) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refused(tmp_path, f"{name}: is not the file that was copied there")
    path.unlink()
    refused(tmp_path, f"{name}: is missing")


def test_a_copy_that_was_interrupted_is_no_run(copy, tmp_path):
    (pushed(copy, tmp_path) / "digests.json").unlink()
    refused(tmp_path, "no complete folder is there")


@pytest.mark.parametrize(
    "name", ["../outside.txt", "/etc/outside", "a/../../b", "c:\\x", "a//b", "./a", ".hidden/x", "", "a/", "nul\0"]
)
def test_names_that_lead_outside_are_refused(copy, tmp_path, name):
    path = pushed(copy, tmp_path) / "digests.json"
    listed = json.loads(path.read_text())
    listed["files"][name] = "0" * 64
    path.write_text(json.dumps(listed))
    refused(tmp_path, "no name of a file inside of the folder")


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"files": {}},
        {"files": {"params.yaml": "abc"}},
        {"files": {"params.yaml": 3}},
        {"format": 2},
    ],
)
def test_lists_of_another_form_are_refused(copy, tmp_path, change):
    path = pushed(copy, tmp_path) / "digests.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    refused(tmp_path, "digests.json: ")
    path.write_bytes(b"[" * 100_000)
    refused(tmp_path, "not readable")
    path.write_bytes(b"\xff\xfe")
    refused(tmp_path, "not readable")


@pytest.mark.parametrize("name", ["..", "a/b", ".hidden", "", "x" * 200, 3])
def test_the_name_of_a_run_is_that_of_one_folder(copy, tmp_path, name):
    path = pushed(copy, tmp_path) / "digests.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"run": name}))
    refused(tmp_path, "give one with --name", name=None)


def test_no_folder_is_replaced(copy, tmp_path):
    pushed(copy, tmp_path)
    (tmp_path / "outputs" / "new").mkdir(parents=True)
    with pytest.raises(StudyError, match="exists already; choose another --name"):
        transfer.pull(str(tmp_path / "there"), tmp_path / "outputs", "new", io.StringIO())
    (copy.folder / "logs" / "another.log").write_text("x")
    with pytest.raises(StudyError, match="has another folder already"):
        transfer.push(copy, str(tmp_path / "there"), io.StringIO())
