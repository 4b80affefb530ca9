"""Processes that are killed at random moments, as by a user or by the operating system."""

import multiprocessing
import time
from collections.abc import Callable

import numpy as np


def run_and_kill_at_random(work: Callable[..., None], *arguments: object, kills: int, seed: int = 0) -> None:
    """Run `work` in two processes at a time; kill one after another at random moments, then let two finish.

    Raises:
        AssertionError: one that was not killed ended with an error.
    """
    # forkserver copies a clean process; a copy of this one could hold locks of threads that it does not have
    context, rng = multiprocessing.get_context("forkserver"), np.random.default_rng(seed)
    context.set_forkserver_preload(["tests.features.test_store", "tests.media.test_recordings"])
    running = [context.Process(target=work, args=arguments) for _ in range(2)]
    for process in running:
        process.start()
    for _ in range(kills):
        time.sleep(float(rng.uniform(0.0, 0.1)))
        victim = running.pop(int(rng.integers(len(running))))
        victim.kill()
        victim.join()
        assert victim.exitcode in (0, -9), victim.exitcode
        running.append(context.Process(target=work, args=arguments))
        running[-1].start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0, process.exitcode
