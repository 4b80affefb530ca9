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

TOLERANCE = 3e-5
"""The largest entry of the gradient, in the coordinates of the search, at which it ends. Of rows that were not trained
on, less than one in a thousand is then predicted in another class than at the minimum; with 3e-4 it is up to ten, where
C is 1 and rows are fewer than features."""
REACHED = 1e-6
"""A gradient that counts as the minimum whatever the tolerance, because rounding may end the search there."""
STEPS = 1000
"""The largest number of steps."""
ROUNDING = 1e-11
"""What is added per feature to a matrix with a diagonal of 1, below which rounding could make it indefinite."""
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
        loss = _Loss(rows, factor / (strength * sample_weight.sum()))
        start, gradient = loss.minimum(start, tolerance)
        if not gradient <= max(tolerance, REACHED):  # nor is NaN
            warnings.warn(f"logistic regression with C = {strength:g} has found no minimum: the largest entry of the "
                          f"gradient is {gradient:.1e}, not {tolerance:.1e}; a smaller C helps",
                          RuntimeWarning, stacklevel=2)  # fmt: skip
        found[strength] = start
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
        scaled = self.x - self.mean
        scaled *= np.sqrt(self.share / self.classes)[:, None]
        return (scaled**2).sum(0) if self.x.shape[1] > FULL_WIDTH else scaled.T @ scaled


class _Loss:
    """The penalised loss as a function of one vector: weights in the coordinates of the search, then biases."""

    def __init__(self, rows: _Rows, penalty: float) -> None:
        self.rows, self.penalty = rows, penalty
        curvature = rows.curvature
        if curvature.ndim == 1:
            self.root = np.sqrt(curvature + penalty)
        else:
            size = np.sqrt(np.diag(curvature) + penalty)
            scaled = curvature / np.outer(size, size)
            scaled[np.diag_indices_from(scaled)] = 1 + ROUNDING * len(scaled)
            self.root = size[:, None] * linalg.cholesky(scaled, lower=True)
        self.bias_root = 1 / np.sqrt(rows.classes)

    def minimum(
        self, start: tuple[np.ndarray, np.ndarray], tolerance: float
    ) -> tuple[tuple[np.ndarray, np.ndarray], float]:
        """Return weights and biases at the minimum, searched from `start`, and the largest entry of the gradient."""
        weights, bias = start
        vector = self._join(self._forward(weights), (bias + weights @ self.rows.mean) * self.bias_root)
        options = {"gtol": tolerance, "ftol": 0.0, "maxiter": STEPS, "maxfun": 2 * STEPS}
        result = optimize.minimize(self, vector, jac=True, method="L-BFGS-B", options=options)
        inner, bias = self._split(result.x)
        weights = self._backward(inner)
        return (weights, bias / self.bias_root - weights @ self.rows.mean), float(np.abs(result.jac).max())

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient."""
        inner, bias = self._split(vector)
        weights, rows = self._backward(inner), self.rows
        constant = bias / self.bias_root - weights @ rows.mean
        logs = log_softmax(weights @ rows.x.T + constant[:, None], axis=0)  # rows as columns: the product is faster
        own = rows.y, np.arange(len(rows.y))
        loss = -rows.share @ logs[own] + 0.5 * self.penalty * np.vdot(weights, weights)
        residual = np.exp(logs, out=logs)
        residual[own] -= 1
        residual *= rows.share
        total = residual.sum(1)
        gradient = residual @ rows.x - np.outer(total, rows.mean) + self.penalty * weights
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
