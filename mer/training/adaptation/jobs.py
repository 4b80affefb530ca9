"""The adaptation of a training's result: its source rows, and its test rows by corpus or speaker."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mer.features import Features
from mer.training.adaptation.adaptation import adapt
from mer.training.adaptation.rows import Rows, Source
from mer.training.adaptation.trial import fit
from mer.training.job import JobResult
from mer.training.scaling.normaliser import Groups
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
    groups, statistics = target_groups(own), source(own, result)
    target = rows_of(own.features, groups, job.spec.inputs, job.test, result.probabilities)
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
    if job.training.weighs_classes or (job.spec.is_network and job.training.balance == "logit_adjustment"):
        shares = (trained > 0).astype(float)  # such classes count alike
    else:
        exponent = job.training.class_exponent if job.spec.is_network else 1.0
        shares = np.where(trained > 0, trained**exponent, 0.0)
    predicted = rows_of(task.features, target_groups(task), job.spec.inputs, rows, result.validation_probabilities)
    return fit(job.training.adaptation, predicted, task.labels[rows], shares / shares.sum())


def target_groups(task: Task) -> Groups:
    """Return the corpus and the speaker of each row of a task; its corpus where speakers are not known."""
    return {"corpus": task.corpora, "speaker": task.groups.get("speaker", task.corpora)}


def rows_of(
    features: Features, groups: Groups, inputs: Sequence[str], rows: np.ndarray, probabilities: np.ndarray
) -> Rows:
    """Return predicted rows with their features.

    Args:
        features: normalised as the model reads them.
        groups: `corpus` and `speaker` of every row of the features.
        inputs: the model's inputs; a missing one is zeros.
        rows: row numbers, shape (n,).
        probabilities: calibrated predictions of these rows, shape (n, classes).
    """
    stored = [name for name in inputs if name not in features.trained(inputs)]  # encoders may be trained, too
    parts = [features.vectors(name, rows) for name in stored] or [np.zeros((len(rows), 1))]
    vectors = np.concatenate(parts, axis=1, dtype=np.float64)
    return Rows(probabilities, vectors, groups["corpus"][rows], groups["speaker"][rows])


def classes_of_corpora(task: Task, rows: np.ndarray) -> np.ndarray:
    """Return which classes the corpus of each row has, bool of shape (len(rows), classes).

    This is all that restricted predictions read of the labels of test rows.
    """
    allowed = np.zeros((len(rows), task.classes), bool)
    for corpus in np.unique(task.corpora[rows]):
        allowed[task.corpora[rows] == corpus] = task.classes_in(np.flatnonzero(task.corpora == corpus))
    return allowed
