"""A stored result is reused only if everything that it depends on is the same."""

import dataclasses
import importlib.metadata
import json
import shutil
from dataclasses import make_dataclass, replace

import numpy as np
import pytest
from pydantic import create_model

from mer import code_dependencies, files
from mer.features import Features
from mer.params.schema import System, Training
from mer.training import grid
from mer.training.cache import address as given
from mer.training.cache import arrays as cached
from mer.training.cache.results import ResultCache
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import Card
from mer.training.engines.engine import Engine
from mer.training.job import Job

ROWS = np.arange(240)


def job(model="gated", modalities=("audio", "text"), **training):
    settings = Training(**{"epochs": 2, "hidden": 4, "batch_size": 64, **training})
    system = System(model=model, inputs=modalities)
    return Job(model, None, system, settings, 0, ROWS[:120], ROWS[120:180], ROWS[180:])


def address(task, *jobs, how=None):
    return ResultCache(files.ROOT / "nowhere", task, how or Engine()).address(jobs or [job()])


def with_extra_field(value):
    """Return the same value with one more field, twice with different content."""
    name = type(value).__name__
    if dataclasses.is_dataclass(value):
        kind = make_dataclass(name, [("later", object)], bases=(type(value),), frozen=True, kw_only=True)
        outcome = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return [kind(**outcome, later=later) for later in (1, 2)]
    kind = create_model(name, __base__=type(value), later=(int, ...))
    return [kind(**value.model_dump(), later=later) for later in (1, 2)]


PLACES = {
    "task": lambda task, one: [(t, one, Engine()) for t in with_extra_field(task)],
    "features": lambda task, one: [(replace(task, features=f), one, Engine()) for f in with_extra_field(task.features)],
    "job": lambda task, one: [(task, j, Engine()) for j in with_extra_field(one)],
    "system": lambda task, one: [(task, replace(one, spec=s), Engine()) for s in with_extra_field(one.spec)],
    "training": lambda task, one: [(task, replace(one, training=t), Engine()) for t in with_extra_field(one.training)],
    "engine": lambda task, one: [(task, one, e) for e in with_extra_field(Engine())],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("model", ["gated", "logistic"])
def test_new_field_is_part_of_an_address_by_default(task, place, model):
    (a, b), plain = PLACES[place](task, job(model)), address(task, job(model))
    result = {address(t, one, how=how) for t, one, how in (a, b)}
    assert len(result | {plain}) == 3
    assert {type(value).__name__ for value in a} == {"Task", "Job", "Engine"}


@pytest.mark.parametrize("name", Training.model_fields)
def test_every_parameter_of_training_counts(task, name):
    one = job()
    other = Training.model_construct(**{**one.training.model_dump(), name: "other"})
    assert address(task, replace(one, training=other)) != address(task, one)


@pytest.mark.parametrize("change", [{"seed": 1}, {"train": ROWS[:119]}, {"validation": ROWS[:0]}, {"test": ROWS[181:]}])
def test_every_field_of_a_job_counts_except_its_names(task, change):
    assert address(task, replace(job(), **change)) != address(task, job())
    assert address(task, replace(job(), system="other", cell=1)) == address(task, job())
    for how in (Engine("stacked"), Engine(threads=2), Engine(device="cuda")):
        assert address(task, how=how) != address(task)
    assert address(task, how=Engine(max_processes=4)) == address(task)
    assert address(task, job(), job()) != address(task)  # company in a stack


def test_irrelevant_fields_are_declared_and_exist():
    for kind, names in given.IRRELEVANT.items():
        fields = getattr(kind, "model_fields", None) or {f.name for f in dataclasses.fields(kind)}
        assert names <= set(fields), kind


CHANGES = {
    "extractor": lambda f: replace(f, extractors={"text": "tfidf"}),
    "layers": lambda f: replace(f, layers={"audio": 3}),
    "present": lambda f: replace(f, present={**f.present, "text": f.present["text"] & (ROWS != 7)}),
    "shape": lambda f: replace(f, arrays={**f.arrays, "text": f.arrays["text"].reshape(120, 16)}),
    "type": lambda f: replace(f, arrays={**f.arrays, "text": f.arrays["text"].view(np.int32)}),
    "value": lambda f: replace(f, arrays={**f.arrays, "text": f.arrays["text"] + (ROWS == 239)[:, None]}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_features_count_and_those_of_other_inputs_do_not(task, name):
    changed = replace(task, features=CHANGES[name](task.features))
    modality = "audio" if name == "layers" else "text"
    other = {"audio": "text", "text": "audio"}[modality]
    assert address(changed, job("ridge")) != address(task, job("ridge"))
    assert address(changed, job("ridge", (modality,))) != address(task, job("ridge", (modality,)))
    assert address(changed, job("ridge", (other,))) == address(task, job("ridge", (other,)))


def test_targets_groups_and_classes_count_if_they_are_read(task):
    groups = {"speaker": np.array([f"{n % 9}" for n in ROWS]), "corpus": task.corpora}
    votes = np.eye(7, dtype=np.float32)[task.labels]
    whole = replace(task, groups=groups, targets={"soft": votes, "multi_label": votes})
    others = replace(whole, groups={**groups, "speaker": groups["speaker"][::-1]})
    softer = replace(whole, targets={**whole.targets, "soft": votes[::-1]})
    for changed, way in ((others, {"normalisation": "speaker"}), (softer, {"targets": "soft"})):
        assert address(changed, job(**way)) != address(whole, job(**way))
        assert address(changed) == address(whole)
    assert address(replace(whole, classes=8)) != address(whole)
    assert address(replace(whole, labels=np.roll(whole.labels, 1))) != address(whole)
    assert address(replace(whole, corpora=whole.corpora[::-1])) != address(whole)


def test_equal_vectors_with_another_scaling_are_trained_again(task, tmp_path):
    """`hashing` and `tfidf` store the same bytes."""
    words = np.abs(task.features.arrays["text"]) * (np.random.default_rng(1).random((240, 8)) < 0.3)

    def of(extractor):
        return replace(task, features=Features({"text": words}, {"text": words.any(axis=1)}, {"text": extractor}))

    one = job("logistic", ("text",))
    fresh = {name: grid.run_jobs(of(name), [one], Engine())[0].probabilities for name in ("hashing", "tfidf")}
    assert (fresh["hashing"] != fresh["tfidf"]).any()
    for name in ("hashing", "tfidf", "hashing"):
        [done] = grid.run_jobs(of(name), [one], Engine(), tmp_path)
        assert (done.probabilities == fresh[name]).all()


def test_value_without_a_json_form_is_refused(task):
    with pytest.raises(TypeError, match="depends on a set, for which `to_json` has no rule"):
        address(replace(task, classes={1}))


def test_a_checkpoint_counts_with_its_tensors(task, tmp_path):
    first = grid.fit_job(task, job(), "cpu")
    for name in ("model.json", "model.safetensors"):
        fields = {"model": "gated", "inputs": ["audio"], "widths": {"audio": 12}, "layers": {}, "classes": ["a"]}
        card = Card(**fields, training=Training())
        checkpoint.write(tmp_path / "m", checkpoint.tensors_of(first), card, None)
        before = address(task, job(start_from=str(tmp_path / "m")))
        assert before == address(task, job(start_from=str(tmp_path / "m")))
        content = bytearray((tmp_path / "m" / name).read_bytes())
        content[-20] ^= 1
        (tmp_path / "m" / name).write_bytes(content)
        assert before != address(task, job(start_from=str(tmp_path / "m")))


@pytest.mark.parametrize("library", ["scipy", "torch", "numpy", "scikit-learn", "safetensors", "threadpoolctl"])
def test_versions_of_libraries_count(task, monkeypatch, library):
    before = address(task)
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0" if name == library else version(name))
    assert address(task) != before


@pytest.fixture
def copied(task, tmp_path, monkeypatch):
    """A copy of the package; returns a function from a file and an addition to it to the address."""
    shutil.copytree(files.ROOT / "mer", tmp_path / "mer", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(files, "ROOT", tmp_path)

    def outcome(name="__init__.py", with_extra_field=""):
        path = tmp_path / "mer" / name
        before = path.read_text(encoding="utf-8") if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_text((before or "") + with_extra_field, encoding="utf-8")
        result = address(task)
        path.unlink() if before is None else path.write_text(before, encoding="utf-8")
        return result

    return outcome


@pytest.mark.parametrize(
    "name",
    [
        "stats/metrics.py",
        "features/text/tfidf.py",
        "features/vectors.py",
        "training/baselines/svm_rbf.py",
        "models/networks/gated.py",
        "models/swiglu.py",
        "training/scaling/standardise.py",
        "params/systems.py",
        "files.py",
        "training/lists.yaml",
        "models/data/table.json",
    ],
)
def test_code_counts_in_every_package_that_training_imports(copied, name):
    assert copied(name, "\nLATER = 1\n") != copied()


@pytest.mark.parametrize(
    "name",
    [
        "report/figures/results.py",
        "predict/page.js",
        "runner/execution/loop.py",
        "dataset/audit/copies/exact_copies.py",
    ],
)
def test_code_that_trains_nothing_does_not_count(copied, name):
    assert copied(name, "\nLATER = 1\n") == copied()


@pytest.mark.parametrize("prose", ["# a comment", '"""What is above."""', "\n\n"])
def test_prose_does_not_count(copied, prose):
    assert copied("training/scaling/standardise.py", f"\n{prose}\n") == copied()


def test_a_module_that_is_imported_late_and_by_name_counts(copied, tmp_path):
    for how in ("from mer import later", "import importlib; importlib.import_module('mer.later')"):
        (tmp_path / "mer/models/swiglu.py").write_text(f"def f():\n    {how}\n", encoding="utf-8")
        assert copied("later.py", "x = 1") != copied("later.py", "x = 2")


def test_cache_is_not_used_if_code_on_disk_differs_from_loaded_code(task, tmp_path, monkeypatch):
    one = job("ridge")
    grid.run_jobs(task, [one], Engine(), tmp_path)
    assert ResultCache(tmp_path, task, Engine()).load([one]) is not None
    path = files.ROOT / "mer/stats/metrics.py"
    older = ResultCache(tmp_path, task, Engine())
    monkeypatch.setattr(
        code_dependencies, "file_state", lambda p, real=code_dependencies.file_state: (0,) if p == path else real(p)
    )
    for here in (older, ResultCache(tmp_path, task, Engine())):
        with pytest.warns(UserWarning, match="code of mer has changed since it was loaded"):
            assert here.load([one]) is None
        assert here.snapshot_path([one]) is None
        here.save(grid.run_jobs(task, [one], Engine()))
    assert len(list(tmp_path.iterdir())) == 1


def test_result_with_a_flipped_bit_is_computed_again(task, tmp_path):
    one = job("ridge")
    [first] = grid.run_jobs(task, [one], Engine(), tmp_path)
    [path] = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="deleted: .*it is trained again"):
        [again] = grid.run_jobs(task, [one], Engine(), tmp_path)
    assert (again.probabilities == first.probabilities).all()


def test_stored_arrays_are_read_unchanged_or_not_at_all(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3)[:, ::2], "b": np.zeros((0, 4), bool), "c": np.array(3, np.int64)}
    cached.write_arrays(tmp_path / "x", "told", arrays, {"best": float("-inf"), "n": [1, None]})
    result, outcome = cached.read_arrays(tmp_path / "x", "told")
    assert outcome == {"best": float("-inf"), "n": [1, None]}
    for name, value in arrays.items():
        np.testing.assert_array_equal(result[name], value, strict=True)
    assert cached.read_arrays(tmp_path / "x", "runs") is None
    content = (tmp_path / "x").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"]["told"] = '{"best": 1}'
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
    with pytest.warns(UserWarning, match="deleted: "):
        assert cached.read_arrays(tmp_path / "x", "told") is None
    assert cached.read_arrays(tmp_path / "y", "told") is None


def test_addresses_digest_the_task_once(task, tmp_path, monkeypatch):
    jobs, digested = [job(dropout=n / 1000) for n in range(300)], []
    here = ResultCache(tmp_path, task, Engine())
    monkeypatch.setattr(given, "digest_array", lambda array: digested.append(len(array)) or "")
    assert len({here.address([one]) for one in jobs}) == 300
    assert len(digested) == 3 * len(jobs)  # each job's own rows: training, validation and test
    assert set(digested) == {60, 120}
