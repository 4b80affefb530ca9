r"""Adapt the predictions of unlabelled rows of one corpus or speaker at a time: `training.adaptation`.

Every method returns logarithms e of factors of the probabilities of all rows of a target:

.. math:: p'(y | x) \propto p(y | x) \, \exp(e(x, y))

Each method assumes something about the target. Whether that holds between corpora is found out inside the training
corpora: each of them is the target once, predicted by a model that was not trained on it, as it is and with other
shares of its classes (`trial.fit`). A method that does harm there is not used, and predictions stay as they are. The
number of steps of Gaussians, and the temperature of adapted probabilities, are found in the same way. Scores of adapted
predictions are *transductive*.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax

from mer.training.adaptation.methods import METHODS
from mer.training.adaptation.rows import Rows, Source, logarithms, restricted

MIN_ROWS = 20
"""The smallest number of rows of a target that is adapted to."""


def adapt(method: str, source: Source, rows: Rows, allowed: np.ndarray | None = None) -> np.ndarray:
    """Return the probabilities of unlabelled rows, each target adapted by itself.

    The order of rows does not matter, to the bit. A target of fewer than `MIN_ROWS` rows stays as it is.

    Args:
        method: `training.adaptation`.
        allowed: the classes that each row may have, bool of shape (n, classes), the same for all rows of a target; None
            for all classes of the model.

    Returns:
        Shape (n, classes); each row sums to 1. Classes that are not allowed have probability 0.
    """
    adapted, targets = np.zeros(rows.probabilities.shape), rows.targets(method)
    kind = 0 if allowed is None else 1
    steps, temperature = int(source.steps[kind]), float(source.temperature[kind])
    for name in np.unique(targets):
        own = np.flatnonzero(targets == name)
        own = own[rows.take(own).in_order()]
        classes = np.ones(len(source.prior), bool) if allowed is None else allowed[own[0]]
        [adapted[own]] = adapted_target(method, source, rows.take(own), classes, [steps], temperature)
    return adapted


def adapted_target(
    method: str, source: Source, rows: Rows, allowed: np.ndarray, steps: Sequence[int], temperature: float = 1.0
) -> list[np.ndarray]:
    """Return the probabilities of the rows of one target after each of some numbers of the method's steps.

    Args:
        rows: of one target, in the order of `Rows.in_order`.
        allowed: the classes that they may have, bool of shape (classes,).
        steps: 0, or as `Source.steps`.
        temperature: as `Source.temperature`.
    """
    classes, own = allowed & (source.prior > 0), restricted(rows.probabilities, allowed)
    if not any(steps) or len(own) < MIN_ROWS or classes.sum() < 2:
        return [own] * len(steps)
    adapted = np.zeros((len(steps), *own.shape))
    for one, factors in zip(adapted, METHODS[method](source, rows, classes, steps), strict=True):
        one[:, classes] = np.exp(log_softmax((logarithms(own[:, classes]) + factors) / temperature, axis=1))
    return list(adapted)
