"""Logistic regression."""

from collections.abc import Sequence

import numpy as np

from mer.params.schema import Training
from mer.training.baselines import multinomial
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
    """Return one model per inverse regularisation.

    The solution is unique up to the tolerance of the search: nothing is drawn at random.

    Args:
        train: row numbers of the task.
        settings: as from `classifier.settings`.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.utils.class_weight import compute_sample_weight

    require_two_classes(task.labels[train])
    standardiser = standardise.fit(task.features, train, inputs, equal=training.equal_inputs)
    x = stack(task.features, train, standardiser)
    present, y = np.unique(task.labels[train], return_inverse=True)
    weight = compute_sample_weight(class_weight(training), y)
    found = multinomial.fit(x, y, [one["inverse_regularisation"] for one in settings], weight)
    return [expand(weights, bias, present, task.classes, standardiser) for weights, bias in found]
