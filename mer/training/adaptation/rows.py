"""The rows that are adapted together, and what adaptation needs to know about the training corpora."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from mer.params.adaptation import BY_SPEAKER

PREFIX = "adaptation."
"""The beginning of the names of a checkpoint's tensors that are those of `Source`."""
MIN_PROBABILITY = 1e-9
"""The smallest probability or share of which a logarithm is taken."""


@dataclass(frozen=True)
class Source:
    """What adaptation needs to know about the training corpora.

    Attributes:
        prior: shares of classes for which the model's probabilities hold, shape (classes,); 0 for a class that was not
            trained.
        confusion: mean probability of each class (rows) for the source rows of each class (columns), shape
            (classes, classes); NaN in the column of a class without rows.
        steps: the number of the method's steps that are used for free predictions, and for restricted ones; 0 if the
            method is not used; float of shape (2,). A method without steps has 1.
        temperature: what the logarithms of adapted probabilities are divided by, for both; float of shape (2,).
    """

    prior: np.ndarray
    confusion: np.ndarray
    steps: np.ndarray
    temperature: np.ndarray

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays as a checkpoint stores them."""
        return {f"{PREFIX}{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], classes: int) -> "Source | None":
        """Return the statistics that a checkpoint stores; None if it stores none.

        Raises:
            ValueError: one is missing, or has another shape.
        """
        found = {field.name: tensors.get(f"{PREFIX}{field.name}") for field in fields(cls)}
        if all(value is None for value in found.values()):
            return None
        shapes = {"prior": (classes,), "confusion": (classes, classes), "steps": (2,), "temperature": (2,)}
        for name, value in found.items():
            if value is None or value.shape != shapes[name] or value.dtype.kind != "f":
                raise ValueError(f"tensor {PREFIX}{name} of the model is missing, or not of shape {shapes[name]}")
        return cls(**found)


@dataclass(frozen=True)
class Rows:
    """Predicted rows.

    Attributes:
        probabilities: calibrated, shape (n, classes).
        vectors: features, shape (n, width).
        corpora, speakers: of each row, shape (n,).
    """

    probabilities: np.ndarray
    vectors: np.ndarray
    corpora: np.ndarray
    speakers: np.ndarray

    def take(self, rows: np.ndarray) -> "Rows":
        """Return some of the rows."""
        return Rows(*(getattr(self, field.name)[rows] for field in fields(self)))

    def targets(self, method: str) -> np.ndarray:
        """Return the corpus or speaker of each row, whose rows are adapted together."""
        return self.speakers if method in BY_SPEAKER else self.corpora

    def in_order(self) -> np.ndarray:
        """Return row numbers in an order that does not depend on that of the rows."""
        return np.lexsort(np.column_stack([self.probabilities, self.vectors[:, :3]]).T)


def restricted(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return probabilities among some classes; a row that has none of them gets the same for each.

    >>> restricted(np.array([[0.2, 0.2, 0.6], [0.0, 0.0, 1.0]]), np.array([True, True, False]))
    array([[0.5, 0.5, 0. ],
           [0.5, 0.5, 0. ]])
    """
    if classes.all():
        return probabilities
    masked = probabilities * classes
    total = masked.sum(axis=1, keepdims=True)
    return np.divide(masked, total, out=np.tile(classes / classes.sum(), (len(masked), 1)), where=total > 0)


def logarithms(values: np.ndarray) -> np.ndarray:
    """Return logarithms of probabilities or shares, of which those below `MIN_PROBABILITY` count as it."""
    return np.log(np.maximum(values, MIN_PROBABILITY))
