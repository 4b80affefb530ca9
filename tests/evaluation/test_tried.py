"""Tested configurations are counted over runs: once each, whatever the run, and none is forgotten."""

from types import SimpleNamespace

import numpy as np
import pytest

from mer import files
from mer.evaluation.comparison import tried
from mer.params.run import DeclaredParams
from mer.params.schema import Params
from mer.runner.steps import notebook

CORPORA = np.repeat(["a", "b"], 3)


def study(strengths=(0.1, 1.0), width=4, classes=("anger", "fear"), policy="paper7", augmented=False,
          augmentation=None, **more):  # fmt: skip
    p = Params(
        name="s", corpora=["emodb"], features={"audio": {"extractor": "functionals"}},
        systems={"one": {"model": "ridge", "inputs": ["audio"]}, "two": {"model": "logistic", "inputs": ["audio"]},
                 "both": {"model": "ensemble", "members": ["one", "two"]}} | more.get("systems", {}),
        training={"inverse_regularisation": strengths, "augmented": augmented}, labels={"policy": policy},
        augmentation=augmentation,
    )  # fmt: skip
    return SimpleNamespace(params=p, classes=classes, specs={"audio": {"width": width}}, scored=["a", "b"],
                           task=SimpleNamespace(corpora=CORPORA), inputs_of=lambda system: ("audio",))  # fmt: skip


def result(system, rows, settings, protocol="loco"):
    job = SimpleNamespace(system=system, cell=SimpleNamespace(protocol=protocol), test=np.array(rows),
                          spec=SimpleNamespace(is_network=False))  # fmt: skip
    return SimpleNamespace(job=job, choice=SimpleNamespace(compared=[{}] * settings, epochs=0), history=[])


RESULTS = [result("one", [0, 1], 2), result("one", [3, 4], 2), result("two", [0, 5], 7), result("both", [0], 1)]


def test_a_configuration_is_counted_once_per_corpus_over_all_runs(tmp_path):
    path = tmp_path / "outputs" / "tried.csv"
    first = tried.record(path, study(), RESULTS, "first")
    assert len(first) == 5
    assert first.loc[first["system"] == "two", "settings"].unique().tolist() == [7]
    again = tried.record(path, study(), RESULTS, "second")
    assert again["run"].unique().tolist() == ["first"]
    assert "3 configurations with 10 settings" in tried.sentence(again, study())


OTHERS = [study(strengths=(0.1,)), study(width=5), study(classes=("anger", "joy")), study(policy="fork7")]


@pytest.mark.parametrize("other", OTHERS)
def test_what_models_depend_on_makes_another_configuration(tmp_path, other):
    path = tmp_path / "tried.csv"
    tried.record(path, study(), RESULTS, "first")
    table = tried.record(path, other, RESULTS, "second")
    assert table.groupby("corpus")["configuration"].nunique().to_dict() == {"a": 6, "b": 4}


def test_rows_that_do_not_fit_on_the_disk_are_an_error(tmp_path):
    """The system writes what fits, and says how much that was: a count without the rest would be too small."""
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    path = tmp_path / "tried.csv"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (120, limits[1]))
        with pytest.raises(OSError, match="the disk is full: rows are missing"):
            tried.record(path, study(), RESULTS, "first")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(tried.record(path, study(), RESULTS, "first")) == 5


NOISE = {"noise": {"snr": (5, 20)}}


@pytest.mark.parametrize("other", [{"noise": {"snr": (0, 5)}}, {"gain": True}, NOISE | {"variants": 2}, None])
def test_other_alterations_of_the_training_recordings_make_another_configuration(other):
    first = study(augmented=True, augmentation=NOISE)
    second = study(augmented=other is not None, augmentation=other)
    for system in ("one", "both"):
        assert tried.configuration(first, system) != tried.configuration(second, system)


def test_another_seed_of_the_alterations_is_not_another_configuration():
    first, second = (study(augmented=True, augmentation=NOISE | {"seed": seed}) for seed in (0, 1))
    assert tried.configuration(first, "both") == tried.configuration(second, "both")


def test_alterations_that_only_a_candidate_learns_from_count():
    candidates = {"one": {"model": "ridge", "inputs": ["audio"], "candidates": [{"training": {"augmented": True}}]}}
    first, second = (study(augmentation=one, systems=candidates) for one in (NOISE, {"gain": True}))
    assert tried.configuration(first, "one") != tried.configuration(second, "one")


def test_alterations_from_which_a_system_does_not_learn_do_not_count():
    assert tried.configuration(study(augmentation=NOISE), "one") == tried.configuration(study(), "one")


RECORDING = [step for step in map(notebook.read, notebook.find(files.ROOT / "notebooks").values())
             if any("tried.record" in code for code in step.code)]  # fmt: skip


@pytest.mark.parametrize("step", RECORDING, ids=lambda step: step.number)
def test_steps_that_record_declare_what_makes_a_configuration(step):
    full = study(augmented=True, augmentation=NOISE)
    declared = SimpleNamespace(**{**vars(full), "params": DeclaredParams(full.params, step.uses)})
    assert tried.configuration(declared, "both") == tried.configuration(full, "both")


def test_there_are_such_steps():
    assert {step.number for step in RECORDING} == {"04", "05", "06"}


def test_protocols_are_counted_apart(tmp_path):
    path = tmp_path / "tried.csv"
    tried.record(path, study(), [result("one", [0], 2, "in_corpus")], "first")
    assert "No configuration" in tried.sentence(tried.read(path), study())


DAMAGES = (b"", b"a,loco\n", b"\xff\xfe,,,\n", b"a,loco,x,many,one,ridge,audio,r,d\n", b'"open', b"a,loco,x,1")


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_lines_are_left_out_and_nothing_else(tmp_path, damage):
    path = tmp_path / "tried.csv"
    tried.record(path, study(), RESULTS, "first")
    whole = len(tried.read(path))
    with path.open("ab") as file:
        file.write(damage)
    assert len(tried.read(path)) == whole
    assert len(tried.record(path, study(width=5), RESULTS, "second")) == 2 * whole


def test_runs_at_the_same_time_lose_nothing(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path / "tried.csv"
    studies = [study(strengths=(float(n + 1),)) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: tried.record(path, one, RESULTS, "r"), studies))
    assert tried.read(path).groupby("corpus")["configuration"].nunique().tolist() == [24, 16]
