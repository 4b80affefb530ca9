r"""Kernel ridge classification: least squares on the classes, with the kernel exp(-γ |x - s|²).

.. math:: \min_{f, b} \sum_i w_i \lVert t_i - f(x_i) - b \rVert^2 + \lambda \lVert f \rVert^2

with t of -1 and 1, x standardised on the training rows and w the class weights n / (K n_c) or 1. Speech emotion
challenges know it as kernel extreme learning machine [Kaya and Salah 2016]. With up to `MAX_LANDMARKS` training rows f
is a sum over all of them. With more, f is a sum over evenly spaced ones (Nyström), and the error is still that of all
rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from mer.features import Features
from mer.params.schema import Training
from mer.training.baselines.classifier import (
    Setting,
    TrainedClassifier,
    checked_tensors,
    settings,
    stack,
    training_rows,
)
from mer.training.baselines.kernel_machine import MAX_KERNEL_VALUES, squared_distances
from mer.training.scaling.standardise import Standardiser
from mer.training.task import Task

__all__ = ["MODEL", "all_logits", "fit_all", "settings"]

GAMMA = 0.25
"""The width of the kernel, in units of 1 / number of features. Two standardised rows have a squared distance of about
twice that number, so this is the usual exp(-d² / 2σ²) with σ² the median of d²."""
MAX_LANDMARKS = 4000
"""The largest number of training rows over which a machine is a sum: 128 MB for their kernel."""
JITTER = 1e-6
"""The number that is added to the diagonal of the landmarks' kernel, whose values there are 1. Without it, the kernel
of rows that are equal could not be factored."""


@dataclass
class TrainedKernelRidge(TrainedClassifier):
    """A trained kernel ridge classifier; a `TrainedModel`.

    Attributes:
        vectors: the landmarks, float32 of shape (landmarks, width).
        duals, bias: float64 of shapes (classes, landmarks) and (classes,); a class that was not trained has bias -inf.
    """

    vectors: np.ndarray
    duals: np.ndarray
    bias: np.ndarray
    gamma: float
    standardiser: Standardiser

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the decision values, float64 of shape (len(rows), classes).

        Raises:
            ValueError: a row holds NaN or infinity; names the input.
        """
        return all_logits([self], features, rows)[0]

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint stores besides the standardiser."""
        return {"vectors": self.vectors, "duals": self.duals, "bias": self.bias, "gamma": np.array(self.gamma)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], standardiser: Standardiser) -> "TrainedKernelRidge":
        """Return the classifier with these `tensors`; its history is empty.

        Raises:
            ValueError: a tensor is missing, or shapes do not fit together.
        """
        vectors, duals, bias, gamma = checked_tensors(tensors, {"vectors": 2, "duals": 2, "bias": 1, "gamma": 0})
        width = sum(len(mean) for mean, _ in standardiser.moments.values())
        shapes, expected = [vectors.shape[1:], duals.shape], [(width,), (len(bias), len(vectors))]
        if shapes != expected:
            raise ValueError(f"kernel ridge: shapes {shapes} where {expected} belong")
        return cls(vectors, duals, bias, float(gamma), standardiser)


MODEL = TrainedKernelRidge
"""The class of the trained model."""


def fit_all(
    task: Task, train: np.ndarray, settings: Sequence[Setting], *, inputs: tuple[str, ...], training: Training
) -> list[TrainedKernelRidge]:
    """Return one model per inverse regularisation C, with λ = 1 / (2 C width), all from the same sums.

    A row has length 1 under this kernel and √width under the linear one. With this λ, a C means the same as for
    `ridge`. The solution is unique: nothing is drawn at random.

    Args:
        train: row numbers of the task.
        settings: as from `classifier.settings`.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    standardiser, x, y = training_rows(task, train, inputs, training.equal_inputs)
    x, width = x.astype(np.float32), x.shape[1]  # the precision in which landmarks are stored
    vectors, gamma = _landmarks(x), GAMMA / width
    factor = cholesky(_kernel(vectors, vectors, gamma) + JITTER * np.eye(len(vectors)), lower=True)
    counts = np.bincount(y, minlength=task.classes)
    weights = len(y) / ((counts > 0).sum() * counts[y]) if training.weighs_classes else np.ones(len(y))
    targets = 2 * np.eye(task.classes)[y] - 1
    squares, centre, right = _sums(_features(x, vectors, factor, gamma), weights, targets, len(vectors))
    shares = weights @ targets / weights.sum()
    models = []
    for one in settings:
        regular = squares + 0.5 / (one["inverse_regularisation"] * width) * np.eye(len(vectors))
        slopes = cho_solve(cho_factor(regular, lower=True, overwrite_a=True, check_finite=False), right)
        duals = solve_triangular(factor, slopes, lower=True, trans=1).T
        bias = np.where(counts > 0, shares - centre @ slopes, -np.inf)
        models.append(TrainedKernelRidge(vectors, duals, bias, gamma, standardiser))
    return models


def _landmarks(x: np.ndarray) -> np.ndarray:
    """Return all rows, or `MAX_LANDMARKS` evenly spaced ones. Rows are in the order of corpora and speakers."""
    if len(x) <= MAX_LANDMARKS:
        return x
    return x[np.linspace(0, len(x) - 1, MAX_LANDMARKS).round().astype(np.int64)]


def _kernel(x: np.ndarray, vectors: np.ndarray, gamma: float) -> np.ndarray:
    return np.exp(-gamma * squared_distances(x.astype(np.float64), vectors.astype(np.float64)))


def _features(
    x: np.ndarray, vectors: np.ndarray, factor: np.ndarray, gamma: float
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows, and their features Φ of shape (rows, landmarks), with ΦΦᵀ the kernel as far as landmarks tell it."""
    step = max(1, MAX_KERNEL_VALUES // len(vectors))
    for first in range(0, len(x), step):
        rows = slice(first, first + step)
        yield rows, solve_triangular(factor, _kernel(x[rows], vectors, gamma).T, lower=True, check_finite=False).T


def _sums(
    parts: Iterator[tuple[slice, np.ndarray]], weights: np.ndarray, targets: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weighted sums about the mean: squares (width, width), the mean (width,), products with the targets.

    Sums about zero lose few digits here, because no feature is larger than 1.
    """
    squares, first, right = np.zeros((width, width)), np.zeros(width), np.zeros((width, targets.shape[1]))
    for rows, features in parts:
        weighted = features * weights[rows, None]
        squares += weighted.T @ features
        first += weighted.sum(axis=0)
        right += weighted.T @ targets[rows]
    mean = first / weights.sum()
    squares -= np.outer(first, mean)
    return squares, mean, right - np.outer(mean, weights @ targets)


def all_logits(models: Sequence[TrainedKernelRidge], features: Features, rows: np.ndarray) -> np.ndarray:
    """Return the decision values of models that were fitted on the same rows.

    Returns:
        float64 of shape (models, len(rows), classes).
    """
    x, vectors = stack(features, rows, models[0].standardiser), models[0].vectors
    values = np.empty((len(models), len(x), len(models[0].bias)))
    step = max(1, MAX_KERNEL_VALUES // len(vectors))
    for first in range(0, len(x), step):
        part = slice(first, first + step)
        kernel = _kernel(x[part], vectors, models[0].gamma)
        for number, model in enumerate(models):
            values[number, part] = kernel @ model.duals.T + model.bias
    return values
