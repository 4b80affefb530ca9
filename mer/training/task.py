"""What is learned: features, answers, and where each utterance comes from."""

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
        labels: class index, int64 of shape (rows,).
        corpora: corpus of each row, str of shape (rows,).
        classes: number of classes.
        answers: `soft` and `multi_label` -> what networks may be trained towards instead of one class: shares of the
            raters' votes, or which classes are there; float32 of shape (rows, classes).
        groups: `speaker` and `corpus` -> who is scaled together where `training.normalisation` asks for it; str of
            shape (rows,).
    """

    features: Features
    labels: np.ndarray
    corpora: np.ndarray
    classes: int
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def seen_by(self, training: Training) -> "Task":
        """Return the task as a training sees it: features scaled by speaker or corpus where it asks for that."""
        if training.normalisation == "training":
            return self
        return self._by_speaker if training.normalisation == "speaker" else self._by_corpus

    @cached_property
    def _by_speaker(self) -> "Task":
        return replace(self, features=normalised(self.features, self.groups["speaker"], self.groups["corpus"]))

    @cached_property
    def _by_corpus(self) -> "Task":
        return replace(self, features=normalised(self.features, self.groups["corpus"], self.groups["corpus"]))

    def outline(self) -> "Task":
        """Return the task without its rows: what a network for it looks like."""
        arrays = {m: values[:0] for m, values in self.features.arrays.items()}
        features = replace(self.features, arrays=arrays, present={m: p[:0] for m, p in self.features.present.items()})
        return replace(self, features=features, labels=self.labels[:0], corpora=self.corpora[:0], answers={},
                       groups={})  # fmt: skip

    def targets(self, rows: np.ndarray, kind: str = "hard") -> np.ndarray:
        """Return float32 of shape (len(rows), classes).

        Args:
            kind: `training.targets`.
        """
        if kind != "hard":
            return self.answers[kind][rows]
        return np.eye(self.classes, dtype=np.float32)[self.labels[rows]]

    def occurring(self, rows: np.ndarray) -> np.ndarray:
        """Return which classes these rows have; bool of shape (classes,)."""
        return np.bincount(self.labels[rows], minlength=self.classes) > 0

    def scores(self, predict: Callable[[Features, np.ndarray], np.ndarray], rows: np.ndarray) -> dict[str, float]:
        """Return corpus -> UAR of a model on some rows; empty without rows."""
        if not len(rows):
            return {}
        return self.scored(predict(self.features, rows).argmax(axis=1), rows)

    def scored(self, predicted: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        """Return corpus -> UAR of answers to some rows; class indices of shape (len(rows),)."""
        counts, names = stats.cluster_confusions(self.labels[rows], predicted, self.corpora[rows], self.classes)
        return dict(zip(names.tolist(), stats.uar(counts).tolist(), strict=True))
