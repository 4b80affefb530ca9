import pytest

from tests.training.finetune import toy_encoders

COUNT = 24


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return toy_encoders.networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def task(inputs, tmp_path_factory):
    return toy_encoders.task(tmp_path_factory.mktemp("store"), inputs, toy_encoders.clips(COUNT))
