"""Test rows with other vectors: inputs that are 0, or exchanged between the rows of a corpus.

The altered rows are copies at the end of the task. Training and validation rows stay where they are, so that a job
trains the very model that it trains without them, to the bit, and then predicts the copies.
"""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from mer.params.ablations import Ablation
from mer.training.job import Job, JobResult
from mer.training.task import Task

SEED = 0
"""The seed of the order in which vectors are exchanged. One order serves all seeds of a training."""


def altered(task: Task, jobs: Sequence[Job], row: Ablation) -> tuple[Task, list[Job]]:
    """Return a task with altered copies of the test rows at its end, and the jobs that predict these copies.

    An input in `zero` becomes the mean of the training rows of the cell, which scaling turns into 0. The model is not
    told that it is missing. An input in `shuffle` is exchanged among those test rows of a corpus that have it. The
    copies of a cell are groups of their own where speakers or corpora are normalised, so that no statistics of the
    rows of the study change; 0 is then the mean of the group.

    Args:
        task: the task, before normalisation.
        jobs: the jobs of the reference.
        row: names the inputs.
    """
    source, block, vectors = [], [], {name: [] for name in (*row.zero, *row.shuffle)}
    numbers, changed = {}, []
    for job in jobs:
        key = (job.system, job.cell)  # all seeds share their copies
        if key not in numbers:
            first = len(task.labels) + sum(map(len, source))
            numbers[key] = np.arange(first, first + len(job.test))
            block.append(np.full(len(job.test), f"/altered {len(source)}"))
            source.append(job.test)
            for name in vectors:
                vectors[name].append(_vectors(task, job, name, name in row.zero))
        changed.append(replace(job, test=numbers[key]))
    joined = {name: np.concatenate(parts) for name, parts in vectors.items()}
    inputs = sorted({name for job in jobs for name in job.spec.all_inputs})
    return _extended(task, np.concatenate(source), np.concatenate(block), joined, inputs), changed


def with_original_rows(results: Sequence[JobResult], jobs: Sequence[Job]) -> list[JobResult]:
    """Return results of jobs on altered copies as results on the rows that were copied.

    Args:
        results: as from `grid.run_jobs`, of the jobs of `altered`.
        jobs: the jobs that were given to `altered`.
    """
    return [replace(result, job=job) for result, job in zip(results, jobs, strict=True)]


def _vectors(task: Task, job: Job, name: str, is_zero: bool) -> np.ndarray:
    """The altered vectors of the test rows of a job, of shape (len(job.test), width)."""
    values, present = task.features.arrays[name], task.features.present[name]
    vectors = np.array(values[job.test])
    if is_zero:
        with_input = job.train[present[job.train]]
        mean = values[with_input].mean(axis=0, dtype=np.float64) if len(with_input) else 0.0
        vectors[present[job.test]] = mean
        return vectors
    random = np.random.default_rng(SEED)
    for corpus in np.unique(task.corpora[job.test]):
        rows = np.flatnonzero((task.corpora[job.test] == corpus) & present[job.test])
        vectors[rows] = vectors[random.permutation(rows)]
    return vectors


def _extended(
    task: Task, source: np.ndarray, block: np.ndarray, vectors: dict[str, np.ndarray], inputs: Sequence[str]
) -> Task:
    """The task with copies of some rows at its end, whose vectors are altered. Every field by row gets the copies."""
    arrays, present = ({name: mapping[name] for name in task.features.arrays if name in inputs}
                       for mapping in (task.features.arrays, task.features.present))  # fmt: skip
    arrays = {name: np.concatenate([values, vectors.get(name, values[source])]) for name, values in arrays.items()}
    features = replace(task.features, arrays=arrays, present=_with_copies(present, source), items={})
    extended = {field.name: _with_copies(value, source) for field in fields(task)
                if isinstance(value := getattr(task, field.name), np.ndarray | dict)}  # fmt: skip
    rows = len(task.labels)
    groups = {kind: np.concatenate([names[:rows], np.char.add(names[rows:], block)])
              for kind, names in extended["groups"].items()}  # fmt: skip
    return replace(task, **extended | {"features": features, "groups": groups})


def _with_copies(values: np.ndarray | dict, source: np.ndarray) -> np.ndarray | dict:
    """An array by row with copies of some rows at its end; of a mapping, each of its arrays."""
    if isinstance(values, dict):
        return {name: _with_copies(value, source) for name, value in values.items()}
    return np.concatenate([values, values[source]])


def same_models(first: Sequence[JobResult], second: Sequence[JobResult]) -> bool:
    """Return whether the jobs of two lists, pair by pair, have trained the same models.

    That is so if what was measured in training is the same to the bit: the losses and scores of each epoch or setting,
    what was chosen, and the predictions of the validation rows.
    """
    return len(first) == len(second) and all(
        repr(a.history) == repr(b.history) and np.array_equal(a.validation_probabilities, b.validation_probabilities)
        for a, b in zip(first, second, strict=True)
    )
