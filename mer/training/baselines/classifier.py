"""Linear classifiers over all modalities side by side: what they answer with, and how one of several is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax

from mer.features import Features
from mer.params.schema import Training
from mer.training.scaling.standardise import Standardiser, require_finite
from mer.training.task import Task


@dataclass
class TrainedLinear:
    """A fitted linear classifier: logistic regression, linear support vector machine or ridge.

    Attributes:
        weights, bias: float64 of shapes (classes, width) and (classes,); a class never seen has bias -inf.
        history: one dict per setting that was tried.
        temperature: what decision values are divided by before they become probabilities (calibration.py).
    """

    weights: np.ndarray
    bias: np.ndarray
    standardiser: Standardiser
    history: list[dict] = field(default_factory=list)
    temperature: float = 1.0

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the decision values, float64 of shape (len(rows), classes).

        Raises:
            ValueError: a row holds NaN or infinity; names the modality.
        """
        return stack(features, rows, self.standardiser) @ self.weights.T + self.bias

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return the softmax of the decision values over the temperature, float64 of shape (len(rows), classes)."""
        return softmax(self.logits(features, rows) / self.temperature, axis=1)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the numbers that `from_tensors` needs beside the standardiser."""
        return {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], standardiser: Standardiser) -> "TrainedLinear":
        """Return the classifier of which these are the `tensors`; its history is empty.

        Raises:
            ValueError: one is missing, or shapes do not belong together.
        """
        weights, bias = checked_tensors(tensors, {"weights": 2, "bias": 1})
        wanted = (len(bias), sum(len(mean) for mean, _ in standardiser.moments.values()))
        if weights.shape != wanted:
            raise ValueError(f"weights of shape {weights.shape} beside a bias and a standardiser of {wanted}")
        return cls(weights, bias, standardiser)


def expand(
    coefficients: np.ndarray,
    intercepts: np.ndarray,
    trained_classes: np.ndarray,
    classes: int,
    standardiser: Standardiser,
) -> TrainedLinear:
    """Return a classifier over all classes from scikit-learn's, which knows only those that it has seen.

    Args:
        coefficients, intercepts: of shapes (n, width) and (n,), n the `trained_classes` or 1 where they are
            two.
        trained_classes: class numbers, ascending.
    """
    weights, bias = np.zeros((classes, coefficients.shape[1])), np.full(classes, -np.inf)
    if len(trained_classes) == 2:  # scikit-learn keeps one row for two classes
        weights[trained_classes[1]], bias[trained_classes] = coefficients[0], [0.0, intercepts[0]]
    else:
        weights[trained_classes], bias[trained_classes] = coefficients, intercepts
    return TrainedLinear(weights, bias, standardiser)


def checked_tensors(tensors: Mapping[str, np.ndarray], dimensions: dict[str, int]) -> list[np.ndarray]:
    """Return some of a model's tensors, which come from a file and may be anything.

    Args:
        dimensions: name -> number of dimensions.

    Raises:
        ValueError: one is missing, of other dimensions or not of numbers.
    """
    for name, wanted in dimensions.items():
        if name not in tensors:
            raise ValueError(f"the model has no tensor {name!r}, only {', '.join(sorted(tensors))}")
        if tensors[name].ndim != wanted or tensors[name].dtype.kind not in "fi":
            raise ValueError(f"tensor {name!r} of the model is {tensors[name].dtype} of shape {tensors[name].shape}")
    return [tensors[name] for name in dimensions]


def best_on_validation(task: Task, candidates: list[tuple[dict, object]], validation: np.ndarray):
    """Return the candidate with the highest mean per-corpus UAR on the validation rows, its `history` filled in.

    Where no validation row can choose, and among equals if it is one of them, it is the one in the middle.

    Args:
        candidates: (settings, fitted model) from one end of the settings to the other.
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


def stack(features: Features, rows: np.ndarray, standardiser: Standardiser) -> np.ndarray:
    """Return the standardised modalities side by side, float64 of shape (len(rows), width).

    Raises:
        ValueError: as `require_finite`.
    """
    require_finite(features, rows, tuple(standardiser.moments))
    return np.concatenate(list(standardiser.apply(features, rows).values()), axis=1).astype(np.float64)


def best_of(task: Task, models: list, standardiser: Standardiser, training: Training, validation: np.ndarray):
    """Return the best of scikit-learn's linear models, one per inverse regularisation, as `TrainedLinear`."""
    fitted = [expand(m.coef_, m.intercept_, m.classes_, task.classes, standardiser) for m in models]
    settings = [{"inverse_regularisation": strength} for strength in training.inverse_regularisation]
    return best_on_validation(task, list(zip(settings, fitted, strict=True)), validation)


def class_weight(training: Training) -> str | None:
    """Return how scikit-learn says `training.balance`."""
    return "balanced" if training.weighs_classes else None


def require_two_classes(labels: np.ndarray) -> None:
    """Refuse training rows among which there is nothing to tell apart.

    Raises:
        ValueError: fewer than two classes.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(f"{len(labels)} training rows of {len(np.unique(labels))} class(es): a classifier needs two")
