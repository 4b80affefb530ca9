"""Faults of the machine. `pytest -m faults` runs them: they take some minutes."""

from tests.runner.conftest import toys

__all__ = ["toys"]
