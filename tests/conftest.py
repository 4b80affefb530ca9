"""What all tests share: threads, copies of processes, the order of modules and hypothesis."""

import os

import pytest
from hypothesis import settings

# One thread for each process, of which pytest-xdist has one per core. NumPy and torch read this when they are imported.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# The first call of a function may import a library: a deadline would measure the machine, not the code.
settings.register_profile("mer", deadline=None)
settings.load_profile("mer")

COPIED = ["__main__", "mer.runner.execution.worker", "mer.training.engines.preloaded"]
"""What is imported by the process of which workers of the runner and of trainings are copies."""
LONGEST = (
    "tests/test_real.py",
    "tests/test_demo.py",
    "tests/test_edge_studies.py",
    "tests/dataset/audit/test_altered_copies.py",
    "tests/dataset/audit/test_real_cases.py",
    "tests/test_dask_cluster.py",
    "tests/test_damage.py",
    "tests/test_ensemble_study.py",
    "tests/test_ablation_study.py",
    "tests/test_compare_systems.py",
    "tests/training/test_choosing.py",
    "tests/training/test_interruptions.py",
    "tests/runner/test_lock.py",
    "tests/runner/test_limits.py",
    "tests/runner/test_verify.py",
    "tests/runner/test_pages.py",
    "tests/runner/test_run.py",
)
"""The modules that take longest. They are run first, so that at the end no process waits for another."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by module, the longest modules first; the option `--no-loadscope-reorder` keeps this order."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def copy_all_from_one_process() -> None:
    """Let the process of which others are copies import what any of them needs.

    There is one for each process of pytest, and whoever starts it first says what it imports. Otherwise each worker of
    the runner would import Jupyter for two seconds after a test of trainings, and each training torch after a test of
    the runner.
    """
    from multiprocessing import forkserver

    server = forkserver.ensure_running.__self__
    start = server.ensure_running

    def ensure_running() -> None:
        server.set_forkserver_preload(COPIED)
        start()

    server.ensure_running = forkserver.ensure_running = ensure_running


if os.name == "posix" and "PYTEST_XDIST_WORKER" in os.environ:
    copy_all_from_one_process()
