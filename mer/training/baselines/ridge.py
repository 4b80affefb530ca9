r"""Ridge classification: least squares on the classes, solved from sums, and thus for any subset of groups.

.. math:: \min_{W, b} \sum_i w_i \lVert y_i - W z_i - b \rVert^2 + \lambda \lVert W \rVert^2

with y one-hot, z standardised on the training rows and w the class weights n / (K n_c) or 1. With
A = Σ w (z - z̄)(z - z̄)ᵀ the solution is Wᵀ = (A + λI)⁻¹ Σ w (z - z̄) yᵀ. Decision values are 2(Wz + b) - 1, those of
scikit-learn's `RidgeClassifier` for three or more classes; two classes are two rows here. The probabilities are their
softmax: positive and in the right order, but flat and not calibrated.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from mer.params.schema import Training
from mer.training.baselines import least_squares as algebra
from mer.training.baselines.classifier import Setting, TrainedLinear, all_logits, settings
from mer.training.baselines.least_squares import SufficientStatistics
from mer.training.task import Task

__all__ = ["MODEL", "all_logits", "fit_all", "settings", "solve"]

MODEL = TrainedLinear
"""The class of the trained model."""
MAX_BLOCK_VALUES = 2**24
"""The largest number of scatter values that one matrix product adds up: 134 MB, or 19 subsets with 928 features."""


def fit_all(
    task: Task, train: np.ndarray, settings: Sequence[Setting], *, inputs: tuple[str, ...], training: Training
) -> list[TrainedLinear]:
    """Return one model per inverse regularisation C, with λ = 1 / 2C, all from the same sums.

    The solution is unique: nothing is drawn at random.

    Args:
        train: row numbers of the task.
        settings: as from `classifier.settings`.
        inputs: names of the inputs, in order of modality.

    Raises:
        ValueError: a row holds NaN or infinity, or λ is too small for these rows.
    """
    sums = algebra.collect(
        task.features, train, inputs, task.labels[train], np.zeros(len(train), np.int64), equal=training.equal_inputs
    )
    everything = np.ones((len(settings), 1), bool)
    penalties = 0.5 / np.array([one["inverse_regularisation"] for one in settings])
    return list(solve(sums, everything, penalties, task.classes, balanced=training.weighs_classes))


def solve(
    sums: SufficientStatistics, subsets: np.ndarray, penalties: np.ndarray, classes: int, *, balanced: bool
) -> Iterator[TrainedLinear]:
    """Yield the model of each subset of groups, standardised on that subset.

    Args:
        subsets: whether a group is in a subset, bool of shape (subsets, groups).
        penalties: λ of each subset, positive.
        balanced: whether the classes of a subset have equal weights.

    Raises:
        ValueError: a subset has no rows, or λ is too small to solve for it.
    """
    flat = sums.scatters.reshape(len(sums.counts), -1)
    step = min(max(1, MAX_BLOCK_VALUES // flat.shape[1]), len(subsets))
    buffer = np.empty((step, flat.shape[1]))
    for first in range(0, len(subsets), step):
        part = slice(first, first + step)
        chosen = subsets[part][:, sums.groups]  # (subsets, strata)
        weights = np.stack([_weights(sums, strata, balanced) for strata in chosen])
        within = np.matmul(weights, flat, out=buffer[: len(weights)]).reshape(-1, *sums.scatters.shape[1:])
        for strata, weight, scatter, penalty in zip(chosen, weights, within, penalties[part], strict=True):
            yield _solve(sums, strata, weight, scatter, penalty, classes)


def _weights(sums: SufficientStatistics, chosen: np.ndarray, balanced: bool) -> np.ndarray:
    """Return the weight of each row of a stratum, shape (strata,). The weights of all rows sum to their number."""
    counts = np.where(chosen, sums.counts, 0)
    if not counts.any():
        raise ValueError("a subset of groups has no rows: there is nothing to fit")
    if not balanced:
        return chosen.astype(np.float64)
    per_class = np.bincount(sums.labels, counts)
    shares = counts.sum() / ((per_class > 0).sum() * np.where(per_class > 0, per_class, np.inf))
    return shares[sums.labels] * chosen


def _solve(
    sums: SufficientStatistics,
    chosen: np.ndarray,
    weights: np.ndarray,
    scatter: np.ndarray,
    penalty: float,
    classes: int,
) -> TrainedLinear:
    """Return the model of one subset.

    Args:
        chosen: whether a stratum is in the subset, bool of shape (strata,).
        weights: as from `_weights`.
        scatter: weighted sum of the scatters within the strata, shape (width, width); it is overwritten.
    """
    fitted = algebra.standardiser(sums, chosen)
    mean, scale = (np.concatenate(moments) for moments in zip(*fitted.moments.values(), strict=True))
    masses = weights[chosen] * sums.counts[chosen]
    shifted = (sums.means[chosen] - mean) * sums.columns()[chosen]  # (strata, width); a missing input is at its mean
    centre = algebra.average(shifted, masses[:, None])
    deviations = shifted - centre
    shares = np.bincount(sums.labels[chosen], masses, classes) / masses.sum()
    right = np.zeros((len(mean), classes))
    np.add.at(right.T, sums.labels[chosen], deviations * masses[:, None])
    # Features are not standardised: adding λ times the square of each scale saves dividing the whole matrix.
    roots = np.sqrt(masses)[:, None] * deviations
    full = dsyrk(1.0, roots.T, beta=1.0, c=scatter.T, lower=True, overwrite_c=True)  # lower triangle only
    full[np.diag_indices_from(full)] += penalty * scale**2
    try:
        factor = cho_factor(full, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        raise ValueError(
            f"ridge: a penalty of {penalty:g} is too small for these features; take a larger one"
        ) from None
    slopes = cho_solve(factor, right, check_finite=False)  # (width, classes)
    bias = np.where(shares > 0, 2 * (shares - centre @ slopes) - 1, -np.inf)
    return TrainedLinear(2 * (slopes * scale[:, None]).T, bias, fitted)
