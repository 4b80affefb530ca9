"""Support vector machines with an RBF kernel, one class against one.

Their logits are values per class, whose softmax over a temperature is called probability. The temperature is fitted on
validation rows. scikit-learn's `probability=True` would run a cross-validation over rows, in which a speaker is on both
sides.
"""

from collections.abc import Sequence

import numpy as np

from mer.params.schema import Training
from mer.training.baselines.classifier import Setting, class_weight, training_rows
from mer.training.baselines.kernel_machine import TrainedKernelMachine, all_logits, squared_distances
from mer.training.scaling.standardise import Standardiser
from mer.training.task import Task

__all__ = ["MODEL", "all_logits", "fit_all", "settings"]

MODEL = TrainedKernelMachine
"""The class of the trained model."""
MAX_GRAM_ROWS = 8000
"""The largest number of training rows whose distances are computed once for all settings: 0.5 GB of memory. Results are
the same as with more rows, up to rounding."""
GAMMAS = (0.1, 0.3, 1.0)
"""The widths of the kernel, in units of 1 / number of features. A standardised row has a distance of about √width from
the mean."""


def settings(training: Training, choose_by: str = "speakers") -> list[Setting]:
    """Return each cost with each kernel width."""
    return [
        {"inverse_regularisation": strength, "gamma": gamma}
        for strength in training.strengths(choose_by)
        for gamma in GAMMAS
    ]


def fit_all(
    task: Task, train: np.ndarray, settings: Sequence[Setting], *, inputs: tuple[str, ...], training: Training
) -> list[TrainedKernelMachine]:
    """Return one machine per cost and kernel width.

    A row has length 1 under this kernel and √width under the linear one. Costs are therefore multiplied by the number
    of features, so that they mean the same. The solution is unique: nothing is drawn at random.

    Args:
        train: row numbers of the task.
        settings: as from `settings`; the costs are `inverse_regularisation`.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.svm import SVC

    standardiser, x, y = training_rows(task, train, inputs, training.equal_inputs)
    width = x.shape[1]  # mean square of a row's length
    squares = squared_distances(x, x) if len(x) <= MAX_GRAM_ROWS else None
    options = {"class_weight": class_weight(training), "cache_size": 500}
    machines: dict[int, TrainedKernelMachine] = {}
    for gamma in dict.fromkeys(one["gamma"] / width for one in settings):
        own = {n: one["inverse_regularisation"] for n, one in enumerate(settings) if one["gamma"] / width == gamma}
        kernel = x if squares is None else np.exp(-gamma * squares)
        kind = {"kernel": "rbf", "gamma": gamma} if squares is None else {"kernel": "precomputed"}
        for number, strength in own.items():
            model = SVC(C=strength * width, **kind, **options).fit(kernel, y)
            machines[number] = _machine(model, x, gamma, task.classes, standardiser)
    return [machines[number] for number in range(len(settings))]


def _machine(model, x: np.ndarray, gamma: float, classes: int, standardiser: Standardiser) -> TrainedKernelMachine:
    """Return the machine of a fitted `SVC`, with its k - 1 rows of dual coefficients written out pair by pair.

    Args:
        x: the rows on which it was fitted.
    """
    trained, owner = model.classes_, np.repeat(np.arange(len(model.classes_)), model.n_support_)
    pairs = [(i, j) for i in range(len(trained)) for j in range(i + 1, len(trained))]
    duals = np.zeros((len(pairs), len(owner)))
    for row, (i, j) in enumerate(pairs):
        duals[row, owner == i] = model.dual_coef_[j - 1, owner == i]
        duals[row, owner == j] = model.dual_coef_[i, owner == j]
    sign = -1 if len(trained) == 2 else 1  # for two classes scikit-learn's decision is positive for the second
    vectors = x[model.support_].astype(np.float32)  # the precision of the rows
    numbers = trained[np.array(pairs)].astype(np.int64)
    return TrainedKernelMachine(
        vectors, numbers, sign * duals, sign * model.intercept_, gamma, classes, standardiser, support=model.support_
    )
