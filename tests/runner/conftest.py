"""Toy notebooks and studies."""

import dataclasses
import io
import json
import os
import subprocess
import sys
import time

import psutil
import pytest

from mer import files
from mer.runner import Study
from mer.runner.compare.run_folders import compare
from mer.runner.execution.loop import RunOptions, run
from mer.runner.reporting.screen import Screen
from tests.runner.notebook_cells import cell
from tests.runner.run_folders import Folder

SETUP = """from pathlib import Path
import os

def open_run(params_file, **declared):
    return Path(os.environ["MER_RUN_FOLDER"])

folder = open_run(params_file, uses={uses}, reads={reads}, writes={writes}, gpu={gpu})
"""


PROGRAM = """
import signal, sys
from pathlib import Path, PosixPath, WindowsPath
from mer.runner import Study
from mer.runner.compare.run_folders import compare
from mer.runner.execution.loop import RunOptions, run
def end(*_):
    raise KeyboardInterrupt
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, end)
    sys.exit(run({study!r}, RunOptions(**{options!r})))
"""


class Toys:
    """A folder of notebooks, a study of them and the output of the last run."""

    def __init__(self, folder):
        (folder / "notebooks").mkdir()
        params = {"training": {"epochs": 3}, "evaluation": {"seeds": [0]}}
        self.study = Study("toy", folder / "run", params, "name: toy\n", folder / "notebooks", (), "params/toy.yaml")
        self.screen = ""

    def change(self, **fields):
        self.study = dataclasses.replace(self.study, **fields)

    def add(self, name, *body, uses=(), reads=(), writes=(), parameter="params_file", heading="Work",
            gpu=False):  # fmt: skip
        """Write a notebook; by default it copies its inputs to its outputs."""
        copy = (
            f"texts = [(folder / name).read_text() for name in {reads!r} if (folder / name).is_file()]\n"
            f"for name in {writes!r}:\n"
            "    (folder / name).parent.mkdir(parents=True, exist_ok=True)\n"
            "    (folder / name).write_text('+'.join([*texts, name]))"
        )
        setup = SETUP.format(uses=tuple(uses), reads=tuple(reads), writes=tuple(writes), gpu=gpu)
        parts = [
            ("markdown", f"# Title of {name[:2]}\nOne line.\n\n| | |\n|---|---|\n| **Reads** | x |", None),
            ("code", f'{parameter} = "params/demo.yaml"', "parameters"),
            ("code", setup, "setup"),
            ("markdown", f"## {heading}", None),
            *(("code", text, None) for text in body or [copy]),
        ]
        cells = [cell(kind, source, at, tag) for at, (kind, source, tag) in enumerate(parts)]
        metadata = {"kernelspec": {"name": "some-env", "display_name": "x", "language": "python"}}
        book = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        self.path(name).write_text(json.dumps(book), encoding="utf-8")
        self.change(steps=tuple(sorted({*self.study.steps, name[:2]})))

    def path(self, name):
        return self.study.notebooks / f"{name}.ipynb"

    def edit(self, name, change):
        book = json.loads(self.path(name).read_text(encoding="utf-8"))
        change(book["cells"])
        self.path(name).write_text(json.dumps(book), encoding="utf-8")

    def run(self, **options):
        out = io.StringIO()
        code = run(self.study, RunOptions(**options), Screen(out, live=False))
        self.screen = out.getvalue()
        return code

    def summary(self):
        return json.loads((self.study.folder / "run.json").read_text(encoding="utf-8"))

    def states(self):
        return {step["number"]: step["state"] for step in self.summary()["steps"]}

    def start(self, **options):
        """Start a run in a separate process, which can be interrupted and killed."""
        program = self.study.folder.parent / "program.py"
        program.write_text(PROGRAM.format(study=self.study, options=options), encoding="utf-8")
        return subprocess.Popen(
            [sys.executable, str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, cwd=files.ROOT, env=os.environ | {"PYTHONPATH": str(files.ROOT)},
        )  # fmt: skip


def wait_for(condition, seconds=400):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def gone(pid):
    """Return whether a process has ended. A zombie counts as ended."""
    try:
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def toys(tmp_path):
    return Toys(tmp_path)


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
        report = {"head": head.splitlines()}
        for block in blocks:
            title, *lines = block.splitlines()
            report[title] = [line[2:] for line in lines]
        assert list(report) == ["head", "Parameters", "Code", "Data", "Versions", "Results"]
        assert "\x1b" not in out.getvalue()
        return code, report

    return sections
