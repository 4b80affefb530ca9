"""Support vector machines behind the same interface as a network, saved as plain arrays.

Both take their costs from `training.inverse_regularisation` and draw nothing at random. What they call probabilities
is the softmax of decision values, one per class, over a temperature that validation rows fit. (scikit-learn's own
`probability=True` runs a cross-validation of its own over rows, in which a speaker is on both sides.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax

from mer.features import Features
from mer.params.schema import Training
from mer.training.baselines.classifier import (
    TrainedLinear,
    best_of,
    best_on_validation,
    checked_tensors,
    class_weight,
    require_two_classes,
    stack,
)
from mer.training.scaling import standardise
from mer.training.scaling.standardise import Standardiser
from mer.training.task import Task

GAMMAS = (0.3, 1.0, 3.0)
"""of the RBF kernel, in units of 1 / number of features: a standardised row is about √width away from the mean"""
AT_ONCE = 2**24
"""kernel values that a prediction holds at a time"""


@dataclass
class TrainedKernelMachine:
    """One-vs-one classifiers with the kernel exp(-γ |x - s|²) over shared support vectors s.

    Attributes:
        vectors: support vectors, float32 of shape (vectors, width).
        pairs: class numbers, int64 of shape (pairs, 2); a positive decision speaks for the first.
        duals, bias: float64 of shapes (pairs, vectors) and (pairs,).
        classes: number of classes, seen in training or not.
        history: one dict per setting that was tried.
    """

    vectors: np.ndarray
    pairs: np.ndarray
    duals: np.ndarray
    bias: np.ndarray
    gamma: float
    classes: int
    standardiser: Standardiser
    history: list[dict] = field(default_factory=list)
    temperature: float = 1.0

    def pair_decisions(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the decision of each pair, float64 of shape (len(rows), pairs).

        Raises:
            ValueError: a row holds NaN or infinity; names the modality.
        """
        x, s = stack(features, rows, self.standardiser), self.vectors.astype(np.float64)
        decisions = np.empty((len(x), len(self.pairs)))
        step = max(1, AT_ONCE // len(s))
        for first in range(0, len(x), step):
            part = x[first : first + step]
            squares = (part**2).sum(axis=1)[:, None] + (s**2).sum(axis=1) - 2 * part @ s.T
            decisions[first : first + step] = np.exp(-self.gamma * np.maximum(squares, 0)) @ self.duals.T
        return decisions + self.bias

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return one value per class, float64 of shape (len(rows), classes).

        The value is the number of pairs that a class wins, plus c / (3 (|c| + 1)) with c the sum of its decisions,
        which decides between equals: that of scikit-learn's `decision_function_shape="ovr"`. A class never seen has
        -inf.

        Raises:
            ValueError: a row holds NaN or infinity; names the modality.
        """
        decisions = self.pair_decisions(features, rows)
        first, second = np.eye(self.classes)[self.pairs.T]  # (pairs, classes) each
        sums = decisions @ (first - second)
        votes = (decisions >= 0) @ first + (decisions < 0) @ second
        values = votes + sums / (3 * (np.abs(sums) + 1))
        values[:, np.setdiff1d(np.arange(self.classes), self.pairs)] = -np.inf
        return values

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the softmax of the values over the temperature, float64 of shape (len(rows), classes)."""
        return softmax(self.logits(features, rows) / self.temperature, axis=1)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the numbers that `from_tensors` needs beside the standardiser."""
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
        """Return the classifier of which these are the `tensors`; its history is empty.

        Raises:
            ValueError: one is missing, shapes do not belong together, or pairs are not of classes.
        """
        dimensions = {"vectors": 2, "pairs": 2, "duals": 2, "bias": 1, "gamma": 0, "classes": 0}
        vectors, pairs, duals, bias, gamma, classes = checked_tensors(tensors, dimensions)
        width = sum(len(mean) for mean, _ in standardiser.moments.values())
        shapes = [vectors.shape[1:], pairs.shape, duals.shape]
        wanted = [(width,), (len(bias), 2), (len(bias), len(vectors))]
        if shapes != wanted or pairs.dtype.kind != "i" or pairs.min(initial=0) < 0 or pairs.max(initial=0) >= classes:
            raise ValueError(f"support vector machine: shapes {shapes} where {wanted} belong, {classes} classes")
        return cls(vectors, pairs, duals, bias, float(gamma), int(classes), standardiser)


def fit_linear(
    task: Task,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    inputs: tuple[str, ...],
    training: Training,
) -> TrainedLinear:
    """Fit one linear machine per cost and keep the best by mean per-corpus validation UAR.

    One class against the rest, squared hinge loss, solved in the primal: the weights say all that support vectors
    would. The solution is unique: nothing is drawn at random.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.svm import LinearSVC

    standardiser, x, y = _prepare(task, train, inputs, training.equal_inputs)
    weight = class_weight(training)
    models = [LinearSVC(C=c, dual=False, class_weight=weight).fit(x, y) for c in training.inverse_regularisation]
    return best_of(task, models, standardiser, training, validation)


def fit_rbf(
    task: Task,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    inputs: tuple[str, ...],
    training: Training,
) -> TrainedKernelMachine:
    """Fit one machine per cost and kernel width and keep the best by mean per-corpus validation UAR.

    A row has length 1 under this kernel and √width under the linear one, so costs are multiplied by the number of
    features to mean the same. The solution is unique:
    nothing is drawn at random.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.svm import SVC

    standardiser, x, y = _prepare(task, train, inputs, training.equal_inputs)
    width = len(inputs) if training.equal_inputs else x.shape[1]  # mean square of a row's length
    candidates = []
    for strength in training.inverse_regularisation:
        for gamma in GAMMAS:
            model = SVC(
                C=strength * width, gamma=gamma / width, class_weight=class_weight(training), cache_size=500
            ).fit(x, y)
            settings = {"inverse_regularisation": strength, "gamma": gamma}
            candidates.append((settings, _kernel(model, gamma / width, task.classes, standardiser)))
    return best_on_validation(task, candidates, validation)


def _prepare(
    task: Task, train: np.ndarray, inputs: tuple[str, ...], equal: bool
) -> tuple[Standardiser, np.ndarray, np.ndarray]:
    """Return the standardiser, standardised rows and labels.

    A feature that is constant in training gets an infinite scale: it stays zero wherever the model is used. With scale
    1, a raw value far from the constant would move a row away from all support vectors.
    """
    require_two_classes(task.labels[train])
    fitted = standardise.fit(task.features, train, inputs, equal=equal)
    z = fitted.apply(task.features, train)
    moments = {
        m: (mean, np.where(np.ptp(z[m], axis=0) > 0, scale, np.inf)) for m, (mean, scale) in fitted.moments.items()
    }
    standardiser = Standardiser(moments)
    return standardiser, stack(task.features, train, standardiser), task.labels[train]


def _kernel(model, gamma: float, classes: int, standardiser: Standardiser) -> TrainedKernelMachine:
    """The machine of a fitted `SVC`, whose k - 1 rows of dual coefficients are written out pair by pair."""
    seen, owner = model.classes_, np.repeat(np.arange(len(model.classes_)), model.n_support_)
    pairs = [(i, j) for i in range(len(seen)) for j in range(i + 1, len(seen))]
    duals = np.zeros((len(pairs), len(owner)))
    for row, (i, j) in enumerate(pairs):
        duals[row, owner == i] = model.dual_coef_[j - 1, owner == i]
        duals[row, owner == j] = model.dual_coef_[i, owner == j]
    sign = -1 if len(seen) == 2 else 1  # for two classes scikit-learn turns the decision towards the second
    vectors = model.support_vectors_.astype(np.float32)  # which they were
    numbers = seen[np.array(pairs)].astype(np.int64)
    return TrainedKernelMachine(vectors, numbers, sign * duals, sign * model.intercept_, gamma, classes, standardiser)
