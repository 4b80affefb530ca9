"""Calibration of probabilities, and selective prediction: error against the share of rows that are predicted."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr  # scipy.stats takes a second to import

BINS, ROWS_PER_BIN = 10, 25
"""The largest number of bins of equal size, and the smallest mean number of rows of a bin if there are several."""


def reliability(
    truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64]]:
    """Return mean certainty, accuracy and number of rows of bins of equal size, from the least certain to the most.

    Certainty is the highest probability of a row. Rows with the same certainty share their mean accuracy, so that the
    order of rows does not matter.

    Args:
        truth: class numbers, (n,)
        probabilities: of each class, (n, k)
        bins: the largest number of bins

    Returns:
        certainties and accuracies in [0, 1], (bins,); numbers of rows, (bins,)

    Raises:
        ValueError: as from `certainties`

    Examples:
        >>> certainty, accuracy, rows = reliability([0] * 25 + [1] * 25, [[0.6, 0.4]] * 25 + [[0.1, 0.9]] * 25)
        >>> certainty.round(6).tolist(), accuracy.tolist(), rows.tolist()
        ([0.6, 0.9], [1.0, 1.0], [25, 25])
    """
    certainty, correct = certainties(truth, probabilities)
    order = np.argsort(certainty, kind="stable")
    parts = np.array_split(order, int(np.clip(len(order) // ROWS_PER_BIN, 1, bins)))
    sizes = np.array([len(part) for part in parts], np.int64)
    return np.array([certainty[p].mean() for p in parts]), np.array([correct[p].mean() for p in parts]), sizes


def calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    r"""Return the expected calibration error (ECE) of the most probable class, with less bias than usual.

    .. math:: \text{ECE} = \sum_b \frac{n_b}{n} |\text{acc}_b - \text{conf}_b|

    over bins of equal size [Nguyen and O'Connor 2015; Naeini, Cooper and Hauskrecht 2015]. The accuracy of a bin is
    random, which makes the sum of absolute differences too large: by .08 with 25 rows per bin for probabilities that
    are calibrated. The excess that a normal accuracy of the observed mean and variance would have is subtracted [Kumar,
    Liang and Ma 2019, "Verified uncertainty calibration"]. For calibrated probabilities this is about half of the
    excess, and for others nearly all of it, so that the value is rather too large than too small.

    Args:
        truth: class numbers, (n,)
        probabilities: of each class, (n, k)
        bins: the largest number of bins

    Returns:
        value in [0, 1]

    Raises:
        ValueError: as from `certainties`

    Examples:
        >>> calibration_error([0, 1], [[1.0, 0.0], [1.0, 0.0]], bins=1) < 0.5
        True
        >>> calibration_error([0, 0], [[0.75, 0.25], [0.75, 0.25]], bins=1)
        0.25
    """
    certainty, accuracy, sizes = reliability(truth, probabilities, bins)
    gaps, deviations = np.abs(accuracy - certainty), np.sqrt(accuracy * (1 - accuracy) / sizes)
    excess = np.zeros(len(gaps))
    vary = deviations > 0
    ratio = gaps[vary] / deviations[vary]
    folded = deviations[vary] * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + gaps[vary] * (1 - 2 * ndtr(-ratio))
    excess[vary] = folded - gaps[vary]
    return float(max(0.0, np.average(gaps - excess, weights=sizes)))


def risk_coverage(truth: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return coverage and risk of predicting only the most certain rows (El-Yaniv and Wiener 2010).

    Args:
        truth: class numbers, (n,)
        probabilities: of each class, (n, k)

    Returns:
        coverage: the share of rows that are predicted, 1/n to 1, (n,); risk: the share of errors among them, (n,)

    Raises:
        ValueError: as from `certainties`

    Examples:
        >>> coverage, risk = risk_coverage([0, 0], [[0.9, 0.1], [0.4, 0.6]])
        >>> coverage.tolist(), risk.tolist()
        ([0.5, 1.0], [0.0, 0.5])
    """
    certainty, correct = certainties(truth, probabilities)
    wrong = 1 - correct[np.argsort(-certainty, kind="stable")]
    counts = np.arange(1, len(wrong) + 1)
    return counts / len(wrong), np.cumsum(wrong) / counts


def area_under_risk_coverage(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the mean risk over all coverages, AURC (Geifman, Uziel and El-Yaniv 2019). Lower is better.

    Args:
        truth: class numbers, (n,)
        probabilities: of each class, (n, k)

    Returns:
        value in [0, 1]; the share of errors if certainty says nothing about them

    Raises:
        ValueError: as from `certainties`

    Examples:
        >>> area_under_risk_coverage([0, 0], [[0.9, 0.1], [0.4, 0.6]])
        0.25
    """
    return float(risk_coverage(truth, probabilities)[1].mean())


def certainties(truth: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the highest probability of each row, and whether its class is right: the mean of rows that are as certain.

    Raises:
        ValueError: no rows, or different numbers of rows
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, float)
    if probabilities.ndim != 2 or truth.shape != probabilities.shape[:1] or not len(truth):
        raise ValueError(
            f"truth {truth.shape} and probabilities {probabilities.shape} must have the same rows, and some"
        )
    certainty, correct = probabilities.max(axis=1), (probabilities.argmax(axis=1) == truth).astype(float)
    _, ties = np.unique(certainty, return_inverse=True)
    return certainty, (np.bincount(ties, correct) / np.bincount(ties))[ties]
