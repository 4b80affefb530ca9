"""Benchmarks call what exists with arguments that it takes, and those that measure data run on small ones."""

import ast
import importlib
import inspect
import re
import sys
import types
from argparse import Namespace

import numpy as np
import pytest

from mer import files
from mer.evaluation.protocols import jobs
from mer.features import Features
from tests.evaluation.test_protocols import corpus, manifest

MODULES = sorted(path.stem for path in (files.ROOT / "benchmarks").glob("[!_]*.py"))
OWN = ("mer", "benchmarks")


def tree(name):
    return ast.parse((files.ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"))


COMMANDS = [name for name in MODULES if any(getattr(node, "name", "") == "main" for node in tree(name).body)]


def imported(code):
    """Name -> object of this repository that code imports, without names that it also assigns."""
    found = {}
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            found |= {one.asname: importlib.import_module(one.name) for one in node.names
                      if one.asname and one.name.split(".")[0] in OWN}  # fmt: skip
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in OWN:
            for one in node.names:
                found[one.asname or one.name] = from_module(node.module, one.name)
    assigned = {node.id for node in ast.walk(code) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assigned |= {node.arg for node in ast.walk(code) if isinstance(node, ast.arg)}
    return {name: value for name, value in found.items() if name not in assigned}


def from_module(module, name):
    parent = importlib.import_module(module)
    return getattr(parent, name) if hasattr(parent, name) else importlib.import_module(f"{module}.{name}")


def resolved(node, names):
    """The object that an expression such as `module.function` stands for; None if that is not known."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        parent = resolved(node.value, names)
        if isinstance(parent, types.ModuleType):
            assert hasattr(parent, node.attr), f"line {node.lineno}: {parent.__name__} has no {node.attr}"
            return getattr(parent, node.attr)
    return None


def check(code):
    """Fail for an attribute of a module that does not exist, and for a call whose arguments do not fit."""
    names = imported(code)
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute):
            resolved(node, names)
        if isinstance(node, ast.Call) and (function := resolved(node.func, names)) is not None:
            if any(isinstance(one, ast.Starred) for one in node.args) or any(k.arg is None for k in node.keywords):
                continue
            try:
                inspect.signature(function).bind(*node.args, **{one.arg: one.value for one in node.keywords})
            except TypeError as error:
                pytest.fail(f"line {node.lineno}: {ast.unparse(node)}: {error}")


@pytest.mark.parametrize("name", MODULES)
def test_what_a_benchmark_calls_exists_and_takes_its_arguments(name):
    importlib.import_module(f"benchmarks.{name}")
    check(tree(name))


@pytest.mark.parametrize(
    "code",
    [
        "from mer import stats\nstats.no_such_metric(1)",
        "from mer import stats\ndef f():\n    return stats.calibration_error([0])",
        "from mer.stats import uar\nuar([[1]], surely_not=1)",
        "def f():\n    from mer.stats import no_such_metric",
    ],
)
def test_a_benchmark_that_nothing_fits_is_found(code):
    with pytest.raises((AssertionError, ImportError, pytest.fail.Exception)):
        check(ast.parse(code))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_says_how_it_is_called(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{name}").main()
    assert ended.value.code == 0
    assert re.match(rf"usage: (python -m benchmarks\.)?{name} ", capsys.readouterr().out)


CLASSES = ("neutral", "anger", "fear")


@pytest.fixture(scope="module")
def study():
    """The task and the rows of three corpora. Vectors tell the class, and are shifted by corpus."""
    rows = manifest(*(corpus(name, name, 4) for name in "abc"))
    random, labels = np.random.default_rng(0), np.array([CLASSES.index(name) for name in rows["emotion"]])
    vectors = np.eye(3, 4)[labels] + np.array(["abc".index(name) for name in rows["corpus"]])[:, None]
    vectors = (vectors + random.normal(0, 0.3, vectors.shape)).astype(np.float32)
    features = Features({"functionals": vectors}, {"functionals": np.ones(len(rows), bool)},
                        modalities={"functionals": "audio"})  # fmt: skip
    return jobs.build_task(rows, features, CLASSES), rows


def test_normalisations_are_compared(study, monkeypatch):
    from benchmarks import normalisation

    monkeypatch.setattr(normalisation, "CORPORA", ("a", "b", "c"))
    found = normalisation.table(normalisation.measure(*study, ("functionals",), 1.0))
    assert len(found) == len(normalisation.KINDS) + len(normalisation.FALLBACKS)
    means = found.set_index("normalisation")["mean"].str.split().str[0].astype(float)
    assert means["corpus"] > 0.8


def test_clips_of_a_speaker_are_drawn(study, monkeypatch):
    from benchmarks import normalisation, speaker_statistics

    monkeypatch.setattr(normalisation, "CORPORA", ("a", "b", "c"))
    options = Namespace(strength=1.0, draws=1)
    found = speaker_statistics.curves(*study, "speaker", (3, 0), ("training", "speaker"), options)
    assert found["normalisation"].tolist() == ["training", "speaker"] * 3
    assert found[["3", "all"]].to_numpy(float).max() <= 1


def test_gains_of_adaptation_are_measured(study):
    from benchmarks import adaptation, model_quality

    task, rows = study
    clips = model_quality.Clips(task.labels, *(rows[name].to_numpy(str) for name in ("corpus", "speaker_id")), 3)
    cases = adaptation.held_out(task.features.arrays["functionals"], clips, "training")
    assert set(adaptation.gains(cases)["corpus"]) == {"a", "b", "c"}
    assert adaptation.calibration_table(cases)["ECE"].between(0, 1).all()
