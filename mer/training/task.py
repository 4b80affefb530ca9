"""The task: a manifest in numbers, as jobs read it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mer import stats
from mer.features import Features
from mer.params.schema import Training
from mer.training.scaling.by_group import normalised


@dataclass(frozen=True)
class Task:
    """Rows of a manifest as numbers.

    Attributes:
        labels: class number, int64 of shape (rows,).
        corpora: corpus of each row, str of shape (rows,).
        classes: number of classes.
        targets: kind of `training.targets` other than `hard` -> the targets of networks: shares of the raters' votes
            (`soft`), or which classes occur (`multi_label`); float32 of shape (rows, classes).
        groups: kind of `training.normalisation` other than `training` -> the group of each row that is scaled together;
            str of shape (rows,).
    """

    features: Features
    labels: np.ndarray
    corpora: np.ndarray
    classes: int
    targets: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def normalised_for(self, training: Training) -> "Task":
        """Return the task with features scaled by speaker or corpus if `training.normalisation` asks for it."""
        kind = training.normalisation
        if kind == "training":
            return self
        if kind not in self._normalised:
            features = normalised(self.features, self.groups[kind], self.groups["corpus"])
            self._normalised[kind] = replace(self, features=features)
        return self._normalised[kind]

    @cached_property
    def _normalised(self) -> dict[str, "Task"]:
        """Kind of `training.normalisation` -> the normalised task, added when it is first needed."""
        return {}

    def without_features(self) -> "Task":
        """Return the task without its rows: what determines the shape of a network."""
        arrays = {name: values[:0] for name, values in self.features.arrays.items()}
        present = {name: values[:0] for name, values in self.features.present.items()}
        items = {name: one.without_rows() for name, one in self.features.items.items()}
        features = replace(self.features, arrays=arrays, present=present, items=items)
        return replace(self, features=features, labels=self.labels[:0], corpora=self.corpora[:0], targets={},
                       groups={})  # fmt: skip

    def target_matrix(self, rows: np.ndarray, kind: str = "hard") -> np.ndarray:
        """Return float32 of shape (len(rows), classes).

        Args:
            kind: `training.targets`.
        """
        if kind != "hard":
            return self.targets[kind][rows]
        return np.eye(self.classes, dtype=np.float32)[self.labels[rows]]

    def classes_in(self, rows: np.ndarray) -> np.ndarray:
        """Return which classes these rows have; bool of shape (classes,)."""
        return np.bincount(self.labels[rows], minlength=self.classes) > 0

    def score_predictor(
        self, predict: Callable[[Features, np.ndarray], np.ndarray], rows: np.ndarray
    ) -> dict[str, float]:
        """Return corpus -> UAR of a model's predictions of some rows; empty without rows."""
        if not len(rows):
            return {}
        return self.score_predictions(predict(self.features, rows).argmax(axis=1), rows)

    def score_predictions(self, predicted: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        """Return corpus -> UAR of predictions of some rows.

        Args:
            predicted: class numbers of shape (len(rows),).
        """
        counts, names = stats.cluster_confusions(self.labels[rows], predicted, self.corpora[rows], self.classes)
        return dict(zip(names.tolist(), stats.uar(counts).tolist(), strict=True))
