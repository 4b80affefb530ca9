"""Show that a training depends on its training and validation rows only, by corrupting all other rows.

This covers everything that is fitted in a training: means, scales, document frequencies, class shares, temperature, and
the selection of epoch and strength.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mer.evaluation.purity.purity import ContaminationError, loco_jobs
from mer.params.normalisation import groups
from mer.training import grid
from mer.training.choosing.choice import candidates
from mer.training.job import Job
from mer.training.task import Task

ENCODER_ROWS = 32
"""The number of training rows, and of validation rows, on which a system that trains an encoder is checked."""
CORRUPTED_VALUE = 1e6
"""The value that replaces all features of rows that a job must not read. It is finite, so that no check for NaN stops
the training."""


def check_row_access(task: Task, jobs: Iterable[Job], device: str = "cpu") -> dict[str, str]:
    """Refuse trainings that depend on other rows than their training and validation rows.

    The first LOCO job of each system is trained twice (networks for one epoch, encoders on some of the rows, other
    models with two strengths): on the original data, and with all rows outside its training and validation rows
    corrupted. Both models must be identical bit for bit.

    Args:
        task: features and classes of the usable rows.
        jobs: as from `jobs.plan_jobs`; those of other protocols are ignored.
        device: cpu or cuda.

    Returns:
        system -> the held-out family of the job that was trained.

    Raises:
        ContaminationError: names the parts of the model that differ.
    """
    checked: dict[str, str] = {}
    for system, cell, job in loco_jobs(jobs):
        if system in checked:
            continue
        shorter = {"epochs": 1, "inverse_regularisation": job.training.strengths()[:2]}
        short = _shortened(replace(job, training=job.training.model_copy(update=shorter)), task)
        tasks = (task, with_corrupted_rows(task, short))
        original, corrupted = (_model_parts(grid.fit_job(each, short, device)) for each in tasks)
        parts = [name for name in original if not _equal(original[name], corrupted[name])]
        if parts:  # the first one that differs, because the later ones are computed from it
            others = ", ".join(sorted(set(task.corpora[_unused_rows(task, short)].tolist())))
            raise ContaminationError(
                f"LOCO without {cell.held_out}: {system}'s {parts[0]} were fitted on rows outside its training and "
                f"validation rows, on some of {others}"
            )
        checked[system] = cell.held_out
    return checked


def _shortened(job: Job, task: Task) -> Job:
    """The job with few rows if it trains an encoder, of which an epoch can take hours."""
    if not task.features.trained(job.spec.inputs):
        return job
    train, validation = (rows[:: max(1, -(-len(rows) // ENCODER_ROWS))] for rows in (job.train, job.validation))
    return replace(job, train=train, validation=validation)


def with_corrupted_rows(task: Task, job: Job) -> Task:
    """Return the task with all rows corrupted (features, labels, votes) but a job's training and validation rows.

    A transductive training scales a corpus by all of its rows, also by those that its family keeps out of the training
    rows. They keep their features, and their classes are corrupted.
    """
    others, wrong_value = _unused_rows(task, job), np.float32(CORRUPTED_VALUE)
    rarest = int(np.bincount(task.labels[others], minlength=task.classes).argmin())  # so that class shares change
    wrong = np.eye(task.classes, dtype=np.float32)[rarest]
    unread, inputs = others & ~_scaled_with_training_rows(task, job), job.spec.all_inputs
    arrays = {m: np.where(unread[:, None], wrong_value, task.features.arrays[m]) for m in inputs}
    present = {m: task.features.present[m] | unread for m in inputs}
    wrong_row = int(np.flatnonzero(others)[0]) if others.any() else 0
    items = {m: task.features.items[m].with_item_of(wrong_row, others) for m in task.features.trained(job.spec.inputs)}
    return replace(
        task,
        features=replace(task.features, arrays=arrays, present=present, items=items),
        labels=np.where(others, rarest, task.labels),
        corpora=np.where(others, "corrupted", task.corpora),
        targets={kind: np.where(others[:, None], wrong, a) for kind, a in task.targets.items()},
    )


def _scaled_with_training_rows(task: Task, job: Job) -> np.ndarray:
    """Which rows are of the same corpus, and of the same part of a published split, as rows that a job trains on.

    They scale training rows if `training.normalisation` scales each corpus or speaker by itself; otherwise none does.
    The name of the corpus counts besides the group, so that a group of several corpora is no excuse.
    """
    if not any(groups(training.normalisation) for _, training in candidates(job)):
        return np.zeros(len(task.labels), bool)
    own = np.concatenate([job.train, job.validation])
    return np.all([np.isin(names, names[own]) for names in (task.corpora, task.groups["corpus"])], axis=0)


def _unused_rows(task: Task, job: Job) -> np.ndarray:
    """Which rows are neither training nor validation rows of a job; bool of shape (rows,). Augmented rows count."""
    others = np.ones(len(task.labels), bool)
    others[np.concatenate([task.training_rows(job.train, job.training), job.validation])] = False
    return others


def _model_parts(model) -> dict[str, list[np.ndarray]]:
    """The numbers of a model by part, in the order in which they are fitted."""
    moments = {f"means and scales of {m}": list(pair) for m, pair in model.standardiser.moments.items()}
    weights = [value for _, value in sorted(model.tensors().items())]
    for _, encoder in sorted(getattr(model, "encoders", {}).items()):
        weights += [value.detach().cpu().numpy() for value in encoder.body.parameters()]
    return {
        **moments,
        "weights (or class shares behind them)": weights,
        "probabilities (temperature)": [np.array(model.temperature)],
        "statistics for adaptation": list(model.source.tensors().values()) if model.source else [],
    }


def _equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))
