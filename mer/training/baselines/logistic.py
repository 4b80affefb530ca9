"""Logistic regression."""

import numpy as np

from mer.params.schema import Training
from mer.training.baselines.classifier import TrainedLinear, best_of, class_weight, require_two_classes, stack
from mer.training.scaling import standardise
from mer.training.task import Task

MODEL = TrainedLinear
"""The class of the trained model."""


def fit(
    task: Task, train: np.ndarray, validation: np.ndarray, *, inputs: tuple[str, ...], training: Training
) -> TrainedLinear:
    """Fit one model per inverse regularisation and keep the best by mean per-corpus validation UAR.

    The solution is unique: nothing is drawn at random.

    Args:
        train, validation: row numbers of the task.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.linear_model import LogisticRegression

    require_two_classes(task.labels[train])
    standardiser = standardise.fit(task.features, train, inputs, equal=training.equal_inputs)
    x, y = stack(task.features, train, standardiser), task.labels[train]
    weight = class_weight(training)
    models = [
        LogisticRegression(C=strength, class_weight=weight, max_iter=1000, tol=1e-3).fit(x, y)
        for strength in training.inverse_regularisation
    ]
    return best_of(task, models, standardiser, training, validation)
