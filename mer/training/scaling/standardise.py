"""Shifting and scaling, fitted on training rows alone."""

from dataclasses import dataclass

import numpy as np

from mer.features import Features
from mer.features.extractor import Scaling
from mer.features.text.tfidf import inverse_document_frequency


@dataclass(frozen=True)
class Standardiser:
    """Modality -> (mean, scale), each of shape (width,)."""

    moments: dict[str, tuple[np.ndarray, np.ndarray]]

    def apply(self, features: Features, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return modality -> float32 of shape (len(rows), width); absent rows are zeros."""
        return {
            m: ((features.arrays[m][rows] - mean) / scale * features.present[m][rows, None]).astype(np.float32)
            for m, (mean, scale) in self.moments.items()
        }


def fit(features: Features, rows: np.ndarray, modalities: tuple[str, ...]) -> Standardiser:
    """Fit on the rows where a modality is present.

    Raises:
        ValueError: as `require_finite`.
    """
    require_finite(features, rows, modalities)
    moments = {}
    for modality in modalities:
        values = features.arrays[modality][rows[features.present[modality][rows]]].astype(np.float64)
        width = features.arrays[modality].shape[1]
        if not len(values):
            moments[modality] = (np.zeros(width), np.ones(width))
            continue
        way, documents = features.scaling(modality), np.count_nonzero(values, axis=0)
        moments[modality] = values.mean(axis=0), scale(way, values.std(axis=0), documents, len(values))
    return Standardiser(moments)


def scale(way: Scaling, deviation: np.ndarray, documents: np.ndarray, rows: float) -> np.ndarray:
    """Return what each dimension is divided by, from what can be added up over rows.

    `each` dimension by its own deviation; all by a `shared` one, the root of the mean variance; or by a shared one over
    each dimension's inverse document frequency (`idf`), which weighs it, and with which the deviations are shared.

    Args:
        way: what the extractor of the vectors says.
        deviation, documents: standard deviation of each dimension and how many rows have it other than zero.
        rows: how many there are, at least 1.
    """
    if way == "each":
        return np.where(deviation > 1e-8, deviation, 1.0)
    weight = inverse_document_frequency(documents, rows) if way == "idf" else np.ones(len(deviation))
    return max(np.sqrt(((deviation * weight) ** 2).mean()), 1e-8) / weight


def require_finite(features: Features, rows: np.ndarray, modalities: tuple[str, ...]) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: names the modality and the first such row.
    """
    for modality in modalities:
        broken = np.flatnonzero(~np.isfinite(features.arrays[modality][rows]).all(axis=1))
        if len(broken):
            raise ValueError(
                f"{modality}: {len(broken)} of {len(rows)} rows hold NaN or infinity, first row {rows[broken[0]]} of "
                f"the task; mark them as absent or extract them again"
            )
