"""Pooling of activations over time to one vector."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mer.features.extractor import Unavailable


@dataclass(frozen=True)
class Summary:
    """Statistics of the activations of one chunk of audio.

    Attributes:
        frames: number of frames.
        mean, variance: mean and population variance over frames; shape (layers, width).
    """

    frames: int
    mean: np.ndarray
    variance: np.ndarray


def windows(length: int, window: int, step: int) -> list[tuple[int, int]]:
    """Return (start, stop) of the paper's windows: one every `step`, of length `window` or up to the end.

    The last window begins only if at least a whole step is left, so there are max(1, length // step) windows. The last
    one often lies within the one before it: four seconds give (0, 4) and (2, 4).

    >>> windows(9, 4, 2)
    [(0, 4), (2, 6), (4, 8), (6, 9)]
    >>> windows(3, 4, 2), windows(4, 4, 2)
    ([(0, 3)], [(0, 4), (2, 4)])
    """
    return [(start, min(start + window, length)) for start in range(0, max(1, length // step) * step, step)]


def chunks(length: int, longest: int) -> list[tuple[int, int]]:
    """Return (start, stop) of chunks: as few and as equal as possible, none longer than `longest`.

    >>> chunks(10, 4)
    [(0, 3), (3, 6), (6, 10)]
    """
    count = max(1, -(-length // longest))
    edges = [length * i // count for i in range(count + 1)]
    return list(pairwise(edges))


def pool(summaries: list[Summary], pooling: str) -> np.ndarray:
    """Return one vector, float32; several layers follow one another.

    `mean` and `mean_std` are over all frames of all chunks, as if there were one chunk. `windows` are mean and
    population standard deviation over the chunks' means, as in the paper. A recording with a single window then has
    zeros in its second half, which reveal its length and not its emotion. `mean_std` has no such zeros.

    Returns:
        shape (layers * width,) for `mean`, else (layers * 2 * width,), for each layer the mean, then the deviation.
    """
    means = np.stack([s.mean for s in summaries]).astype(np.float64)  # (chunks, layers, width)
    if pooling == "windows":
        pair = [means.mean(axis=0), means.std(axis=0)]
    else:
        share = np.array([s.frames for s in summaries], dtype=np.float64)[:, None, None]
        share /= share.sum()
        mean = (share * means).sum(axis=0)
        variances = np.stack([s.variance for s in summaries])
        pair = [mean, np.sqrt((share * (variances + (means - mean) ** 2)).sum(axis=0))]
    return np.concatenate(pair[:1] if pooling == "mean" else pair, axis=-1).astype(np.float32).ravel()


def frame_vector(chunks: list[np.ndarray], max_frames: int) -> np.ndarray:
    """Return the frames of a recording as one vector: all values of the first frame, of the next, and so on.

    A recording with more than `max_frames` frames is represented by means over equally many neighbouring frames. Unused
    places are 0. The last value of the vector is the number of its frames. All values are float16 numbers.

    Args:
        chunks: frames of each chunk, shape (frames, layers, width).

    Returns:
        float32 of shape (max_frames * layers * width + 1,).

    >>> frame_vector([np.array([[[1.0]], [[3.0]]]), np.array([[[5.0]]])], 2).tolist()
    [2.0, 5.0, 2.0]
    """
    frames = np.concatenate(chunks).astype(np.float32)
    size = -(-len(frames) // max_frames)
    starts = np.arange(0, len(frames), size)
    counts = np.diff(np.append(starts, len(frames)))
    means = np.add.reduceat(frames, starts, axis=0) / counts[:, None, None]
    vector = np.zeros(max_frames * frames[0].size + 1, np.float32)
    vector[: means.size], vector[-1] = means.ravel(), len(means)
    with np.errstate(over="ignore"):  # what is beyond the range becomes infinite, which is reported
        return vector.astype(np.float16).astype(np.float32)


def finite(vector: np.ndarray) -> np.ndarray | Unavailable:
    """Return the vector, or the reason why there is none if a network gives values that are not finite."""
    return vector if np.isfinite(vector).all() else Unavailable("the network gives values that are not finite")
