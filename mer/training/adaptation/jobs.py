"""The adaptation of a training's result: its source rows, and its test rows by corpus or speaker."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mer.training.adaptation.adaptation import Rows, Source, adapt, fit
from mer.training.job import JobResult
from mer.training.task import Task


def adapted(task: Task, result: JobResult) -> JobResult:
    """Return a result whose test predictions are adapted to the unlabelled rows of each test corpus or speaker.

    Args:
        task: the task, before `normalised_for`.
        result: as from a training whose predictions are not adapted; its validated rows are the source.
    """
    job = result.job
    if job.training.adaptation == "none":
        return result
    own = task.normalised_for(job)
    statistics, target = source(own, result), rows_of(own, job.spec.inputs, job.test, result.probabilities)
    free, restricted = (
        adapt(job.training.adaptation, statistics, target, allowed)
        for allowed in (None, classes_of_corpora(own, job.test))
    )
    return replace(result, probabilities=free, restricted_probabilities=restricted)


def source(task: Task, result: JobResult) -> Source:
    """Return what the adaptation of a training needs, from the rows that its result has validated.

    Args:
        task: its features are normalised as the model reads them.
    """
    job, rows = result.job, result.validated_rows
    trained = np.bincount(task.labels[job.train], minlength=task.classes).astype(float)
    if job.training.balance != "none":
        shares = (trained > 0).astype(float)  # weighed classes count alike
    else:
        exponent = job.training.class_exponent if job.spec.is_network else 1.0
        shares = np.where(trained > 0, trained**exponent, 0.0)
    predicted = rows_of(task, job.spec.inputs, rows, result.validation_probabilities)
    return fit(job.training.adaptation, predicted, task.labels[rows], shares / shares.sum())


def rows_of(task: Task, inputs: Sequence[str], rows: np.ndarray, probabilities: np.ndarray) -> Rows:
    """Return predicted rows of a task with their features.

    Args:
        task: its features are normalised as the model reads them.
        inputs: the model's inputs; a missing one is zeros.
        rows: row numbers, shape (n,).
        probabilities: calibrated predictions of these rows, shape (n, classes).
    """
    stored = [name for name in inputs if name not in task.features.trained(inputs)]  # encoders may be trained, too
    parts = [task.features.vectors(name, rows) for name in stored] or [np.zeros((len(rows), 1))]
    vectors = np.concatenate(parts, axis=1, dtype=np.float64)
    speakers = task.groups.get("speaker", task.corpora)[rows]
    return Rows(probabilities, vectors, task.corpora[rows], speakers)


def classes_of_corpora(task: Task, rows: np.ndarray) -> np.ndarray:
    """Return which classes the corpus of each row has, bool of shape (len(rows), classes).

    This is all that restricted predictions read of the labels of test rows.
    """
    allowed = np.zeros((len(rows), task.classes), bool)
    for corpus in np.unique(task.corpora[rows]):
        allowed[task.corpora[rows] == corpus] = task.classes_in(np.flatnonzero(task.corpora == corpus))
    return allowed
