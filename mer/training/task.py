"""What is learned: features, answers, and where each utterance comes from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mer import stats
from mer.features import Features


@dataclass(frozen=True)
class Task:
    """Rows of a manifest as numbers.

    Attributes:
        labels: class index, int64 of shape (rows,).
        corpora: corpus of each row, str of shape (rows,).
        classes: number of classes.
    """

    features: Features
    labels: np.ndarray
    corpora: np.ndarray
    classes: int

    def scores(self, predict: Callable[[Features, np.ndarray], np.ndarray], rows: np.ndarray) -> dict[str, float]:
        """Return corpus -> UAR of a model on some rows; empty without rows."""
        if not len(rows):
            return {}
        predicted, truth, names = (
            predict(self.features, rows).argmax(axis=1),
            self.labels[rows],
            self.corpora[rows],
        )
        return {
            str(c): float(stats.uar(stats.confusion(truth[names == c], predicted[names == c], self.classes)))
            for c in sorted(set(names))
        }
