"""Logistic regression."""

from collections.abc import Sequence

import numpy as np

from mer.params.schema import Training
from mer.training.baselines.classifier import (
    Setting,
    TrainedLinear,
    all_logits,
    class_weight,
    expand,
    require_two_classes,
    settings,
    stack,
)
from mer.training.scaling import standardise
from mer.training.task import Task

__all__ = ["MODEL", "all_logits", "fit_all", "settings"]

MODEL = TrainedLinear
"""The class of the trained model."""


def fit_all(
    task: Task, train: np.ndarray, settings: Sequence[Setting], *, inputs: tuple[str, ...], training: Training
) -> list[TrainedLinear]:
    """Return one model per inverse regularisation. The solution is unique: nothing is drawn at random.

    Args:
        train: row numbers of the task.
        settings: as from `classifier.settings`.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.linear_model import LogisticRegression

    require_two_classes(task.labels[train])
    standardiser = standardise.fit(task.features, train, inputs, equal=training.equal_inputs)
    x, y = stack(task.features, train, standardiser), task.labels[train]
    weight = class_weight(training)
    models = (
        LogisticRegression(C=one["inverse_regularisation"], class_weight=weight, max_iter=1000, tol=1e-3).fit(x, y)
        for one in settings
    )
    return [expand(m.coef_, m.intercept_, m.classes_, task.classes, standardiser) for m in models]
