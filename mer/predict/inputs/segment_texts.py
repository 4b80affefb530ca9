"""The texts of segments: transcripts of those without text, and the texts of earlier segments of a recording."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mer.features.extractor import Unavailable
from mer.media.speech_recognition import Transcript
from mer.predict.inputs.recogniser import Recogniser
from mer.predict.inputs.segments import PendingSegment


@dataclass
class SegmentTexts:
    """Completes segments in their order, many at once.

    Attributes:
        context: the number of earlier turns that the model reads.
        recognise: the recogniser of segments without text; None for none.
        turns: the texts of the last segments of the current recording.
    """

    context: int = 0
    recognise: Recogniser | None = None
    turns: list[str] = field(default_factory=list)

    def complete(self, segments: Sequence[PendingSegment]) -> list[PendingSegment]:
        """Return the next segments with transcripts and earlier turns; those without text are transcribed together."""
        return [self._with_turns(segment) for segment in self._transcribed(segments)]

    def _transcribed(self, segments: Sequence[PendingSegment]) -> list[PendingSegment]:
        segments = list(segments)
        numbers = [n for n, one in enumerate(segments) if self.recognise and _needs_transcript(one)]
        transcripts = self.recognise.transcribe([segments[n].samples for n in numbers]) if numbers else []
        for n, transcript in zip(numbers, transcripts, strict=True):
            segments[n] = replace(segments[n], prediction=self._prediction(segments[n], transcript))
        return segments

    def _prediction(self, segment: PendingSegment, transcript: Transcript):
        return replace(segment.prediction, text=transcript.text or None, text_source=self.recognise.source,
                       language=transcript.language, language_probability=transcript.language_probability)  # fmt: skip

    def _with_turns(self, segment: PendingSegment) -> PendingSegment:
        if segment.is_first:
            self.turns = []
        completed, text = replace(segment, turns=tuple(self.turns)), segment.prediction.text
        if self.context and text:
            self.turns = [*self.turns, text][-self.context :]
        return completed


def _needs_transcript(segment: PendingSegment) -> bool:
    return segment.prediction.text is None and not isinstance(segment.samples, Unavailable)
