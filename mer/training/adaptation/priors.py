r"""Prior shift: the shares of classes in the target, estimated from the predictions of its unlabelled rows.

Under prior shift (label shift), :math:`p(x | y)` is the same in training and target, and only :math:`p(y)` differs. The
probabilities of a row are then those of the model times :math:`p_t(y) / p_s(y)`, divided by their sum.
"""

import numpy as np
from scipy.optimize import nnls

MAX_STEPS, TOLERANCE = 500, 1e-7
"""EM ends after this number of steps, or when no share changes by more than the tolerance."""
SUM_WEIGHT = 1e3
"""The weight of the equation that the shares sum to 1 in the least squares of BBSE."""


def reweighted(probabilities: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return probabilities under the shares of a target. A row to which they leave nothing is unchanged.

    Args:
        probabilities: of each class, shape (n, classes), under the shares `source`.
        source, target: shares of classes, shape (classes,). A class with the share 0 in `source` gets probability 0.

    >>> reweighted(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), np.array([0.8, 0.2]))
    array([[0.8, 0.2]])
    """
    factor = np.divide(target, source, out=np.zeros(len(source)), where=source > 0)
    weighted = probabilities * factor
    total = weighted.sum(axis=1, keepdims=True)
    return np.divide(weighted, total, out=np.array(probabilities, float), where=total > 0)


def em(probabilities: np.ndarray, source: np.ndarray) -> np.ndarray:
    r"""Return the shares of classes at which the rows are most likely (Saerens, Latinne and Decaestecker 2002).

    .. math::
        p_t(y) \leftarrow \frac1n \sum_i \frac{p(y | x_i) \, p_t(y) / p_s(y)}{\sum_k p(k | x_i) \, p_t(k) / p_s(k)}

    Saerens, M., Latinne, P. and Decaestecker, C. (2002). Adjusting the outputs of a classifier to new a priori
    probabilities. Neural Computation 14(1). The likelihood has one maximum.

    Args:
        probabilities: shape (n, classes), n at least 1.
        source: shares of classes for which the probabilities hold, shape (classes,).

    Returns:
        Shares of classes, shape (classes,), with sum 1.
    """
    target = source / source.sum()
    for _ in range(MAX_STEPS):
        latest = reweighted(probabilities, source, target).mean(axis=0)
        latest = latest / latest.sum()
        change = np.abs(latest - target).max()
        target = latest
        if change < TOLERANCE:
            break
    return target


def bbse(probabilities: np.ndarray, confusion: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    r"""Return the shares of classes that explain the mean prediction of the rows (Lipton, Wang and Smola 2018).

    Black box shift estimation: :math:`C \mu = q`, with :math:`C_{ij}` the mean probability of class i for rows of class
    j in the source and q the mean probabilities of the target's rows, by least squares with :math:`\mu \ge 0` and
    :math:`\sum \mu = 1`. Lipton, Z., Wang, Y. and Smola, A. (2018). Detecting and correcting for label shift with black
    box predictors. ICML.

    Args:
        probabilities: shape (n, classes).
        confusion: C, shape (classes, classes).
        allowed: the classes that may have a share, bool of shape (classes,).

    Returns:
        Shares of classes, shape (classes,), with sum 1.
    """
    columns = np.vstack([confusion[:, allowed], np.full(allowed.sum(), SUM_WEIGHT)])
    solution, _ = nnls(columns, np.append(probabilities.mean(axis=0), SUM_WEIGHT))
    shares = np.zeros(len(allowed))
    shares[allowed] = solution / solution.sum()
    return shares
