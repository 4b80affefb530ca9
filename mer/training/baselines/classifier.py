"""The trained linear classifier, the selection of one of several models on validation rows, and what models share."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from mer.features import Features
from mer.params.schema import Training
from mer.training import baselines
from mer.training.adaptation.rows import Source
from mer.training.scaling import standardise
from mer.training.scaling.normaliser import NO_STAGES, Normaliser
from mer.training.scaling.standardise import Standardiser, require_finite
from mer.training.task import Task

if TYPE_CHECKING:
    from mer.training.choosing.choice import Choice


Setting = dict[str, float]
"""The parameters in which the models among which a training chooses differ, by name."""


@dataclass(kw_only=True)
class TrainedClassifier:
    """What the trained classical models have in common.

    Attributes:
        history: one dict per setting: its parameters, validation UAR per corpus, mean.
        temperature: number by which logits are divided before they become probabilities (calibration.py).
        source: statistics for `training.adaptation`; None if the system does not adapt.
        choice: how the setting was chosen on folds; None without folds.
    """

    history: list[dict] = field(default_factory=list)
    temperature: float = 1.0
    normaliser: Normaliser = NO_STAGES
    source: Source | None = None
    choice: "Choice | None" = None

    @abstractmethod
    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return one value per class, float64 of shape (len(rows), classes); -inf for a class that was not trained."""

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the softmax of the logits over the temperature, float64 of shape (len(rows), classes)."""
        return softmax(self.logits(features, rows) / self.temperature, axis=1)


@dataclass
class TrainedLinear(TrainedClassifier):
    """A trained linear classifier over all inputs side by side; a `TrainedModel`.

    Attributes:
        weights, bias: float64 of shapes (classes, width) and (classes,); a class that was not trained has bias -inf.
    """

    weights: np.ndarray
    bias: np.ndarray
    standardiser: Standardiser

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the decision values, float64 of shape (len(rows), classes).

        Raises:
            ValueError: a row holds NaN or infinity; names the input.
        """
        return stack(features, rows, self.standardiser) @ self.weights.T + self.bias

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint stores besides the standardiser."""
        return {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], standardiser: Standardiser) -> "TrainedLinear":
        """Return the classifier with these `tensors`; its history is empty.

        Raises:
            ValueError: a tensor is missing, or shapes do not fit together.
        """
        weights, bias = checked_tensors(tensors, {"weights": 2, "bias": 1})
        expected = (len(bias), sum(len(mean) for mean, _ in standardiser.moments.values()))
        if weights.shape != expected:
            raise ValueError(f"weights of shape {weights.shape}, but bias and standardiser are of {expected}")
        return cls(weights, bias, standardiser)


def all_logits(models: Sequence[TrainedLinear], features: Features, rows: np.ndarray) -> np.ndarray:
    """Return the decision values of models with one standardiser; float64 of shape (models, len(rows), classes)."""
    x = stack(features, rows, models[0].standardiser)
    return np.stack([x @ model.weights.T + model.bias for model in models])


def expand(
    coefficients: np.ndarray,
    intercepts: np.ndarray,
    trained_classes: np.ndarray,
    classes: int,
    standardiser: Standardiser,
) -> TrainedLinear:
    """Return a classifier over all classes from the coefficients of the trained ones.

    Args:
        coefficients, intercepts: shapes (n, width) and (n,), with n the number of `trained_classes`, or 1 if they
            are two and the model is one of scikit-learn.
        trained_classes: class numbers, ascending.
    """
    weights, bias = np.zeros((classes, coefficients.shape[1])), np.full(classes, -np.inf)
    if len(coefficients) == 1:
        weights[trained_classes[1]], bias[trained_classes] = coefficients[0], [0.0, intercepts[0]]
    else:
        weights[trained_classes], bias[trained_classes] = coefficients, intercepts
    return TrainedLinear(weights, bias, standardiser)


def checked_tensors(tensors: Mapping[str, np.ndarray], dimensions: dict[str, int]) -> list[np.ndarray]:
    """Return some of a model's tensors. They come from a file, so that each may be anything.

    Args:
        dimensions: name -> number of dimensions.

    Raises:
        ValueError: a tensor is missing, has another number of dimensions, or holds no numbers.
    """
    for name, count in dimensions.items():
        if name not in tensors:
            raise ValueError(f"the model has no tensor {name!r}, only {', '.join(sorted(tensors))}")
        if tensors[name].ndim != count or tensors[name].dtype.kind not in "fi":
            raise ValueError(f"tensor {name!r} of the model is {tensors[name].dtype} of shape {tensors[name].shape}")
    return [tensors[name] for name in dimensions]


def best_on_validation(task: Task, candidates: list[tuple[dict, object]], validation: np.ndarray):
    """Return the candidate with the highest mean per-corpus UAR on the validation rows, its `history` filled in.

    Without validation rows it is the candidate in the middle, and also if that is one of several best ones.

    Args:
        candidates: (settings, trained model), in the order of the settings.
    """
    history = []
    for settings, model in candidates:
        scores = task.score_predictor(model.predict, validation)
        history.append({**settings, "mean": float(np.mean(list(scores.values()))) if scores else 0.0, **scores})
    middle = len(candidates) // 2
    chosen = max(range(len(candidates)), key=lambda i: (history[i]["mean"], i == middle))
    model = candidates[chosen][1]
    model.history = history
    return model


def fit(
    name: str, task: Task, train: np.ndarray, validation: np.ndarray, *, inputs: tuple[str, ...], training: Training
):
    """Fit every setting of a classical model and keep the best by mean per-corpus validation UAR.

    Args:
        name: name of the model.
        train, validation: row numbers of the task.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    own = baselines.module(name)
    chosen = own.settings(training)
    models = own.fit_all(task, train, chosen, inputs=inputs, training=training)
    return best_on_validation(task, list(zip(chosen, models, strict=True)), validation)


def stack(features: Features, rows: np.ndarray, standardiser: Standardiser) -> np.ndarray:
    """Return the standardised inputs side by side, float64 of shape (len(rows), width).

    Raises:
        ValueError: as `require_finite`.
    """
    require_finite(features, rows, tuple(standardiser.moments))
    return np.concatenate(list(standardiser.apply(features, rows).values()), axis=1).astype(np.float64)


def settings(training: Training, choose_by: str = "speakers") -> list[Setting]:
    """Return the settings of a classical model among which a training chooses: one per inverse regularisation.

    >>> settings(Training(inverse_regularisation=(0.1,)))
    [{'inverse_regularisation': 0.1}]
    """
    return [{"inverse_regularisation": strength} for strength in training.strengths(choose_by)]


def class_weight(training: Training) -> str | None:
    """Return `training.balance` as scikit-learn's `class_weight`."""
    return "balanced" if training.weighs_classes else None


def require_two_classes(labels: np.ndarray) -> None:
    """Refuse training rows of fewer than two classes.

    Raises:
        ValueError: fewer than two classes.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(f"{len(labels)} training rows of {len(np.unique(labels))} class(es): a classifier needs two")


def training_rows(
    task: Task, train: np.ndarray, inputs: tuple[str, ...], equal: bool
) -> tuple[Standardiser, np.ndarray, np.ndarray]:
    """Return the standardiser, the standardised rows and their labels, as support vector machines need them.

    A feature that is constant in training has an infinite scale, so that it is zero in every row that the model
    predicts. With a scale of 1, a value far from the constant would move a row away from all support vectors.

    Args:
        train: row numbers of the task, of shape (n,).
        equal: as for `standardise.fit`.

    Returns:
        The standardiser; float64 of shape (n, width); class numbers of shape (n,).

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    require_two_classes(task.labels[train])
    fitted = standardise.fit(task.features, train, inputs, equal=equal)
    z = fitted.apply(task.features, train)
    moments = {
        name: (mean, np.where(np.ptp(z[name], axis=0) > 0, scale, np.inf))
        for name, (mean, scale) in fitted.moments.items()
    }
    standardiser = Standardiser(moments)
    return standardiser, stack(task.features, train, standardiser), task.labels[train]
