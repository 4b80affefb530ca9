"""The trainings that compare settings, one per fold and candidate; trainings on the same rows are shared."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mer.params.schema import Training
from mer.training.choosing.choice import candidates
from mer.training.job import Job


def comparing_jobs(job: Job) -> list[list[Job]]:
    """Return, for each candidate of a job, the job of each of its folds."""
    seed = job.seed if job.choice_seed is None else job.choice_seed
    part = replace(job, seed=seed, choice_seed=None, test=job.test[:0], folds=(), compares=True)
    return [
        [
            replace(part, spec=spec, training=_without_adaptation(training), train=fold.train, validation=fold.test)
            for fold in job.folds
        ]
        for spec, training in candidates(job)
    ]


def _without_adaptation(training: Training) -> Training:
    """The parameters without the adaptation of predictions, which trains nothing, so that systems share trainings."""
    return training.model_copy(update={"adaptation": "none"})


def shared(jobs: Sequence[Job]) -> tuple[list[Job], list[int]]:
    """Return the different trainings among comparing jobs, and the number of the training that each of them uses.

    The family a with b left out, and b with a left out, train a classical model on the same rows: one training then
    predicts both. The training of a network depends on its validation rows, and only equal ones are shared.
    """
    first: dict[tuple, int] = {}
    merged: list[list[Job]] = []
    numbers = []
    for job in jobs:
        key = _key(job)
        if key not in first:
            first[key] = len(merged)
            merged.append([])
        merged[first[key]].append(job)
        numbers.append(first[key])
    return [_union(same) for same in merged], numbers


def _key(job: Job) -> tuple:
    own = (job.seed, _digest(job.validation)) if job.spec.is_network else ()
    return job.spec.model, job.spec.inputs, job.training, job.choose_by, _digest(job.train), *own


def _digest(rows: np.ndarray) -> bytes:
    """A digest of row numbers, which takes less memory than they do."""
    return hashlib.sha256(rows.tobytes()).digest()


def _union(jobs: list[Job]) -> Job:
    rows = np.unique(np.concatenate([job.validation for job in jobs]))
    return replace(jobs[0], validation=rows)
