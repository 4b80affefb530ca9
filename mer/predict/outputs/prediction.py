"""One prediction, and measures of its uncertainty."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """A model's prediction for a recording or a segment of one, or the reason why there is none.

    Attributes:
        path: the path as it was requested; empty for text without a recording.
        start, end: times in seconds; None if the recording is predicted as a whole.
        label: the most probable class; None if the model abstains or there is an error.
        probabilities: class -> calibrated probability; empty with an error.
        entropy: entropy of the probabilities divided by that of equal ones, in [0, 1].
        margin: difference of the two highest probabilities, in [0, 1].
        inputs: the inputs that the prediction uses.
        modalities: the modalities of these inputs.
        missing: input of the model -> the reason why it is missing.
        per_input: input -> class -> probability, of the same model with this input alone.
        per_modality: modality -> class -> probability, of the same model with the inputs of this modality alone.
        text, text_source: the text, and its source: `given` or the recogniser.
        language, language_probability: the language that the recogniser detected, as in ISO 639-1, and its probability
            in [0, 1]; None if the text is given or the recogniser detects no language.
        scaled_by: the recordings whose statistics scale its features: those of the model's `training`, all that are
            predicted together (`corpus`), or those of its `speaker`; None with an error.
        warnings: reasons to doubt the prediction.
        error: the reason why there is no prediction.
    """

    path: str
    start: float | None = None
    end: float | None = None
    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    entropy: float | None = None
    margin: float | None = None
    inputs: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    per_input: dict[str, dict[str, float]] = field(default_factory=dict)
    per_modality: dict[str, dict[str, float]] = field(default_factory=dict)
    text: str | None = None
    text_source: str | None = None
    language: str | None = None
    language_probability: float | None = None
    scaled_by: str | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None

    @property
    def certainty(self) -> float | None:
        """The highest probability; None with an error."""
        return max(self.probabilities.values()) if self.probabilities else None


def entropy(probabilities: np.ndarray) -> float:
    """Return -sum p ln p / ln k, in [0, 1], over the k classes with p > 0.

    >>> entropy(np.array([0.5, 0.5, 0.0])), entropy(np.array([1.0, 0.0]))
    (1.0, 0.0)
    """
    p = probabilities[probabilities > 0]
    return float(-(p * np.log(p)).sum() / np.log(len(p))) if len(p) > 1 else 0.0


def margin(probabilities: np.ndarray) -> float:
    """Return the difference of the two highest probabilities, in [0, 1].

    >>> round(margin(np.array([0.5, 0.2, 0.3])), 6)
    0.2
    """
    second, first = np.sort(probabilities)[-2:]
    return float(first - second)
