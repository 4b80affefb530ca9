"""What trainings of encoders will take, said before they begin, from timed training steps."""

import time
from collections.abc import Sequence
from itertools import islice

import numpy as np

from mer.training.finetune.loop import Finetuning
from mer.training.job import Job
from mer.training.task import Task

EVALUATION_SHARE = 1 / 3
"""The time of an utterance in evaluation as a share of that in training: forwards without backwards."""
FACE_LENGTH = 8_000
"""The length of a face in samples: ResNet-50 computes about as much of it as WavLM-base of half a second of audio."""


def seconds(task: Task, jobs: Sequence[Job], device: str, processes: int = 1) -> float:
    """Return an estimate of the longest time that all jobs take, in seconds: that with all of their epochs.

    The first two steps of the first job of each system are computed, and the second is timed. Nothing is kept of them.

    Args:
        jobs: jobs that train encoders.
        processes: the number of jobs at a time.
    """
    rates: dict[str, float] = {}
    for job in jobs:
        if job.system not in rates:
            rates[job.system] = _seconds_per_length(task, job, device)
    return sum(rates[job.system] * _length(task, job) for job in jobs) / max(1, min(processes, len(jobs)))


def sentence(jobs: Sequence[Job], total: float, device: str) -> str:
    """Return a sentence about the cost of some jobs.

    >>> from types import SimpleNamespace
    >>> cells = [SimpleNamespace(protocol="loco", held_out=name) for name in "ab"]
    >>> jobs = [SimpleNamespace(cell=cell, seed=seed) for cell in cells for seed in (0, 1)]
    >>> sentence(jobs, 5400, "cpu")
    '4 trainings of encoders (2 held-out families × 2 seeds) take at most about 1.5 hours on this machine (cpu).'
    """
    families = {job.cell.held_out for job in jobs if getattr(job.cell, "protocol", "") == "loco"}
    seeds = {job.seed for job in jobs}
    detail = f" ({_count(len(families), 'held-out family')} × {_count(len(seeds), 'seed')})" if families else ""
    hours = total / 3600
    duration = f"{hours:.1f} hours" if hours >= 1 else _count(max(1, round(total / 60)), "minute")
    subject = "1 training of encoders takes" if len(jobs) == 1 else f"{len(jobs)} trainings of encoders{detail} take"
    return f"{subject} at most about {duration} on this machine ({device})."


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _seconds_per_length(task: Task, job: Job, device: str) -> float:
    training = Finetuning(task, job, device)
    for step in islice(training.epoch_steps(), 2):
        begin = time.perf_counter()
        training.gradient.compute(training.course, step)  # its loss reaches this process, so that the device is done
        training.course.update()
        elapsed, rows = time.perf_counter() - begin, job.train[step.rows.cpu().numpy()]
    return elapsed / max(1.0, _read(task, job, rows, is_training=True))


def _length(task: Task, job: Job) -> float:
    """The length that a job reads in all of its epochs, in units of training."""
    own = job.training.encoders
    steps = _read(task, job, job.train, is_training=True)
    train, validation, test = (_read(task, job, rows) for rows in (job.train, job.validation, job.test))
    head = EVALUATION_SHARE * (train + validation) if own.head_epochs and job.training.start_from else 0.0
    return job.training.epochs * (steps + EVALUATION_SHARE * validation) + EVALUATION_SHARE * test + head


def _read(task: Task, job: Job, rows: np.ndarray, is_training: bool = False) -> float:
    """The length of what the encoders of a job read of some rows, in samples and characters."""
    total = 0.0
    for name in task.features.trained(job.spec.inputs):
        items = task.features.items[name]
        crop = getattr(items.section, "crop_seconds", None)
        lengths = items.lengths(rows)
        if items.section.modality == "video":
            frames = items.section.train_frames
            total += FACE_LENGTH * float((np.minimum(lengths, frames) if is_training else lengths).sum())
            continue
        total += float(np.minimum(lengths, crop * 16_000).sum() if crop else lengths.sum())
    return total
