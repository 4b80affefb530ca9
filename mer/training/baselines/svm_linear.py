"""Linear support vector machines, one class against the rest."""

from collections.abc import Sequence

import numpy as np

from mer.params.schema import Training
from mer.training.baselines.classifier import (
    Setting,
    TrainedLinear,
    all_logits,
    class_weight,
    expand,
    settings,
    training_rows,
)
from mer.training.task import Task

__all__ = ["MODEL", "all_logits", "fit_all", "settings"]

MODEL = TrainedLinear
"""The class of the trained model."""


def fit_all(
    task: Task, train: np.ndarray, settings: Sequence[Setting], *, inputs: tuple[str, ...], training: Training
) -> list[TrainedLinear]:
    """Return one machine per cost.

    The loss is the squared hinge loss, solved in the primal. The solution is unique: nothing is drawn at random.

    Args:
        train: row numbers of the task.
        settings: as from `classifier.settings`; the costs are `inverse_regularisation`.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.svm import LinearSVC

    standardiser, x, y = training_rows(task, train, inputs, training.equal_inputs)
    weight = class_weight(training)
    costs = (one["inverse_regularisation"] for one in settings)
    models = (LinearSVC(C=cost, dual=False, class_weight=weight).fit(x, y) for cost in costs)
    return [expand(m.coef_, m.intercept_, m.classes_, task.classes, standardiser) for m in models]
