"""A training of encoders that is killed at random moments ends with the same bits."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import multiprocessing

from mer.training.cache import snapshot as snapshots
from mer.training.finetune import log, loop
from tests.training.finetune import toy_encoders
from tests.training.finetune.conftest import COUNT

JOB = {"epochs": 2, "patience": 2, "batch_size": 6, "dropout": 0.2, "averaging": "ema",
       "encoders": {"learning_rate": 1e-2, "head_epochs": 2, "mask_time": 0.2}}  # fmt: skip


def train(task, folder: Path) -> None:
    """Train with a snapshot after every step, and store the predictions."""
    torch.set_num_threads(1)
    snapshots.MAX_TIME_SHARE = 1e9
    log.write_to(folder / "log.txt")
    one = toy_encoders.job(COUNT, **JOB)
    model = loop.fit(task, one, snapshot=folder / "snapshot")
    np.save(folder / "done.npy", model.logits(task.features, one.test))


@pytest.mark.slow
def test_training_that_is_killed_at_random_ends_with_the_same_bits(task, tmp_path):
    random, context = np.random.default_rng(0), multiprocessing.get_context("spawn")
    one = toy_encoders.job(COUNT, **JOB)
    expected = loop.fit(task, one).logits(task.features, one.test)
    kills = 0
    while not (tmp_path / "done.npy").exists():
        before = (tmp_path / "snapshot").stat().st_mtime_ns if (tmp_path / "snapshot").exists() else 0
        process = context.Process(target=train, args=(task, tmp_path))
        process.start()
        while process.is_alive() and kills < 2:
            if (tmp_path / "snapshot").exists() and (tmp_path / "snapshot").stat().st_mtime_ns != before:
                time.sleep(float(random.uniform(0.0, 0.2)))
                process.kill()
                kills += 1
                break
            time.sleep(0.005)
        process.join(300)
        assert process.exitcode in (0, -9)
    assert kills
    assert (np.load(tmp_path / "done.npy") == expected).all()
    assert (tmp_path / "log.txt").read_text(encoding="utf-8").count("goes on in epoch") >= 1
