"""Each reader of foreign bytes on valid files and on mutations of them."""

import random

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

MUTATIONS = 6
"""The number of mutations of each seed. `python -m tests.fuzz` tries as many as its time allows."""


@pytest.mark.filterwarnings("ignore")  # libraries warn of what they read
@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_returns_or_says_why_not(name, tmp_path):
    rng = random.Random(name)  # noqa: S311
    for seed in seeds(name, tmp_path):
        TARGETS[name](tmp_path, seed)
        for _ in range(MUTATIONS):
            TARGETS[name](tmp_path, mutated(seed, rng))
