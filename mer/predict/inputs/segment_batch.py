"""Segments with their features, before the model predicts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mer.features import Features
from mer.predict.outputs.prediction import Prediction


@dataclass(frozen=True)
class SegmentBatch:
    """Segments whose samples are no longer needed.

    Attributes:
        predictions: of each segment, without the model's part; some have an error.
        is_first: of each segment, whether a recording begins with it.
        valid: numbers of the segments without an error, which the other attributes are about.
        features: rows of the valid segments.
        missing: of each valid segment input -> the reason why it is missing.
        audio_warnings: of each valid segment.
        speakers: of each valid segment, as in `Request`.
    """

    predictions: list[Prediction]
    is_first: list[bool]
    valid: list[int]
    features: Features
    missing: list[dict[str, str]]
    audio_warnings: list[tuple[str, ...]]
    speakers: list[str]


def merged(batches: Sequence[SegmentBatch]) -> SegmentBatch:
    """Return the segments of several batches as one; at least one batch is given."""
    first = batches[0].features
    arrays, present = (
        {name: np.concatenate([getattr(batch.features, part)[name] for batch in batches]) for name in first.arrays}
        for part in ("arrays", "present")
    )
    offsets = np.cumsum([0, *(len(batch.predictions) for batch in batches)])
    return SegmentBatch(
        [one for batch in batches for one in batch.predictions],
        [one for batch in batches for one in batch.is_first],
        [int(offset) + number for offset, batch in zip(offsets, batches, strict=False) for number in batch.valid],
        replace(first, arrays=arrays, present=present),
        [one for batch in batches for one in batch.missing],
        [one for batch in batches for one in batch.audio_warnings],
        [one for batch in batches for one in batch.speakers],
    )
