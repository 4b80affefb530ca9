"""The features of segments: each input of a model by its own extractor, as in a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mer.features.extractor import Unavailable, VectorFunction
from mer.media import audio, recordings, video
from mer.params import schema
from mer.params.features import Input
from mer.predict.inputs.segments import PendingSegment
from mer.predict.inputs.text_input import text_input

LEFT_OUT = "left out by the settings"
"""The reason why an input is missing that the settings do not name."""


@dataclass(frozen=True)
class InputExtractor:
    """One input of a model, ready to be extracted.

    Attributes:
        section: the parameters of the input.
        compute: the function from recordings, texts or video segments to vectors; None if the input is left out.
        width: the number of features.
    """

    section: Input
    compute: VectorFunction | None
    width: int

    def vectors(
        self, segments: Sequence[PendingSegment], data: schema.Data
    ) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
        """Return the features of segments.

        Args:
            segments: the segments.
            data: the shortest and the longest utterance that the model accepts.

        Returns:
            float32 of shape (n, width), zeros if there is no vector; bool of shape (n,), whether there is one; and
            number of the segment -> the reason why there is none.
        """
        if self.compute is None:
            items = [Unavailable(LEFT_OUT)] * len(segments)
        else:
            items = [_item(segment, self.section, data) for segment in segments]
        numbers = [n for n, item in enumerate(items) if not isinstance(item, Unavailable)]
        computed = dict(zip(numbers, self.compute([items[n] for n in numbers]) if numbers else [], strict=True))
        vectors, present = np.zeros((len(items), self.width), np.float32), np.zeros(len(items), bool)
        reasons = {}
        for n, item in enumerate(items):
            vector = computed.get(n, item)
            if isinstance(vector, Unavailable):
                reasons[n] = vector.reason
            elif not np.isfinite(vector).all():
                reasons[n] = "its vector holds values that are not finite"
            else:
                vectors[n], present[n] = vector, True
        return vectors, present, reasons


def context(extractors: Mapping[str, InputExtractor]) -> int:
    """Return the largest number of earlier turns that an input of modality text reads."""
    sections = [extractor.section for extractor in extractors.values()]
    return max((section.context for section in sections if section.modality == "text"), default=0)


def _item(segment: PendingSegment, section: Input, data: schema.Data) -> object:
    """Return what an extractor reads of a segment."""
    if section.modality == "audio":
        return segment.samples if isinstance(segment.samples, Unavailable) else _as_stored(segment.samples, data)
    if section.modality == "text":
        turns = segment.turns[-section.context :] if section.context else ()
        return text_input(segment.prediction.text, turns, section)
    if isinstance(segment.video, Unavailable) or not video.has_video(segment.video.path):
        return Unavailable("no video in it")
    return segment.video


def _as_stored(samples: np.ndarray, data: schema.Data) -> np.ndarray:
    """Return the samples as extractors read them in a study: cut or padded to the limits, and coded with 16 bits."""
    samples = samples[: round(data.max_seconds * audio.RATE_HZ)]
    samples = np.pad(samples, (0, max(0, round(data.min_seconds * audio.RATE_HZ) - len(samples))))
    encoded = recordings.encode(samples)
    return np.multiply(encoded.samples, encoded.scale, dtype=np.float32, casting="unsafe")
