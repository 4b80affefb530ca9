"""Notebooks of a finished run in JupyterLab: they reuse its trainings, and use as many threads as its steps."""

import os
import shutil
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import yaml

from mer import files
from mer.corpora.synthetic import trees
from mer.evaluation.protocols import negative_control
from mer.params import finished_results
from mer.params.schema import Synthetic
from mer.training import grid
from tests.studies import run_cells, run_notebook

mpl.use("Agg")
STUDY = {
    "corpora": ["emodb", "meld"],
    "features": {"audio": {"n_mfcc": 13}},
    "systems": {"linear": {"model": "ridge", "inputs": ["audio"]}, "gated": {"model": "gated", "inputs": ["audio"]}},
    "training": {"epochs": 2, "hidden": 4},
    "evaluation": {"seeds": [0], "min_clips": 20, "protocols": ["in_corpus", "loco"]},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The parameter file and the run folder of a study whose steps 01, 02, 04 and 07 are done."""
    folder = tmp_path_factory.mktemp("interactive")
    trees.write(folder / "raw", Synthetic(speakers=4, clips=2))
    tree = STUDY | {"data": {"raw": str(folder / "raw"), "store": str(folder / "store")}}
    path = folder / f"interactive-{os.getpid()}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    run = files.ROOT / "outputs" / path.stem
    try:
        run_cells(path, run, "01,02,04,07")
        yield path, run
    finally:
        plt.close("all")
        shutil.rmtree(run, ignore_errors=True)


@pytest.mark.parametrize("step", ["04_cross_corpus", "07_compare_systems"])
def test_a_step_in_jupyterlab_trains_nothing_that_the_run_has_trained(finished, step, monkeypatch):
    path, run = finished
    before = {one: one.read_bytes() for one in run.rglob("*") if one.is_file() and "interactive" not in one.parts}
    trained, train = [], grid._train_group
    monkeypatch.setattr(grid, "_train_group", lambda jobs: trained.append(jobs) or train(jobs))
    monkeypatch.setattr(negative_control, "run_control", lambda *arguments: pd.DataFrame(
        columns=negative_control.COLUMNS))  # fmt: skip
    run_notebook(files.ROOT / "notebooks" / f"{step}.ipynb", path)
    assert trained == []
    assert {one: one.read_bytes() for one in before} == before
    folder = {"04": "trainings", "07": "trainings_random"}[step[:2]]
    names = {one.name for one in (run / folder).glob("*.safetensors")}
    assert names
    assert {one.name for one in (run / "interactive" / folder).glob("*.safetensors")} == names


def test_what_the_run_lacks_is_trained_in_jupyterlab_and_stays_there(finished, monkeypatch):
    path, run = finished
    names = sorted((run / "trainings").glob("*.safetensors"))
    lost = names[0].read_bytes()
    names[0].unlink()
    shutil.rmtree(run / "interactive", ignore_errors=True)
    trained, train = [], grid._train_group
    monkeypatch.setattr(grid, "_train_group", lambda jobs: trained.append(jobs) or train(jobs))
    monkeypatch.setattr(negative_control, "run_control", lambda *arguments: pd.DataFrame(
        columns=negative_control.COLUMNS))  # fmt: skip
    run_notebook(files.ROOT / "notebooks/04_cross_corpus.ipynb", path)
    assert len(trained) == 1
    assert (run / "interactive" / "trainings" / names[0].name).is_file()
    assert not names[0].exists()
    names[0].write_bytes(lost)


def write(path, text, time):
    files.write_text(path, text)
    os.utime(path, (time, time))


def test_missing_and_older_files_are_added(tmp_path):
    run, own = tmp_path / "run", tmp_path / "own"
    of_run, own_files = {"new": 5, "older": 5, "newer": 1}, {"older": 1, "newer": 5}
    for folder, name, time in [*((run, *one) for one in of_run.items()), *((own, *one) for one in own_files.items())]:
        write(folder / f"{name}.json", folder.name, time)
    for name in ("model/a.safetensors", "b.unfinished", ".vectors-1/c.npy", "log.txt", ".d.partial.json"):
        write(run / name, "run", 3)
    (run / "e.json").symlink_to(tmp_path / "elsewhere")
    finished_results.add(run, own)
    found = {one.relative_to(own).as_posix(): one.read_text() for one in own.rglob("*") if one.is_file()}
    assert found == {"new.json": "run", "older.json": "run", "newer.json": "own", "model/a.safetensors": "run"}
    files.write_text(own / "model/a.safetensors", "changed")
    files.write_text(own / "new.json", "changed")
    assert (run / "model/a.safetensors").read_text() == (run / "new.json").read_text() == "run"


def test_nothing_is_added_from_a_run_without_the_folder(tmp_path):
    finished_results.add(tmp_path / "absent", tmp_path / "own")
    assert not (tmp_path / "own").exists()


def test_files_are_copied_where_they_cannot_be_linked(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    write(tmp_path / "run/a.safetensors", "run", 3)
    monkeypatch.setattr(os, "link", refuse)
    finished_results.add(tmp_path / "run", tmp_path / "own")
    assert (tmp_path / "own/a.safetensors").read_text() == "run"


@pytest.mark.parametrize("first", ["", "import numpy, scipy.linalg"])
def test_a_notebook_in_jupyterlab_uses_as_many_threads_as_its_study_states(tmp_path, first):
    study = tmp_path / "threads.yaml"
    study.write_text("corpora: [emodb]\ncompute: {threads: 1}\n", encoding="utf-8")
    code = f"""{first}
from mer import params; params.open_run({str(study)!r}, uses=())
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
print({{one["num_threads"] for one in threadpool_info()}})
"""
    names = ("MER_RUN_FOLDER", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run([sys.executable, "-c", code], cwd=files.ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "{1}", done.stderr
