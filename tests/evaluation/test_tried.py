"""Tested configurations are counted over runs: once each, whatever the run, and none is forgotten."""

from types import SimpleNamespace

import numpy as np
import pytest

from mer.evaluation.comparison import tried
from mer.params.schema import Params

CORPORA = np.repeat(["a", "b"], 3)


def study(strengths=(0.1, 1.0), width=4, classes=("anger", "fear"), policy="paper7", **more):
    p = Params(
        name="s", corpora=["emodb"], features={"audio": {"extractor": "functionals"}},
        systems={"one": {"model": "ridge", "inputs": ["audio"]}, "two": {"model": "logistic", "inputs": ["audio"]},
                 "both": {"model": "ensemble", "members": ["one", "two"]}} | more,
        training={"inverse_regularisation": strengths}, labels={"policy": policy},
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
