"""Calibrated probabilities: one temperature, fitted on rows that a model was not trained on (Guo et al. 2017,
arXiv:1706.04599).

Calibration inside the training corpora does not carry over fully to new corpora, where probabilities remain too high.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

LIMITS = (0.05, 20.0)
"""The smallest and the largest temperature."""
SOFTMAX_SHARE = 1e-12
"""The weight of the softmax that is added to sigmoids, so that the most probable class is that of the largest logit."""
GRID_POINTS = 60
"""The number of temperatures that are tried first if the likelihood may have several maxima."""


def temperature(logits: np.ndarray, labels: np.ndarray, corpora: np.ndarray, *, multi_label: bool) -> float:
    """Return the temperature at which labels are most likely, with the same weight for each corpus (Guo et al. 2017).

    T minimises the mean over corpora of the mean of -ln p(z / T)_y, with p as from `probabilities`. The most probable
    class of a row stays the same, only its probability changes. Without rows T is 1.

    Args:
        logits: shape (n, classes); -inf for a class that was not trained, whose rows are left out.
        labels, corpora: shape (n,).
        multi_label: as of `probabilities`.

    Returns:
        A temperature from 0.05 to 20.

    >>> y, corpora = np.array([0, 0, 0, 1]), np.array(["a"] * 4)
    >>> round(temperature(np.array([[2.0, 0.0]] * 4), y, corpora, multi_label=False), 2)
    1.82
    >>> z = np.array([[2.0, -2.0]] * 4)  # T = 2 / ln 3: the sigmoids are 3/4 and 1/4
    >>> round(temperature(z, y, corpora, multi_label=True), 2)
    1.82
    """
    trained = np.isfinite(logits[np.arange(len(labels)), labels])
    logits, labels, corpora = logits[trained], labels[trained], corpora[trained]
    if not len(labels):
        return 1.0
    names, counts = np.unique(corpora, return_counts=True)
    weights = 1.0 / counts[np.searchsorted(names, corpora)] / len(names)

    def negative_log_likelihood(log_t: float) -> float:
        return -float(weights @ _log_likelihood(logits / np.exp(log_t), labels, multi_label))

    bounds = np.log(LIMITS)
    if multi_label:  # the likelihood of a softmax has one maximum, that of sigmoids over their sum may have several
        grid = np.linspace(*bounds, GRID_POINTS)
        best = int(np.argmin([negative_log_likelihood(log_t) for log_t in grid]))
        bounds = grid[max(0, best - 1)], grid[min(GRID_POINTS - 1, best + 1)]
    minimum = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(minimum.x))


def _log_likelihood(logits: np.ndarray, labels: np.ndarray, multi_label: bool) -> np.ndarray:
    """Return ln p(z)_y of each row."""
    of_label = np.arange(len(labels)), labels
    if not multi_label:
        return log_softmax(logits, axis=1)[of_label]
    return np.log(np.maximum(probabilities(logits, True)[of_label], np.finfo(float).tiny))


def probabilities(logits: np.ndarray, multi_label: bool = False) -> np.ndarray:
    """Return the softmax, or sigmoids over their sum; the shape is that of the logits.

    Sigmoids of large logits are all 1, and those of small logits all 0. A small part of the softmax decides between
    them, so that the most probable class is that of the largest logit.
    """
    if not multi_label:
        return softmax(logits, axis=1)
    each = expit(logits) + SOFTMAX_SHARE * softmax(logits, axis=1)
    return each / each.sum(axis=1, keepdims=True)
