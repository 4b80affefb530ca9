"""The changes that make a step run again. No kernel is started."""

import os
import shutil

import pytest

from mer import code_dependencies, file_cache, files
from mer.runner.staleness import dependencies, digests, stamps
from mer.runner.staleness.status import status_rows
from mer.runner.steps import notebook

NAME = "01_a_b"


def look(toys):
    step = notebook.read(toys.path(NAME))
    return step, dependencies.step_dependencies(toys.study, step)


@pytest.fixture
def sealed(toys, tmp_path, monkeypatch):
    """A toy repository with one finished step; returns the reason for running it again."""
    monkeypatch.setattr(files, "ROOT", tmp_path)
    package = tmp_path / "mer"
    for name in ("__init__", "alone", "used/__init__", "used/inner", "deep"):
        path = package / f"{name}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text('"""Says nothing."""\n')
    (package / "used/inner.py").write_text("def f():\n    from ..deep import thing  # late\n    return 1\n")
    folder = toys.study.folder
    (folder / "data").mkdir(parents=True)
    (folder / "data/manifest").write_text("1")
    (folder / "out").write_text("1")
    raw = tmp_path / "raw"
    (raw / "corpus").mkdir(parents=True)
    (raw / "corpus/a.wav").write_text("1")
    toys.change(external={"raw": (raw, False)})
    toys.add(NAME, "from mer.used import inner", uses=["training"], reads=["raw", "data"], writes=["out"])
    for kind in ("ipynb", "html"):
        toys.study.place(NAME, kind).write_text("")

    def reason():
        return dependencies.reason_to_run(toys.study, *look(toys))

    digests.run_digests.cache_clear()
    assert reason() == "never run"
    stamps.seal(toys.study, *look(toys), {"seconds": 1})
    assert reason() is None
    return reason


def test_code_counts_and_prose_does_not(sealed, toys):
    toys.edit(NAME, lambda cells: cells[3].update(source="## Another heading"))
    toys.edit(NAME, lambda cells: cells[4].update(id="new", outputs=[{"output_type": "stream", "text": "x"}]))
    assert sealed() is None
    toys.edit(NAME, lambda cells: cells[4].update(source="from mer.used import inner  # again"))
    assert sealed() == "code changed"


def test_only_declared_parameters_count(sealed, toys):
    toys.change(params={"training": {"epochs": 3}, "evaluation": {"seeds": [1]}})
    assert sealed() is None
    toys.change(params={"training": {"epochs": 4}})
    assert sealed() == "parameters training changed"


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("mer/used/inner.py", 'def f():\n    """Doc."""\n    from ..deep import thing\n\n    return 1\n', None),
        ("mer/used/inner.py", "def f():\n    from ..deep import thing\n    return 2\n", "mer.used.inner changed"),
        ("mer/deep.py", "thing = 1", "mer.deep changed"),
        ("mer/__init__.py", "version = 2", "mer changed"),
        ("mer/used/table.csv", "a,b", "mer/used/table.csv changed"),
        ("mer/used/data/deep/table.csv", "a,b", "mer/used/data/deep/table.csv changed"),
        ("mer/other/table.csv", "a,b", "mer/other/table.csv changed"),
        ("mer/used/__pycache__/inner.pyc", "", None),
        ("mer/alone.py", "x = 1", None),
        ("constraints.txt", "# numpy==1", None),
        ("constraints.txt", "numpy==1", "locked version of numpy changed"),
        ("run/data/manifest", "2", "input data changed"),
        ("run/data/new", "2", "input data changed"),
        ("raw/corpus/b.wav", "2", "input raw changed"),
    ],
)
def test_a_change_of_a_dependency_is_named(sealed, tmp_path, path, text, why):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert sealed() == why


@pytest.mark.parametrize("name", ["out", f"{NAME}.ipynb"])
def test_a_missing_output_counts(sealed, toys, name):
    (toys.study.folder / name).unlink()
    assert sealed() == f"output {name} is missing"


def test_a_touched_input_with_the_same_content_does_not_count(sealed, toys):
    os.utime(toys.study.folder / "data/manifest", (1, 1))
    assert sealed() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parts": 1}', '{"format": 1, "state": "done"}', "\x00"])
def test_an_unreadable_stamp_is_reported(sealed, toys, text):
    toys.study.place(NAME, "stamp").write_text(text)
    assert sealed() == "its stamp cannot be read, or is of another version of the runner"


def test_outputs_are_on_the_disk_before_the_stamp(toys, monkeypatch):
    """After a power failure, a stamp must not describe an output that was lost."""
    toys.add(NAME, writes=["out", "parts"])
    (toys.study.folder / "parts/deep").mkdir(parents=True)
    outputs = [toys.study.folder / name for name in ("out", "parts/a", "parts/deep/b")]
    for path in outputs:
        path.write_text("1")
    order = []
    sync, write = os.fsync, files.write_json
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append(os.fstat(descriptor).st_ino), sync(descriptor)))
    monkeypatch.setattr(files, "write_json", lambda path, value: (order.append(path.name), write(path, value)))
    stamps.seal(toys.study, *look(toys), {})
    assert set(order[:-1]) >= {path.stat().st_ino for path in outputs}
    assert order[-1] == f"{NAME}.json"


def test_explain_names_every_change(sealed, toys):
    def explained():
        [row] = status_rows(toys.study)
        return row.state, row.reason, row.changes

    assert explained() == ("unchanged", "", [])
    toys.change(params={"training": {"epochs": 4}})
    toys.edit(NAME, lambda cells: cells[4].update(source="from mer.used import inner  # again"))
    (toys.study.folder / "data/manifest").write_text("2")
    assert explained() == (
        "will run",
        "code changed",
        ["code cell 3 changed", "training.epochs is 4, was 3", "input data changed"],
    )
    toys.study.place(NAME, "stamp").unlink()
    assert explained() == ("will run", "never run", ["never run"])


def test_an_edited_stamp_is_not_used(sealed, toys):
    stamp = files.read_json(toys.study.place(NAME, "stamp"))
    stamp["parts"]["parameters"]["training"]["epochs"] = 4
    toys.change(params={"training": {"epochs": 4}})
    files.write_json(toys.study.place(NAME, "stamp"), stamp)
    assert sealed() == "its stamp was edited"


@pytest.mark.parametrize(
    ("entry", "value"), [("notices", ["3 of 4 clips"]), ("seconds", 9), ("outputs", {}), ("digest", "0")]
)
def test_nothing_of_an_edited_stamp_is_printed(sealed, toys, entry, value):
    stamp = files.read_json(toys.study.place(NAME, "stamp"))
    files.write_json(toys.study.place(NAME, "stamp"), stamp | {entry: value})
    assert sealed() == "its stamp was edited"
    assert stamps.finished(toys.study, NAME) is None
    assert stamps.notices(toys.study, NAME) == []


def test_a_stamp_of_an_earlier_version_has_no_seal(sealed, toys):
    stamp = files.read_json(toys.study.place(NAME, "stamp"))
    files.write_json(toys.study.place(NAME, "stamp"), {name: stamp[name] for name in stamp if name != stamps.SEAL})
    assert sealed() is None


@pytest.mark.parametrize("text", ["", "11", "x"])
def test_an_edited_or_truncated_output_counts(sealed, toys, text):
    (toys.study.folder / "out").write_text(text)
    assert sealed() == "output out was changed by hand, or only half of it is there"


@pytest.mark.parametrize("state", ["started", "failed", "interrupted", "whatever"])
def test_an_unfinished_step_runs_again(sealed, toys, state):
    step, _ = look(toys)
    stamps.write(toys.study, step, state)
    assert sealed() in dependencies.UNFINISHED_REASONS.values()
    assert stamps.last_duration(toys.study, step) == 1  # the time it took is kept for the next estimate


def test_a_clock_that_is_set_back_hides_no_change(sealed, toys, monkeypatch):
    for path in [toys.path(NAME), toys.study.place(NAME, "stamp"), toys.study.folder / "out"]:
        os.utime(path, (10**9, 10**9))
    assert sealed() is None
    (toys.study.folder / "data/manifest").write_text("2")
    os.utime(toys.study.folder / "data/manifest", (10**9, 10**9))
    assert sealed() == "input data changed"
    (toys.study.folder / "data/manifest").write_text("1")
    os.utime(toys.study.folder / "data/manifest", (2**32, 2**32))  # the year 2106
    assert sealed() is None
    monkeypatch.setattr(file_cache.time, "time", lambda: 10**9)  # and now it is 2001
    assert sealed() is None
    (toys.study.folder / "data/manifest").write_text("3")
    assert sealed() == "input data changed"


def test_digests_are_stored_for_the_next_run(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").write_text("1")
    monkeypatch.setattr(file_cache, "SETTLED_SECONDS", -1)
    first = digests.Digests(tmp_path / ".digests.json")
    digest = first.digest(tmp_path / "folder")
    first.save()
    monkeypatch.setattr(files, "digest_file", None)
    assert digests.Digests(tmp_path / ".digests.json").digest(tmp_path / "folder") == digest


def test_a_library_of_another_version_counts_and_a_new_one_does_not(sealed, toys, tmp_path, monkeypatch):
    there = {"numpy": (("numpy", "1.0"),), "scipy": ()}
    monkeypatch.setattr(code_dependencies, "_installed", lambda name, _: there.get(name, ()))
    (tmp_path / "mer/deep.py").write_text("def thing():\n    import numpy, scipy.stats\n    import json, os\n")
    stamps.seal(toys.study, *look(toys), {})
    assert stamps.read(toys.study, NAME)["parts"]["installed"] == {"numpy": "1.0"}
    assert sealed() is None
    there["scipy"] = (("scipy", "1.1"),)
    assert sealed() is None
    there["numpy"] = (("numpy", "1.2"),)
    assert sealed() == "installed version of numpy changed"
    assert "installed numpy is 1.2, was 1.0" in status_rows(toys.study)[0].changes
    there["numpy"] = ()
    assert sealed() == "installed version of numpy changed"


def test_files_that_a_parameter_names_count(sealed, toys, tmp_path):
    weights = tmp_path / "models/one/weights.bin"
    weights.parent.mkdir(parents=True)
    weights.write_text("1")
    nested = {
        "epochs": 3,
        "systems": [{"start_from": "models/one"}],
        "odd": ["", ".", "run", "no/such", "a\0b", "x" * 999],
    }
    toys.change(params={"training": nested, "data": {"store": "models"}})
    stamps.seal(toys.study, *look(toys), {})
    assert set(look(toys)[1]["inputs"]) == {"raw", "data", "of training.systems.0.start_from"}
    assert sealed() is None
    weights.write_text("22")
    assert sealed() == "input of training.systems.0.start_from changed"
    stamps.seal(toys.study, *look(toys), {})
    shutil.rmtree(weights.parent)
    assert sealed() == "input of training.systems.0.start_from changed"
    weights.parent.write_text("a file")
    stamps.seal(toys.study, *look(toys), {})
    weights.parent.write_text("another one")
    assert sealed() == "input of training.systems.0.start_from changed"


def test_raw_data_are_digested_after_the_step_only_if_the_study_writes_them(toys, tmp_path):
    raw = tmp_path / "raw"
    toys.add(NAME, reads=["raw"], writes=["out"])
    for generated in (True, False):
        toys.change(external={"raw": (raw, generated)})
        step, before = look(toys)
        raw.mkdir(exist_ok=True)
        (raw / f"{generated}").write_text("made by the step")
        stamps.seal(toys.study, step, before, {})
        after = stamps.read(toys.study, NAME)["parts"]["inputs"]
        assert (after == {"raw": dependencies.input_digest(toys.study, "raw")}) is generated


def test_links_to_nothing_and_circles_of_links_are_left_out(tmp_path):
    (tmp_path / "corpus/deep").mkdir(parents=True)
    (tmp_path / "corpus/deep/a.wav").write_text("1")
    before = digests.digest_by_time(tmp_path / "corpus")
    (tmp_path / "corpus/nothing").symlink_to("absent")
    (tmp_path / "corpus/itself").symlink_to("itself")
    (tmp_path / "corpus/deep/up").symlink_to("..", target_is_directory=True)
    assert [name for name, _ in digests.files_below(tmp_path / "corpus")] == ["deep/a.wav"]
    assert digests.digest_by_time(tmp_path / "corpus") == before
