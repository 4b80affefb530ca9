"""The parameters of how a study is carried out."""

import pytest

from mer import params
from mer.params.execution import Dask, StepResources


def load(tmp_path, text):
    (tmp_path / "study.yaml").write_text("corpora: {emodb: }\n" + text, encoding="utf-8")
    return params.load(tmp_path / "study.yaml")


def test_limits_of_steps(tmp_path):
    loaded = load(tmp_path, "resources: {4: {timeout_minutes: 60}, '06': {device: cuda, memory_gb: 12.5, jobs: 2}}\n")
    assert loaded.resources == {
        "04": StepResources(timeout_minutes=60), "06": StepResources(device="cuda", memory_gb=12.5, jobs=2)
    }  # fmt: skip
    assert params.load(tmp_path / "study.yaml", ["resources.04.jobs=3"]).resources["04"].jobs == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resources: {'04': {memory_gb: 0}}", "resources.04.memory_gb"),
        ("resources: {four: {}}", "resources"),
        ("resources: {'04': {device: gpu}}", "resources.04.device"),
        ("on_finish: notify me", "on_finish: expected a list"),
        ("on_finish: [notify, '']", "on_finish"),
        ("shared: ''", "shared"),
        ("dask: {cluster: kubernetes}", "dask.cluster"),
        ("dask: {workers: 3}", "name either the `address` of a scheduler or a `cluster`"),
        ("dask: {address: tcp://a, cluster: ssh}", "name either the `address`"),
        ("dask: {cluster: slurm, worker: 3}", "dask.worker"),
    ],
)
def test_wrong_values_are_named(tmp_path, text, message):
    with pytest.raises(params.ParamsError) as error:
        load(tmp_path, text + "\n")
    assert message in str(error.value)
    assert "pydantic" not in str(error.value)


def test_a_cluster_is_an_address_or_started(tmp_path):
    assert load(tmp_path, "dask: tcp://head:8786\n").dask == Dask(address="tcp://head:8786")
    text = "dask: {cluster: slurm, workers: 8, options: {queue: cpu, memory: 4 GB, walltime: '02:00:00'}}\n"
    section = load(tmp_path, text).dask
    assert (section.cluster, section.workers, section.options["queue"]) == ("slurm", 8, "cpu")
    again = tmp_path / "again.yaml"
    again.write_text(params.dump(load(tmp_path, text)))
    assert params.load(again).dask == section
