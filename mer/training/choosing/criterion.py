"""The score by which settings are compared: the UAR of restricted predictions, corrected for chance."""

import numpy as np

from mer import stats
from mer.training.job import Job
from mer.training.task import Task


def restricted_scores(task: Task, rows: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return corpus -> chance-corrected UAR of predictions among the classes of this corpus.

    0 is guessing and 1 is perfect, whatever the number of classes. A corpus of one class has no score.

    Args:
        rows: row numbers of the task, shape (n,).
        logits: shape (n, classes).
    """
    scores = {}
    for corpus in np.unique(task.corpora[rows]).tolist():
        own = task.corpora[rows] == corpus
        labels = task.labels[rows][own]
        if len(classes := np.unique(labels)) > 1:
            confusion = stats.confusion(labels, stats.restrict(logits[own], classes), task.classes)
            scores[corpus] = float(stats.chance_corrected(stats.uar(confusion), len(classes)))
    return scores


def validation_scores(task: Task, job: Job, rows: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return corpus -> the score by which a job chooses: of free predictions for speakers, else `restricted_scores`.

    Validation speakers belong to corpora that are trained on. A family that is left out may have fewer classes.

    Args:
        rows: row numbers of the task, shape (n,).
        logits: shape (n, classes).
    """
    if job.choose_by == "corpora":
        return restricted_scores(task, rows, logits)
    return task.score_predictions(logits.argmax(axis=1), rows)
