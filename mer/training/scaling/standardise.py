"""Shift and scale of features, fitted on training rows only."""

from dataclasses import dataclass

import numpy as np

from mer.features import Features
from mer.features.extractor import Scaling
from mer.features.text.tfidf import inverse_document_frequency


@dataclass(frozen=True)
class Standardiser:
    """Input -> (mean, scale), each of shape (width,)."""

    moments: dict[str, tuple[np.ndarray, np.ndarray]]

    def apply(self, features: Features, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return input -> float32 of shape (len(rows), width); absent rows are zeros."""
        return {
            name: ((features.arrays[name][rows] - mean) / scale * features.present[name][rows, None]).astype(np.float32)
            for name, (mean, scale) in self.moments.items()
        }


def fit(features: Features, rows: np.ndarray, inputs: tuple[str, ...], *, equal: bool = False) -> Standardiser:
    """Fit on the rows in which an input is present.

    Args:
        equal: whether all inputs have the same mean square (`equalised`; `training.equal_inputs`).

    Raises:
        ValueError: as `require_finite`.
    """
    require_finite(features, rows, inputs)
    moments = {}
    for name in inputs:
        values = features.arrays[name][rows[features.present[name][rows]]].astype(np.float64)
        width = features.arrays[name].shape[1]
        if not len(values):
            moments[name] = (np.zeros(width), np.ones(width))
            continue
        if name in features.frames:
            moments[name] = frame_moments(values, features.frames[name])
            continue
        if (method := features.scaling(name)) == "none":
            moments[name] = (np.zeros(width), np.ones(width))
            continue
        documents = np.count_nonzero(values, axis=0)
        moments[name] = values.mean(axis=0), scale(method, values.std(axis=0), documents, len(values))
    fitted = Standardiser(moments)
    return equalised(fitted) if equal else fitted


def frame_moments(vectors: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of each dimension of a frame over all frames, repeated for the frames of a vector.

    The number of frames, which is the last value of a vector, is not scaled.

    Args:
        vectors: shape (n, frames * width + 1), as `FrameAttention` reads them.

    >>> frame_moments(np.array([[1.0, 3.0, 7.0, 2], [5.0, 0.0, 0.0, 1]]), 3)[0]
    array([3., 3., 3., 0.])
    """
    valid = np.arange(frames) < vectors[:, -1:]
    values = vectors[:, :-1].reshape(len(vectors), frames, -1)[valid]  # (all frames, width)
    deviation = values.std(axis=0)
    parts = values.mean(axis=0), np.where(deviation > 1e-8, deviation, 1.0)
    return tuple(np.append(np.tile(p, frames), end) for p, end in zip(parts, (0.0, 1.0), strict=True))


def equalised(standardiser: Standardiser) -> Standardiser:
    """Return one whose inputs have about the same mean square each, whatever their widths.

    The mean square of all inputs together stays as it is, so that a value of C has the same effect. A single input
    stays as it is.

    >>> two = {"audio": (np.zeros(9), np.ones(9)), "text": (np.zeros(1), np.ones(1))}
    >>> {name: 1 / one[1][0] for name, one in equalised(Standardiser(two)).moments.items()}  # 9 · (√5 / 3)² = √5² = 5
    {'audio': np.float64(0.7453559924999299), 'text': np.float64(2.23606797749979)}
    """
    moments = standardiser.moments
    mean = np.mean([len(one) for one, _ in moments.values()])
    return Standardiser({name: (at, scale * np.sqrt(len(scale) / mean)) for name, (at, scale) in moments.items()})


def scale(method: Scaling, deviation: np.ndarray, documents: np.ndarray, rows: float) -> np.ndarray:
    """Return the divisor of each dimension, from statistics that can be added up over rows.

    `each`: the dimension's own deviation. `shared`: the root of the mean variance, for all dimensions. `idf`: the
    shared deviation of the dimensions weighted by their inverse document frequencies, divided by these frequencies.

    Args:
        method: how the vectors are scaled, as from `Features.scaling`.
        deviation, documents: standard deviation of each dimension, and number of rows in which it is not zero.
        rows: number of rows, at least 1.
    """
    if method == "each":
        return np.where(deviation > 1e-8, deviation, 1.0)
    weight = inverse_document_frequency(documents, rows) if method == "idf" else np.ones(len(deviation))
    return max(np.sqrt(((deviation * weight) ** 2).mean()), 1e-8) / weight


def require_finite(features: Features, rows: np.ndarray, inputs: tuple[str, ...]) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: names the input and the first such row.
    """
    for name in inputs:
        broken = np.flatnonzero(~np.isfinite(features.arrays[name][rows]).all(axis=1))
        if len(broken):
            raise ValueError(
                f"{name}: {len(broken)} of {len(rows)} rows hold NaN or infinity, first row {rows[broken[0]]} of "
                f"the task; mark them as absent or extract them again"
            )
