"""The task: a manifest in numbers, as jobs read it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mer import stats
from mer.features import Features
from mer.params.normalisation import FITTED
from mer.params.schema import Training
from mer.training.job import Job
from mer.training.scaling import normaliser
from mer.training.scaling.normaliser import NO_STAGES, Normaliser


@dataclass(frozen=True)
class Augmented:
    """Augmented rows of a task: altered copies of recordings.

    Attributes:
        rows: their row numbers, int64 of shape (copies,).
        sources: row numbers of the recordings that each is made from, the altered one first; int64 of shape (copies,
            most sources).
    """

    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    sources: np.ndarray = field(default_factory=lambda: np.zeros((0, 1), np.int64))

    def __len__(self) -> int:
        return len(self.rows)


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
        augmented: the augmented rows.
    """

    features: Features
    labels: np.ndarray
    corpora: np.ndarray
    classes: int
    targets: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    augmented: Augmented = field(default_factory=Augmented)

    def training_rows(self, train: np.ndarray, training: Training) -> np.ndarray:
        """Return the rows that a training reads: its training rows and, if it asks for them, augmented rows.

        An augmented row is read if all recordings that it is made from are training rows.

        Args:
            train: row numbers of the training rows.
            training: parameters of the training.

        Raises:
            ValueError: the training asks for augmented rows, and there are none.
        """
        if not training.augmented:
            return train
        if not len(self.augmented):
            raise ValueError("training.augmented: there are no augmented rows; run step 02 with `augmentation`")
        inside = np.isin(self.augmented.sources, train).all(axis=1)
        return np.concatenate([train, self.augmented.rows[inside]])

    def without_augmented(self) -> "Task":
        """Return the task without its augmented rows; other rows keep their order."""
        if not len(self.augmented):
            return self
        return self._of_rows(np.delete(np.arange(len(self.labels)), self.augmented.rows))

    def reordered(self, order: np.ndarray) -> "Task":
        """Return the task with the labels and targets of other rows; augmented rows get those of their recordings.

        Args:
            order: for each row before the augmented ones, the number of the row whose labels it gets.
        """
        every = np.concatenate([order, order[self.augmented.sources[:, 0]]])
        targets = {kind: values[every] for kind, values in self.targets.items()}
        return replace(self, labels=self.labels[every], targets=targets)

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
        return replace(self._of_rows(np.arange(0)), targets={}, groups={})

    def _of_rows(self, rows: np.ndarray) -> "Task":
        """The task with some of its rows, none of which is augmented."""
        arrays, present = ({name: values[rows] for name, values in of_input.items()}
                           for of_input in (self.features.arrays, self.features.present))  # fmt: skip
        items = {name: one.of_rows(rows) for name, one in self.features.items.items()}
        features = replace(self.features, arrays=arrays, present=present, items=items)
        targets, groups = ({k: v[rows] for k, v in each.items()} for each in (self.targets, self.groups))
        return replace(self, features=features, labels=self.labels[rows], corpora=self.corpora[rows], targets=targets,
                       groups=groups, augmented=Augmented())  # fmt: skip

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
