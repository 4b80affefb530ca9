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
from scipy.special import entr, log_softmax

from mer.params.adaptation import BY_PRIOR
from mer.training.adaptation.methods import METHODS
from mer.training.adaptation.rows import Rows, Source, logarithms, restricted

MIN_ROWS = 20
"""The smallest number of rows of a target that is adapted to."""
MIN_EVENNESS = 0.8
"""The smallest `evenness` of a target to which a method adapts that expects every class among the rows."""


def evenness(probabilities: np.ndarray) -> float:
    """Return how evenly rows are predicted to be of each class: entropy of the shares over its largest value, 0 to 1.

    >>> evenness(np.array([[0.9, 0.1], [0.2, 0.8]])), evenness(np.array([[0.9, 0.1], [0.8, 0.2]]))
    (1.0, 0.0)
    """
    classes = probabilities.shape[1]
    shares = np.bincount(probabilities.argmax(axis=1), minlength=classes) / len(probabilities)
    return float(entr(shares).sum() / np.log(classes))


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
    if method not in BY_PRIOR and evenness(own[:, classes]) < MIN_EVENNESS:
        return [own] * len(steps)
    adapted = np.zeros((len(steps), *own.shape))
    for one, factors in zip(adapted, METHODS[method](source, rows, classes, steps), strict=True):
        one[:, classes] = np.exp(log_softmax((logarithms(own[:, classes]) + factors) / temperature, axis=1))
    return list(adapted)
