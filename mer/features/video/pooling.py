"""From a vector per picture to one of an utterance."""

import numpy as np

WINDOW_SECONDS, STEP_SECONDS = 4.0, 2.0


def mean_std(vectors: np.ndarray) -> np.ndarray:
    """Return mean and population standard deviation over the first axis: (n, d) -> (2 d,), float32.

    >>> mean_std(np.array([[1.0], [3.0]])).tolist()
    [2.0, 1.0]
    """
    exact = vectors.astype(np.float64)
    return np.concatenate([exact.mean(axis=0), exact.std(axis=0)]).astype(np.float32)


def window_means(vectors: np.ndarray, numbers: np.ndarray, count: int, per_second: float) -> np.ndarray:
    """Return the mean of each window of 4 s every 2 s that has a face in it; shape (windows, d).

    Windows lie over time and not over the pictures that have a face, so that a gap does not move what follows it.
    A window that the end leaves with less than a step is not taken, except the first: max(1, count // step) in all.

    Args:
        vectors: shape (n, d), of the pictures that have a face.
        numbers: shape (n,), which of the `count` pictures those are.

    >>> window_means(np.arange(5.0)[:, None], np.array([0, 1, 2, 3, 5]), 6, per_second=1).tolist()
    [[1.5], [3.0], [4.0]]
    """
    length, step = max(1, round(WINDOW_SECONDS * per_second)), max(1, round(STEP_SECONDS * per_second))
    starts = range(0, step * max(1, count // step), step)
    inside = [(numbers >= start) & (numbers < start + length) for start in starts]
    seen = [vectors[mask].mean(axis=0, dtype=np.float64) for mask in inside if mask.any()]
    return np.stack(seen or [vectors.mean(axis=0, dtype=np.float64)])  # a face in the last moment only


def pooled(vectors: np.ndarray, numbers: np.ndarray, count: int, per_second: float, how: str) -> np.ndarray:
    """Return mean and deviation over pictures, or (`windows`) over the means of windows; shape (2 d,)."""
    return mean_std(window_means(vectors, numbers, count, per_second) if how == "windows" else vectors)
