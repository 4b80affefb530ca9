"""Logistic regression beside scikit-learn's, on the same rows and values of C: time, and distance from the minimum.

    OMP_NUM_THREADS=1 python -m benchmarks.logistic [--rows 3000] [--width 680]

The features are correlated, as those of recordings are. Times are medians of the processor time of whole grids of C.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from mer.params.systems import STRENGTHS
from mer.training.baselines import multinomial

CLASSES, REPEATS = 7, 3


def drawn(count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised rows of a few common factors and noise, and their classes."""
    generator = np.random.default_rng(seed)
    factors, mixing = generator.normal(size=(count, 40)), generator.normal(size=(40, width))
    logits = factors[:, :CLASSES] * 1.5 + generator.gumbel(size=(count, CLASSES))
    x = factors @ (mixing * np.geomspace(1, 0.05, 40)[:, None]) + 0.3 * generator.normal(size=(count, width))
    return (x - x.mean(axis=0)) / x.std(axis=0), logits.argmax(axis=1)


def timed(fit: Callable[[], Any]) -> tuple[float, Any]:
    """Return the median processor time of a fit in seconds, and its last result."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        result = fit()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds)), result


def main() -> None:
    """Print a line per grid of C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--width", type=int, default=680)
    arguments = parser.parse_args()
    x, y = drawn(2 * arguments.rows, arguments.width)
    (train, new), (labels, _) = np.split(x, 2), np.split(y, 2)
    weight = np.ones(len(labels))

    def rival(strengths: tuple[float, ...], tolerance: float) -> list[tuple[np.ndarray, np.ndarray]]:
        models = (LogisticRegression(C=c, max_iter=10_000, tol=tolerance).fit(train, labels) for c in strengths)
        return [(model.coef_, model.intercept_) for model in models]

    for name, strengths in STRENGTHS.items():
        minimum = multinomial.fit(train, labels, strengths, weight, tolerance=1e-7)
        classes = [(new @ weights.T + bias).argmax(axis=1) for weights, bias in minimum]
        own, models = timed(lambda strengths=strengths: multinomial.fit(train, labels, strengths, weight))
        other, rivals = timed(lambda strengths=strengths: rival(strengths, 1e-3))
        apart = [
            np.mean([np.mean((new @ w.T + b).argmax(axis=1) != c) for (w, b), c in zip(found, classes, strict=True)])
            for found in (models, rivals)
        ]
        print(f"{len(strengths)} values of C ({name}): {own:.2f} s, scikit-learn at tol=1e-3 {other:.2f} s "
              f"({other / own:.1f} times); new rows in another class than at the minimum {apart[0]:.2%} and "
              f"{apart[1]:.2%}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
