"""Shifting and scaling, fitted on training rows alone."""

from dataclasses import dataclass

import numpy as np

from mer.features import Features
from mer.features.linguistic.tfidf import inverse_document_frequency

COUNTS = {"hashing", "tfidf"}
"""extractors whose dimensions are words"""


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
        ValueError: a feature is not a number; the message names modality and dimension.
    """
    moments = {}
    for modality in modalities:
        values = features.arrays[modality][rows[features.present[modality][rows]]].astype(np.float64)
        width = features.arrays[modality].shape[1]
        if not (finite := np.isfinite(values)).all():
            wrong = int(np.flatnonzero(~finite.all(axis=0))[0])
            raise ValueError(
                f"{modality}: dimension {wrong} is not a number in {(~finite[:, wrong]).sum()} training rows"
            )
        extractor = features.extractors.get(modality)
        moments[modality] = _moments(values, extractor) if len(values) else (np.zeros(width), np.ones(width))
    return Standardiser(moments)


def _moments(values: np.ndarray, extractor: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale of each dimension.

    Dimensions are scaled one by one. Words share one scale: dividing a rare word by its tiny deviation would make it
    the loudest feature of all. A term frequency times its inverse document frequency is a scale, too: a part of it.
    """
    mean = values.mean(axis=0)
    if extractor not in COUNTS:
        deviation = values.std(axis=0)
        return mean, np.where(deviation > 1e-8, deviation, 1.0)
    weight = inverse_document_frequency(values) if extractor == "tfidf" else np.ones(values.shape[1])
    shared = max(np.sqrt((values * weight).var(axis=0).mean()), 1e-8)
    return mean, shared / weight
