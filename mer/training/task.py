"""The task: a manifest in numbers, as jobs read it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mer import stats
from mer.features import Features
from mer.params.normalisation import FITTED
from mer.training.job import Job
from mer.training.scaling import normaliser
from mer.training.scaling.normaliser import NO_STAGES, Normaliser


@dataclass(frozen=True)
class Task:
    """Rows of a manifest as numbers.

    Attributes:
        labels: class number, int64 of shape (rows,).
        corpora: corpus of each row, str of shape (rows,).
        classes: number of classes.
        targets: kind of `training.targets` other than `hard` -> the targets of networks: shares of the raters' votes
            (`soft`), or which classes occur (`multi_label`); float32 of shape (rows, classes).
        groups: `corpus` and `speaker` -> the group of each row that `training.normalisation` scales together; str of
            shape (rows,).
    """

    features: Features
    labels: np.ndarray
    corpora: np.ndarray
    classes: int
    targets: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def normalised_for(self, job: Job) -> "Task":
        """Return the task with features as `training.normalisation` asks for.

        If they depend on the groups alone, they are computed once for all jobs.
        """
        stages = job.training.stages
        if not stages or not set(FITTED).isdisjoint(stages):
            return self.fit_normaliser(job)[1]
        if stages not in self._normalised:
            inputs = normaliser.scaled_inputs(self.features, self.features.arrays)
            features = Normaliser(stages, inputs).apply(self.features, self.groups)
            self._normalised[stages] = replace(self, features=features)
        return self._normalised[stages]

    def fit_normaliser(self, job: Job) -> tuple[Normaliser, "Task"]:
        """Return what a job's model needs to normalise features, and the task as it is trained on."""
        inputs, stages = job.spec.inputs, job.training.stages
        if stages:
            fitted, features = normaliser.fit(self.features, self.groups, job.train, inputs, stages)
            return fitted, replace(self, features=features)
        if job.training.normalisation == "none":
            unscaled = normaliser.scaled_inputs(self.features, inputs)
            return NO_STAGES, replace(self, features=replace(self.features, unscaled=unscaled))
        return NO_STAGES, self

    @cached_property
    def _normalised(self) -> dict[tuple[str, ...], "Task"]:
        """Stages of `training.normalisation` -> the normalised task, added when it is first needed."""
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
