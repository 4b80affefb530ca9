"""One answer, and what its numbers say about how certain it is."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Answer:
    """What a model says of a recording, or of a stretch of one; or why it says nothing.

    Attributes:
        path: as it was asked for; empty for words without a recording.
        start, end: seconds; None where the recording is taken as a whole.
        label: the likeliest class; None where the model abstains or there is an error.
        probabilities: class -> calibrated probability; empty with an error.
        entropy: of the probabilities over that of as many even ones: 0 certain, 1 without a clue.
        margin: between the two highest probabilities.
        used: modalities that the answer is of.
        missing: modality that the model takes -> why it was not there.
        each: modality -> class -> probability, of the same model shown nothing else.
        text, text_source: the words, and whether they were given or by what they were recognised.
        warnings: what makes the answer doubtful.
    """

    path: str
    start: float | None = None
    end: float | None = None
    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    entropy: float | None = None
    margin: float | None = None
    used: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
    each: dict[str, dict[str, float]] = field(default_factory=dict)
    text: str | None = None
    text_source: str | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None

    @property
    def certainty(self) -> float | None:
        """The highest probability, None with an error."""
        return max(self.probabilities.values()) if self.probabilities else None


def entropy(probabilities: np.ndarray) -> float:
    """Return -sum p ln p / ln k, in [0, 1], over the k classes that can be answered at all (p > 0).

    >>> entropy(np.array([0.5, 0.5, 0.0])), entropy(np.array([1.0, 0.0]))
    (1.0, 0.0)
    """
    p = probabilities[probabilities > 0]
    return float(-(p * np.log(p)).sum() / np.log(len(p))) if len(p) > 1 else 0.0


def margin(probabilities: np.ndarray) -> float:
    """Return how far the highest probability is above the next, in [0, 1].

    >>> round(margin(np.array([0.5, 0.2, 0.3])), 6)
    0.2
    """
    second, first = np.sort(probabilities)[-2:]
    return float(first - second)
