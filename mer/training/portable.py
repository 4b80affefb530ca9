"""What a model must carry to be asked about any file, away from its study: how inputs are made, how far they may lie.

How unlike the training data an input is: the root mean square of its standardised vector, modality by modality; the
distance of Mahalanobis with a diagonal covariance, over the square root of the width. A checkpoint keeps the quantiles
of its own training rows, as a distance by itself says nothing.
"""

import numpy as np

from mer.features import Features
from mer.params import schema
from mer.training.standardise import Standardiser

AT_ONCE = 4096
"""rows standardised at once"""
QUANTILES = (0.5, 0.95, 0.99)


def portable(model, features: Features, train: np.ndarray, section: schema.Features, data: schema.Data) -> dict:
    """Return the part of a model's card that prediction on one's own files needs.

    Args:
        model: what `grid.fit` returned.
        train: the rows that it was trained on.

    Returns:
        `inputs`: the parameters of extraction; `distances`: modality -> quantile -> distance of training rows, for
        those that any row has.
    """
    modalities = tuple(model.standardiser.moments)
    wanted = {"audio": "acoustic", "text": "linguistic", "video": "visual"}
    sections = {wanted[m]: getattr(section, wanted[m]).model_dump(mode="json") for m in modalities}
    seconds = {"min_seconds": data.min_seconds, "max_seconds": data.max_seconds}
    found = {}
    for modality in modalities:
        rows = train[features.present[modality][train]]
        if len(rows):
            parts = [rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE)]
            far = np.concatenate([distances(model.standardiser, features, part)[modality] for part in parts])
            found[modality] = {str(q): float(np.quantile(far, q)) for q in QUANTILES}
    return {"inputs": {**sections, "data": seconds}, "distances": found}


def distances(standardiser: Standardiser, features: Features, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return modality -> root mean square of each row's standardised vector, float64 of shape (len(rows),).

    Where a modality is absent it is 0.

    >>> model = Standardiser({"audio": (np.array([1.0, 1.0]), np.array([1.0, 2.0]))})
    >>> one = Features({"audio": np.array([[4.0, 9.0]], np.float32)}, {"audio": np.array([True])})
    >>> distances(model, one, np.array([0]))["audio"].round(2)
    array([3.54])
    """
    return {m: np.sqrt((x.astype(np.float64) ** 2).mean(axis=1)) for m, x in standardiser.apply(features, rows).items()}
