"""The minimum of the loss of logistic regression, for several penalties on the same rows.

L-BFGS takes few steps where the curvature is the same in all directions. So it searches in coordinates in which the
Hessian at zero weights is the identity, as in the bound of Böhning (1992). Each penalty starts at the weights of the
next stronger one. Böhning, D. (1992). Multinomial logistic regression algorithm. Annals of the Institute of Statistical
Mathematics 44.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg, optimize
from scipy.special import log_softmax

TOLERANCE = 3e-4
"""The largest entry of the gradient, in the coordinates of the search, at which it ends. On the functionals of five
corpora, at most two training rows in a thousand are then of another class than after a search to 1e-7."""
STEPS = 1000
"""The largest number of steps."""
FULL_WIDTH = 2048
"""The width up to which the curvature of all pairs of features is used; of wider rows, that of each feature."""


def fit(
    x: np.ndarray, y: np.ndarray, strengths: Sequence[float], sample_weight: np.ndarray, tolerance: float = TOLERANCE
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weights and biases that minimise Σ wᵢ·cross-entropyᵢ + ‖W‖²/2C, for each C among `strengths`.

    Two classes are penalised as by one row of weights, the difference of both, as in scikit-learn.

    Args:
        x: finite rows, float64 of shape (n, width).
        y: class numbers 0 to k - 1, k ≥ 2, each of which occurs; shape (n,).
        strengths: values of C, above zero.
        sample_weight: float64 of shape (n,), above zero.

    Returns:
        For each C, float64 of shapes (k, width) and (k,).

    >>> x, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> [(weights, bias)] = fit(x, y, [1.0], np.ones(4), tolerance=1e-8)
    >>> (weights[1] - weights[0]).round(4), (bias[1] - bias[0]).round(4) + 0.0
    (array([1.0066]), np.float64(0.0))
    """
    rows = _Rows(x, y, sample_weight / sample_weight.sum())
    factor = 2.0 if rows.classes == 2 else 1.0
    found: dict[float, tuple[np.ndarray, np.ndarray]] = {}
    start = np.zeros((rows.classes, x.shape[1])), np.zeros(rows.classes)
    for strength in sorted(set(strengths)):
        start = found[strength] = _Loss(rows, factor / (strength * sample_weight.sum())).minimum(start, tolerance)
    return [found[strength] for strength in strengths]


@dataclass(frozen=True)
class _Rows:
    """Training rows. The loss is a mean with the weights `share`, whose sum is 1.

    The biases that the search changes are those of rows about `mean`, so that they do not depend on the weights.
    """

    x: np.ndarray
    y: np.ndarray
    share: np.ndarray

    @cached_property
    def classes(self) -> int:
        return int(self.y.max()) + 1

    @cached_property
    def mean(self) -> np.ndarray:
        return self.share @ self.x

    @cached_property
    def curvature(self) -> np.ndarray:
        """The Hessian of the loss at zero weights, for one class: shape (width, width), or (width,) if it is wide."""
        root = np.sqrt(self.share / self.classes)[:, None]
        if self.x.shape[1] > FULL_WIDTH:
            return np.maximum(((root * self.x) ** 2).sum(0) - self.mean**2 / self.classes, 0)
        scaled = root * (self.x - self.mean)
        return scaled.T @ scaled


class _Loss:
    """The penalised loss as a function of one vector: weights in the coordinates of the search, then biases."""

    def __init__(self, rows: _Rows, penalty: float) -> None:
        self.rows, self.penalty = rows, penalty
        curvature = rows.curvature
        if curvature.ndim == 1:
            self.root = np.sqrt(curvature + penalty)
        else:
            rounding = 1e-11 * np.trace(curvature)  # below it, rounding could make the matrix indefinite
            self.root = linalg.cholesky(curvature + max(penalty, rounding) * np.eye(len(curvature)), lower=True)
        self.bias_root = 1 / np.sqrt(rows.classes)

    def minimum(self, start: tuple[np.ndarray, np.ndarray], tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        """Return weights and biases at the minimum, searched from `start`."""
        weights, bias = start
        vector = self._join(self._forward(weights), (bias + weights @ self.rows.mean) * self.bias_root)
        options = {"gtol": tolerance, "ftol": 0.0, "maxiter": STEPS, "maxfun": 2 * STEPS}
        result = optimize.minimize(self, vector, jac=True, method="L-BFGS-B", options=options)
        if result.nit >= STEPS:
            strength = 1 / (self.penalty * len(self.rows.x))
            warnings.warn(f"logistic regression, C about {strength:.2g}: no minimum after {STEPS} steps; the gradient "
                          f"is {np.abs(result.jac).max():.1e}, not {tolerance:.1e}; a smaller C helps",
                          RuntimeWarning, stacklevel=2)  # fmt: skip
        inner, bias = self._split(result.x)
        weights = self._backward(inner)
        return weights, bias / self.bias_root - weights @ self.rows.mean

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient."""
        inner, bias = self._split(vector)
        weights, rows = self._backward(inner), self.rows
        logs = log_softmax(rows.x @ weights.T + (bias / self.bias_root - weights @ rows.mean), axis=1)
        own = np.arange(len(rows.y)), rows.y
        loss = -rows.share @ logs[own] + 0.5 * self.penalty * np.vdot(weights, weights)
        residual = np.exp(logs, out=logs)
        residual[own] -= 1
        residual *= rows.share[:, None]
        total = residual.sum(0)
        gradient = residual.T @ rows.x - np.outer(total, rows.mean) + self.penalty * weights
        return float(loss), self._join(self._gradient(gradient), total / self.bias_root)

    def _forward(self, weights: np.ndarray) -> np.ndarray:
        """Weights in the coordinates of the search."""
        return weights * self.root if self.root.ndim == 1 else weights @ self.root

    def _backward(self, inner: np.ndarray) -> np.ndarray:
        """The weights at a point of the search."""
        if self.root.ndim == 1:
            return inner / self.root
        return linalg.solve_triangular(self.root, inner.T, lower=True, trans="T", check_finite=False).T

    def _gradient(self, gradient: np.ndarray) -> np.ndarray:
        """The gradient by the coordinates of the search, of one by the weights."""
        if self.root.ndim == 1:
            return gradient / self.root
        return linalg.solve_triangular(self.root, gradient.T, lower=True, check_finite=False).T

    def _split(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return vector[: -self.rows.classes].reshape(self.rows.classes, -1), vector[-self.rows.classes :]

    @staticmethod
    def _join(inner: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return np.concatenate([inner.ravel(), bias])
