"""Pooling of one vector per frame to one vector per utterance."""

import numpy as np

WINDOW_SECONDS, STEP_SECONDS = 4.0, 2.0
"""The length of a window and the time between the starts of two windows, in seconds."""


def mean_std(vectors: np.ndarray) -> np.ndarray:
    """Return mean and population standard deviation over the first axis: (n, d) -> (2 d,), float32.

    >>> mean_std(np.array([[1.0], [3.0]])).tolist()
    [2.0, 1.0]
    """
    exact = vectors.astype(np.float64)
    return np.concatenate([exact.mean(axis=0), exact.std(axis=0)]).astype(np.float32)


def window_means(vectors: np.ndarray, numbers: np.ndarray, count: int, per_second: float) -> np.ndarray:
    """Return the mean of each window of 4 s every 2 s that contains a face; shape (windows, d).

    Windows count all frames, also those without a face, so a gap does not shift later windows. A window with less than
    a step left is skipped, except the first, so there are max(1, count // step) windows before empty ones are removed.

    Args:
        vectors: vectors of the frames with a face, shape (n, d).
        numbers: numbers of these frames, shape (n,), in [0, count).
        count: the number of frames.
        per_second: the number of frames per second of video.

    >>> window_means(np.arange(5.0)[:, None], np.array([0, 1, 2, 3, 5]), 6, per_second=1).tolist()
    [[1.5], [3.0], [4.0]]
    """
    length, step = max(1, round(WINDOW_SECONDS * per_second)), max(1, round(STEP_SECONDS * per_second))
    starts = range(0, step * max(1, count // step), step)
    inside = [(numbers >= start) & (numbers < start + length) for start in starts]
    means = [vectors[mask].mean(axis=0, dtype=np.float64) for mask in inside if mask.any()]
    return np.stack(means or [vectors.mean(axis=0, dtype=np.float64)])  # all faces are after the last window


def pooled(vectors: np.ndarray, numbers: np.ndarray, count: int, per_second: float, pooling: str) -> np.ndarray:
    """Return mean and standard deviation over frames, or over the means of windows (`windows`); shape (2 d,)."""
    return mean_std(window_means(vectors, numbers, count, per_second) if pooling == "windows" else vectors)
