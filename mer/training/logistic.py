"""The linear baseline behind the same interface as a network."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from mer.features import Features
from mer.params.schema import Training
from mer.training import standardise
from mer.training.task import Task


@dataclass
class FittedLinear:
    """Multinomial logistic regression.

    Attributes:
        weights, bias: shapes (classes, width) and (classes,); a class never seen has bias -inf.
        history: one dict per inverse regularisation that was tried.
        temperature: what logits are divided by before they become probabilities (mer/training/calibration.py).
    """

    weights: np.ndarray
    bias: np.ndarray
    standardiser: standardise.Standardiser
    history: list[dict] = field(default_factory=list)
    temperature: float = 1.0

    def logits(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return float64 of shape (len(rows), classes); -inf for a class that was not trained."""
        return _stack(features, rows, self.standardiser) @ self.weights.T + self.bias

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return class probabilities, float64 of shape (len(rows), classes)."""
        return softmax(self.logits(features, rows) / self.temperature, axis=1)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint stores besides the standardiser."""
        return {"weights": self.weights, "bias": self.bias}

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray], standardiser: standardise.Standardiser) -> "FittedLinear":
        """Return the model that `tensors` came from."""
        return cls(tensors["weights"], tensors["bias"], standardiser)


def fit(
    task: Task,
    train: np.ndarray,
    validation: np.ndarray,
    *,
    modalities: tuple[str, ...],
    training: Training,
    seed: int = 0,
    device: str = "cpu",
) -> FittedLinear:
    """Fit one model per inverse regularisation and keep the best by mean per-corpus validation UAR.

    `seed` and `device` are accepted for the common interface; the solution is unique and found on the CPU.
    """
    standardiser = standardise.fit(task.features, train, modalities)
    x = _stack(task.features, train, standardiser)
    balanced = "balanced" if training.balance == "class_weights" else None
    candidates, history = [], []
    for strength in training.inverse_regularisation:
        model = LogisticRegression(C=strength, class_weight=balanced, max_iter=1000, tol=1e-3)
        candidates.append(_expand(model.fit(x, task.labels[train]), task.classes, standardiser))
        scores = task.scores(candidates[-1].predict, validation)
        mean = float(np.mean(list(scores.values()))) if scores else 0.0
        history.append({"inverse_regularisation": strength, "mean": mean, **scores})
    middle = len(candidates) // 2  # stands where no validation row can choose
    best = max(range(len(candidates)), key=lambda i: (history[i]["mean"], i == middle))
    candidates[best].history = history
    return candidates[best]


def _expand(model: LogisticRegression, classes: int, standardiser: standardise.Standardiser) -> FittedLinear:
    weights, bias = np.zeros((classes, model.coef_.shape[1])), np.full(classes, -np.inf)
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        weights[model.classes_[1]], bias[model.classes_] = model.coef_[0], [0.0, model.intercept_[0]]
    else:
        weights[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
    return FittedLinear(weights, bias, standardiser)


def _stack(features: Features, rows: np.ndarray, standardiser: standardise.Standardiser) -> np.ndarray:
    return np.concatenate(list(standardiser.apply(features, rows).values()), axis=1).astype(np.float64)
