"""What makes a step run again, and what does not. No kernel is started."""

import os

import pytest

from mer import files
from mer.runner import sources, stale, steps

NAME = "01_a_b"


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
        step = steps.read(toys.path(NAME))
        return stale.reason(toys.study, step, stale.parts(toys.study, step))

    assert reason() == "never run"
    step = steps.read(toys.path(NAME))
    stale.write_stamp(toys.study, step, stale.parts(toys.study, step), {"seconds": 1})
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
        ("mer/alone.py", "x = 1", None),
        ("constraints.txt", "numpy==1", "constraints.txt changed"),
        ("run/data/manifest", "2", "input data changed"),
        ("run/data/new", "2", "input data changed"),
        ("raw/corpus/b.wav", "2", "input raw changed"),
    ],
)
def test_what_a_step_depends_on(sealed, tmp_path, path, text, why):
    (tmp_path / path).write_text(text)
    assert sealed() == why


@pytest.mark.parametrize("name", ["out", f"{NAME}.html", f"{NAME}.ipynb"])
def test_a_missing_output_counts(sealed, toys, name):
    (toys.study.folder / name).unlink()
    assert sealed() == f"output {name} is missing"


def test_a_touched_input_with_the_same_content_does_not_count(sealed, toys):
    os.utime(toys.study.folder / "data/manifest", (1, 1))
    assert sealed() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"parts": 1}'])
def test_an_unreadable_stamp_is_none(sealed, toys, text):
    toys.study.place(NAME, "stamp").write_text(text)
    assert sealed() == "never run"


def test_imports_of_the_real_package_are_followed():
    found = sources.digests(["from mer import params", "import mer.runner.run as r", "import json"])
    assert {"mer", "mer.params", "mer.params.schema", "mer.files", "mer.runner.execute"} <= set(found)
    assert "json" not in found


def test_raw_data_are_taken_after_the_step_only_where_the_study_writes_them(toys, tmp_path):
    raw = tmp_path / "raw"
    toys.add(NAME, reads=["raw"], writes=["out"])
    for generated in (True, False):
        toys.change(external={"raw": (raw, generated)})
        step = steps.read(toys.path(NAME))
        before = stale.parts(toys.study, step)
        raw.mkdir(exist_ok=True)
        (raw / f"{generated}").write_text("made by the step")
        stale.write_stamp(toys.study, step, before, {})
        after = stale.read_stamp(toys.study, NAME)["parts"]["inputs"]
        assert (after == {"raw": stale.input_digest(toys.study, "raw")}) is generated
