"""Linear support vector machines, one class against the rest."""

import numpy as np

from mer.params.schema import Training
from mer.training.baselines.classifier import TrainedLinear, best_of, class_weight, training_rows
from mer.training.task import Task

MODEL = TrainedLinear
"""The class of the trained model."""


def fit(
    task: Task, train: np.ndarray, validation: np.ndarray, *, inputs: tuple[str, ...], training: Training
) -> TrainedLinear:
    """Fit one machine per cost and keep the best by mean per-corpus validation UAR.

    The loss is the squared hinge loss, solved in the primal. The solution is unique: nothing is drawn at random.

    Args:
        train, validation: row numbers of the task.
        inputs: names of the inputs, in order of modality.
        training: the costs are `inverse_regularisation`.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.svm import LinearSVC

    standardiser, x, y = training_rows(task, train, inputs, training.equal_inputs)
    weight = class_weight(training)
    models = [LinearSVC(C=c, dual=False, class_weight=weight).fit(x, y) for c in training.inverse_regularisation]
    return best_of(task, models, standardiser, training, validation)
