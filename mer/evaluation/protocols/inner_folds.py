"""The folds on which a training chooses its parameters: each family of its training corpora is left out in turn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mer.dataset.identity import duplicates
from mer.params.schema import Training
from mer.training.job import Fold
from mer.training.task import Task

AUTO_FAMILIES = 3
"""The smallest number of training families with which `training.choose_by: auto` chooses by corpora. With two, a model
trained on one family chooses for a model of two."""
MIN_FAMILIES = 2
"""The smallest number of training families that can be left out in turn."""


@dataclass(frozen=True)
class FamilyFolds:
    """A fold for each family among some rows. Folds are made when they are iterated over.

    The folds of all cells of a large study together would need more memory than its features.

    A family is left out as a whole, and with it all speakers and sentences that its corpora share. Training rows that
    are copies of the rows that are left out are left out, too.

    Attributes:
        families: family of each row of the manifest.
        rows: the training and validation rows of a cell.
        recordings: the recordings of the manifest.
    """

    families: np.ndarray
    rows: np.ndarray
    recordings: duplicates.Recordings

    def __iter__(self) -> Iterator[Fold]:
        rows, recordings = np.unique(self.rows), self.recordings
        for family in np.unique(self.families[rows].astype(str)).tolist():
            is_left_out = self.families[rows] == family
            train, test = rows[~is_left_out], rows[is_left_out]
            if recordings.has_copy[test].any():
                train = np.setdiff1d(train, duplicates.copies(recordings, train, test)["row"])
            yield Fold(family, train, test)

    def __reduce__(self) -> tuple:
        """Other processes get jobs, which have their folds already, and no folds of cells."""
        return AbsentFolds, ()


class AbsentFolds:
    """The folds of a cell in another process, where they must not be read."""

    def __iter__(self) -> Iterator[Fold]:
        raise RuntimeError("the folds of a cell are not sent to other processes: read those of its jobs")


def usable(folds: Iterable[Fold], training: Training, task: Task, available: np.ndarray) -> tuple[Fold, ...]:
    """Return the folds by which a system chooses; none if it chooses by validation speakers.

    A fold needs training rows of two classes, and a corpus of two classes to predict.

    Args:
        folds: as from `FamilyFolds`.
        training: training parameters of the system.
        task: classes and corpora of the rows.
        available: which rows the system can read, bool of shape (rows,).
    """
    if training.choose_by == "speakers":
        return ()
    own = list(folds)
    if not available.all():  # otherwise systems share the arrays
        own = [replace(one, train=one.train[available[one.train]], test=one.test[available[one.test]]) for one in own]
    own = [one for one in own if len(set(task.labels[one.train])) > 1 and _has_two_classes(task, one.test)]
    enough = MIN_FAMILIES if training.choose_by == "corpora" else AUTO_FAMILIES
    return tuple(own) if len(own) >= enough else ()


def _has_two_classes(task: Task, rows: np.ndarray) -> bool:
    pairs = pd.DataFrame({"corpus": task.corpora[rows], "label": task.labels[rows]})
    return bool((pairs.groupby("corpus")["label"].nunique() > 1).any())
