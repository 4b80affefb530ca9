"""The linear baseline behind the same interface as a network."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from mer.params.schema import Training
from mer.training.baselines.classifier import FittedLinear, best_of, class_weight, require_two_classes, stack
from mer.training.scaling import standardise
from mer.training.task import Task


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

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    require_two_classes(task.labels[train])
    standardiser = standardise.fit(task.features, train, modalities)
    x, y = stack(task.features, train, standardiser), task.labels[train]
    weight = class_weight(training)
    models = [
        LogisticRegression(C=strength, class_weight=weight, max_iter=1000, tol=1e-3).fit(x, y)
        for strength in training.inverse_regularisation
    ]
    return best_of(task, models, standardiser, training, validation)
