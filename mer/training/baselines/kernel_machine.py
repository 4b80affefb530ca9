"""A kernel machine as plain arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mer.features import Features
from mer.training.baselines.classifier import TrainedClassifier, checked_tensors, stack
from mer.training.scaling.standardise import Standardiser

MAX_KERNEL_VALUES = 2**24
"""The largest number of kernel values that a prediction holds at a time."""


@dataclass
class TrainedKernelMachine(TrainedClassifier):
    """One-vs-one classifiers with the kernel exp(-γ |x - s|²) over shared support vectors s.

    Attributes:
        vectors: support vectors, float32 of shape (vectors, width).
        pairs: class numbers, int64 of shape (pairs, 2); a positive decision speaks for the first.
        duals, bias: float64 of shapes (pairs, vectors) and (pairs,).
        classes: number of classes, including those that were not trained.
        support: positions of the support vectors among the training rows; None of a loaded machine.
    """

    vectors: np.ndarray
    pairs: np.ndarray
    duals: np.ndarray
    bias: np.ndarray
    gamma: float
    classes: int
    standardiser: Standardiser
    support: np.ndarray | None = None

    def pair_decisions(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the decision of each pair, float64 of shape (len(rows), pairs).

        Raises:
            ValueError: a row holds NaN or infinity; names the input.
        """
        x, s = stack(features, rows, self.standardiser), self.vectors.astype(np.float64)
        decisions = np.empty((len(x), len(self.pairs)))
        step = max(1, MAX_KERNEL_VALUES // len(s))
        for first in range(0, len(x), step):
            part = slice(first, first + step)
            decisions[part] = np.exp(-self.gamma * squared_distances(x[part], s)) @ self.duals.T
        return decisions + self.bias

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return one value per class, float64 of shape (len(rows), classes).

        The value is the number of pairs that a class wins, plus c / (3 (|c| + 1)) with c the sum of its decisions,
        which decides between equals: that of scikit-learn's `decision_function_shape="ovr"`. A class that was not
        trained has -inf.

        Raises:
            ValueError: a row holds NaN or infinity; names the input.
        """
        return self.values(self.pair_decisions(features, rows))

    def values(self, decisions: np.ndarray) -> np.ndarray:
        """Return the values of `logits` from the decisions of each pair, shape (n, pairs)."""
        first, second = np.eye(self.classes)[self.pairs.T]  # (pairs, classes) each
        sums = decisions @ (first - second)
        votes = (decisions >= 0) @ first + (decisions < 0) @ second
        values = votes + sums / (3 * (np.abs(sums) + 1))
        values[:, np.setdiff1d(np.arange(self.classes), self.pairs)] = -np.inf
        return values

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint stores besides the standardiser."""
        return {
            "vectors": self.vectors,
            "pairs": self.pairs,
            "duals": self.duals,
            "bias": self.bias,
            "gamma": np.array(self.gamma),
            "classes": np.array(self.classes),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], standardiser: Standardiser) -> "TrainedKernelMachine":
        """Return the classifier with these `tensors`; its history is empty.

        Raises:
            ValueError: a tensor is missing, shapes do not fit together, or a pair names no class.
        """
        dimensions = {"vectors": 2, "pairs": 2, "duals": 2, "bias": 1, "gamma": 0, "classes": 0}
        vectors, pairs, duals, bias, gamma, classes = checked_tensors(tensors, dimensions)
        width = sum(len(mean) for mean, _ in standardiser.moments.values())
        shapes = [vectors.shape[1:], pairs.shape, duals.shape]
        expected = [(width,), (len(bias), 2), (len(bias), len(vectors))]
        if shapes != expected or pairs.dtype.kind != "i" or pairs.min(initial=0) < 0 or pairs.max(initial=0) >= classes:
            raise ValueError(f"support vector machine: shapes {shapes} where {expected} belong, {classes} classes")
        return cls(vectors, pairs, duals, bias, float(gamma), int(classes), standardiser)


def squared_distances(x: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the squared distance of each row of one matrix from each row of another, shape (len(x), len(others)).

    >>> squared_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]))
    array([[25.]])
    """
    squares = (x**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * x @ others.T
    return np.maximum(squares, 0)


def all_logits(machines: Sequence[TrainedKernelMachine], features: Features, rows: np.ndarray) -> np.ndarray:
    """Return the logits of machines that were fitted on the same rows; float64 of shape (machines, len(rows), classes).

    The distances from all support vectors are computed once. The values are those of `logits`, up to rounding.
    """
    x = stack(features, rows, machines[0].standardiser)
    union = np.unique(np.concatenate([machine.support for machine in machines]))
    places = [np.searchsorted(union, machine.support) for machine in machines]
    vectors = np.empty((len(union), x.shape[1]))
    for machine, place in zip(machines, places, strict=True):
        vectors[place] = machine.vectors
    logits = np.empty((len(machines), len(x), machines[0].classes))
    step = max(1, MAX_KERNEL_VALUES // len(union))
    for first in range(0, len(x), step):
        part = slice(first, first + step)
        squares = squared_distances(x[part], vectors)
        for number, (machine, place) in enumerate(zip(machines, places, strict=True)):
            decisions = np.exp(-machine.gamma * squares[:, place]) @ machine.duals.T + machine.bias
            logits[number, part] = machine.values(decisions)
    return logits
