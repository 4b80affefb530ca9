"""Shifting and scaling, fitted on training rows alone."""

from dataclasses import dataclass

import numpy as np

from mer.features import Features


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

    Acoustic features are scaled one by one. Word counts share one scale: dividing a rare word by its tiny
    deviation would make it the loudest feature of all.
    """
    moments = {}
    for modality in modalities:
        values = features.arrays[modality][rows[features.present[modality][rows]]].astype(np.float64)
        width = features.arrays[modality].shape[1]
        if not len(values):
            moments[modality] = (np.zeros(width), np.ones(width))
            continue
        deviation = values.std(axis=0)
        scale = np.where(deviation > 1e-8, deviation, 1.0)
        if modality == "text":
            scale = np.full(width, max(np.sqrt((deviation**2).mean()), 1e-8))
        moments[modality] = (values.mean(axis=0), scale)
    return Standardiser(moments)
