"""Work in processes that are killed at random, as an impatient person or a full memory does."""

import multiprocessing
import time
from collections.abc import Callable

import numpy as np


def at_once_and_killed(work: Callable[..., None], *given: object, kills: int, seed: int = 0) -> None:
    """Run `work` in two processes at a time; kill one after another at random moments, then let two finish.

    Raises:
        AssertionError: one that was not killed ended with an error.
    """
    # copies of a clean process: one of this one might hold locks of threads that it does not have
    context, rng = multiprocessing.get_context("forkserver"), np.random.default_rng(seed)
    context.set_forkserver_preload(["tests.features.test_store", "tests.media.test_decoded"])
    running = [context.Process(target=work, args=given) for _ in range(2)]
    for process in running:
        process.start()
    for _ in range(kills):
        time.sleep(float(rng.uniform(0.0, 0.1)))
        victim = running.pop(int(rng.integers(len(running))))
        victim.kill()
        victim.join()
        assert victim.exitcode in (0, -9), victim.exitcode
        running.append(context.Process(target=work, args=given))
        running[-1].start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0, process.exitcode
