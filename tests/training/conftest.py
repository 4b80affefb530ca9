import numpy as np
import pytest
import torch

from mer.acceleration.cuda_graphs import CudaGraphFunction
from mer.features import Features
from mer.training.networks.network_training import NetworkTraining
from mer.training.task import Task


class Killed(BaseException):
    """The end of the process. It is no Exception, so that nothing catches it and cleans up."""


@pytest.fixture
def task():
    """240 utterances of two corpora and three of seven classes; audio reveals the class, a third has no text."""
    generator = np.random.default_rng(0)
    labels = np.arange(240) % 3
    audio = generator.normal(0, 1, (240, 12)).astype(np.float32)
    audio[:, :3] += 3 * np.eye(3)[labels]
    text = generator.normal(0, 1, (240, 8)).astype(np.float32)
    has_text = np.arange(240) % 5 > 1
    features = Features(
        {"audio": audio, "text": text * has_text[:, None]}, {"audio": np.ones(240, bool), "text": has_text}
    )
    return Task(features, labels, np.where(np.arange(240) < 120, "one", "two"), 7)


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread, which is faster for networks of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def kill_at(monkeypatch):
    """Return a function that ends the process in a given training step; None does not end it."""
    left = [None]

    def counted(original):
        def step(*arguments, **options):
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
            return original(*arguments, **options)

        return step

    monkeypatch.setattr(NetworkTraining, "step", counted(NetworkTraining.step))
    monkeypatch.setattr(CudaGraphFunction, "__call__", counted(CudaGraphFunction.__call__))
    return lambda steps: left.__setitem__(0, steps)
