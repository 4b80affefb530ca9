"""Support vector machines with an RBF kernel, one class against one.

Their logits are values per class, whose softmax over a temperature is called probability. The temperature is fitted on
validation rows. scikit-learn's `probability=True` would run a cross-validation over rows, in which a speaker is on both
sides.
"""

import numpy as np

from mer.params.schema import Training
from mer.training.baselines.classifier import best_on_validation, class_weight, training_rows
from mer.training.baselines.kernel_machine import TrainedKernelMachine
from mer.training.scaling.standardise import Standardiser
from mer.training.task import Task

MODEL = TrainedKernelMachine
"""The class of the trained model."""
GAMMAS = (0.3, 1.0, 3.0)
"""The widths of the kernel, in units of 1 / number of features. A standardised row has a distance of about √width from
the mean."""


def fit(
    task: Task, train: np.ndarray, validation: np.ndarray, *, inputs: tuple[str, ...], training: Training
) -> TrainedKernelMachine:
    """Fit one machine per cost and kernel width and keep the best by mean per-corpus validation UAR.

    A row has length 1 under this kernel and √width under the linear one. Costs are therefore multiplied by the number
    of features, so that they mean the same. The solution is unique: nothing is drawn at random.

    Args:
        train, validation: row numbers of the task.
        inputs: names of the inputs, in order of modality.
        training: the costs are `inverse_regularisation`.

    Raises:
        ValueError: a row holds NaN or infinity, or training has one class only.
    """
    from sklearn.svm import SVC

    standardiser, x, y = training_rows(task, train, inputs, training.equal_inputs)
    width = len(inputs) if training.equal_inputs else x.shape[1]  # mean square of a row's length
    candidates = []
    for strength in training.inverse_regularisation:
        for gamma in GAMMAS:
            model = SVC(
                C=strength * width, gamma=gamma / width, class_weight=class_weight(training), cache_size=500
            ).fit(x, y)
            settings = {"inverse_regularisation": strength, "gamma": gamma}
            candidates.append((settings, _machine(model, gamma / width, task.classes, standardiser)))
    return best_on_validation(task, candidates, validation)


def _machine(model, gamma: float, classes: int, standardiser: Standardiser) -> TrainedKernelMachine:
    """Return the machine of a fitted `SVC`, with its k - 1 rows of dual coefficients written out pair by pair."""
    trained, owner = model.classes_, np.repeat(np.arange(len(model.classes_)), model.n_support_)
    pairs = [(i, j) for i in range(len(trained)) for j in range(i + 1, len(trained))]
    duals = np.zeros((len(pairs), len(owner)))
    for row, (i, j) in enumerate(pairs):
        duals[row, owner == i] = model.dual_coef_[j - 1, owner == i]
        duals[row, owner == j] = model.dual_coef_[i, owner == j]
    sign = -1 if len(trained) == 2 else 1  # for two classes scikit-learn's decision is positive for the second
    vectors = model.support_vectors_.astype(np.float32)  # the precision of the rows
    numbers = trained[np.array(pairs)].astype(np.int64)
    return TrainedKernelMachine(vectors, numbers, sign * duals, sign * model.intercept_, gamma, classes, standardiser)
