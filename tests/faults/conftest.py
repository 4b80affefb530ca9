"""Faults of the machine. `pytest -m faults` runs them: they take some minutes."""

from collections import Counter
from pathlib import Path

import pytest

from tests.runner.conftest import toys

__all__ = ["toys"]
CELLS = pytest.StashKey[Counter]()
"""The number of collected cells of the matrix, by module."""


@pytest.hookimpl(tryfirst=True)  # before those of other marks are left out
def pytest_collection_modifyitems(config, items):
    own = [item for item in items if item.path.parent == Path(__file__).parent and item.get_closest_marker("faults")]
    config.stash[CELLS] = Counter(item.path.stem for item in own)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A small study that nothing has disturbed, with copies of all its files before each step and after the last."""
    from tests.faults.small_study import Whole

    return Whole(tmp_path_factory.mktemp("small"))
