"""Many trainings: planned as data, run at once or one by one with the same result."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from tqdm import tqdm

from mer.params.schema import System, Training
from mer.training import device
from mer.training.task import Task


@dataclass(frozen=True)
class Job:
    """One training and what it is then asked.

    Attributes:
        train, validation, test: row numbers of the task.
    """

    key: tuple
    system: System
    seed: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Done:
    """Probabilities of shape (len(job.test), classes), and the training's history."""

    job: Job
    probabilities: np.ndarray
    history: list[dict]


def fit(task: Task, job: Job, training: Training, where: str):
    """Train one job's model and return it."""
    if job.system.model == "logistic":
        from mer.training import logistic as learner
    else:
        from mer.training import network as learner
    return learner.fit(
        task,
        job.train,
        job.validation,
        modalities=job.system.modalities,
        training=training,
        seed=job.seed,
        device=where,
    )


def run(task: Task, jobs: list[Job], training: Training, *, where: str, threads: int, at_once: int) -> list[Done]:
    """Run all jobs and return their results in the order of `jobs`.

    Args:
        where: the device.
        threads: per training; part of a result's identity.
        at_once: processes; changes how long it takes and nothing else.
    """
    results: list[Done | None] = [None] * len(jobs)
    with tqdm(total=len(jobs), desc="train", unit="run", mininterval=2.0) as bar:
        for number, done in _completed(task, jobs, training, where, threads, at_once):
            results[number] = done
            bar.update()
    return [done for done in results if done is not None]


def _completed(
    task: Task, jobs: list[Job], training: Training, where: str, threads: int, at_once: int
) -> Iterator[tuple[int, Done]]:
    # A process takes seconds to import torch; a few jobs are not worth it. A GPU is given to one at a time.
    workers = 1 if where != "cpu" else min(at_once, len(jobs) // 8)
    if workers < 2:
        _set_up(task, training, where, threads)
        yield from ((number, _one(job)) for number, job in enumerate(jobs))
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _set_up, (task, training, where, threads)) as pool:
        waiting = {pool.submit(_one, job): number for number, job in enumerate(jobs)}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


_here: dict = {}
"""What a worker process works on; sent once instead of with every job."""


def _set_up(task: Task, training: Training, where: str, threads: int) -> None:
    device.prepare(where, threads)
    _here.update(task=task, training=training, device=where)


def _one(job: Job) -> Done:
    task = _here["task"]
    model = fit(task, job, _here["training"], _here["device"])
    return Done(job, model.predict(task.features, job.test), model.history)
