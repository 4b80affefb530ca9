"""A recording as segments that wait for their predictions, with audio, video and text, or with an error."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np

from mer.features.extractor import Unavailable
from mer.features.video import VideoSegment
from mer.media import audio, video
from mer.params import schema
from mer.predict.inputs import segmentation, voice_activity
from mer.predict.inputs.requests import MAX_WHOLE_SECONDS, Request
from mer.predict.inputs.subtitles import Cue
from mer.predict.outputs.prediction import Prediction


@dataclass(frozen=True)
class PredictionSettings:
    """How recordings are segmented and predicted.

    Attributes:
        cut_above: the longest recording that is predicted as a whole, in seconds. None is `MAX_WHOLE_SECONDS`; if the
            recording has a text, which belongs to all of it, the longest that the model accepts. The longest that the
            model accepts is never exceeded.
        voice: the voice activity detector: `auto`, `silero` or `energy` (voice_activity.py).
        abstain: the smallest certainty of a label, in [0, 1].
        inputs: the inputs that are used, by name or by modality; the others count as missing. None uses all of the
            model's.
        adapt: `corpus` or `speaker`: all recordings that are predicted together, or those of each speaker, scale their
            own features (mer/predict/adaptation.py). None scales them by the model's training rows.
    """

    cut_above: float | None = None
    voice: str = "auto"
    abstain: float = 0.0
    inputs: tuple[str, ...] | None = None
    adapt: Literal["corpus", "speaker"] | None = None


@dataclass(frozen=True)
class PendingSegment:
    """A segment that waits for its prediction.

    Attributes:
        prediction: the fields that are available before the model predicts.
        samples: the audio, float32 of shape (n,) at 16 kHz, or the reason why there is none.
        video: the segment of the recording as video, or the reason why there is none.
        is_first: whether a recording begins with it.
        turns: the texts of earlier segments of the recording.
        speaker: who speaks, as in `Request`.
    """

    prediction: Prediction
    samples: np.ndarray | Unavailable
    video: VideoSegment | Unavailable
    is_first: bool = False
    turns: tuple[str, ...] = ()
    speaker: str = ""

    @property
    def size(self) -> int:
        """The number of samples."""
        return 0 if isinstance(self.samples, Unavailable) else len(self.samples)


@dataclass(frozen=True)
class SegmentReader:
    """The segmentation of recordings for one model.

    Attributes:
        modalities: the modalities that the model reads.
        data: the shortest and the longest utterance that the model accepts.
        settings: how recordings are segmented.
    """

    modalities: tuple[str, ...]
    data: schema.Data
    settings: PredictionSettings

    def segments(self, request: Request) -> Iterator[PendingSegment]:
        """Yield the segments of a recording; an error becomes that of the last segment, and nothing is raised."""
        is_first = True
        for segment in self._until_error(request):
            yield replace(segment, is_first=is_first, speaker=request.speaker)
            is_first = False

    def _until_error(self, request: Request) -> Iterator[PendingSegment]:
        prediction = Prediction("" if request.path is None else str(request.path))
        if request.error:
            yield _failed(prediction, request.error)
            return
        try:
            yield from self._segments(request, prediction)
        except (audio.Unreadable, video.Unreadable) as error:
            yield _failed(prediction, error.reason)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            reason = "the file does not exist" if missing else f"cannot be read ({error.strerror or error})"
            yield _failed(prediction, reason)

    def _segments(self, request: Request, prediction: Prediction) -> Iterator[PendingSegment]:
        """Yield the segments of a recording; one that is damaged is predicted up to the damage."""
        if request.path is None or (request.text and self.modalities == ("text",)):
            no = Unavailable("there is no recording" if request.path is None else "the model reads text alone")
            yield PendingSegment(replace(prediction, text=request.text, text_source="given"), no, no)
            return
        if request.path.is_file():
            request.path.open("rb").close()  # libsndfile reports a missing permission as "system error"
        damage: list[audio.Unreadable] = []
        blocks = _until_damage(audio.blocks(request.path), damage)
        limit = self._max_whole_seconds(request)
        head, rest = segmentation.whole(blocks, limit)
        if not len(head):
            yield from self._without_audio(request, prediction, damage[0])
        elif not request.cues and len(head) <= limit * audio.RATE_HZ and not damage:
            yield self._whole(request, prediction, head)
        else:
            n_segments = 0
            for segment in self._cut(request, prediction, chain([head], rest)):
                yield segment
                n_segments += 1
            if damage:
                raise damage[0]
            if not n_segments and not request.cues:
                yield _failed(prediction, "no speech detected")

    def _max_whole_seconds(self, request: Request) -> float:
        longest, cut_above = self.data.max_seconds, self.settings.cut_above
        if cut_above is None:
            cut_above = longest if request.text else MAX_WHOLE_SECONDS
        return min(longest, cut_above)

    def _cut(self, request: Request, prediction: Prediction, blocks: Iterator[np.ndarray]) -> Iterator[PendingSegment]:
        """Yield the segments at the times of subtitles, or between pauses."""
        longest = self.data.max_seconds
        if request.cues:
            segments = segmentation.at_times(blocks, request.cues, longest)
        else:
            scores = voice_activity.open_detector(voice_activity.resolve(self.settings.voice))
            segments = segmentation.at_pauses(blocks, scores, min(longest, segmentation.MAX_SECONDS))
            if request.text:
                unused = "its text has no times, so segments do not use it; give .srt or .vtt"
                prediction = replace(prediction, warnings=(unused,))
        for segment in segments:
            yield self._pending(request, prediction, segment)

    def _whole(self, request: Request, prediction: Prediction, samples: np.ndarray) -> PendingSegment:
        detector, audio_samples = voice_activity.resolve(self.settings.voice), samples
        if len(samples) < self.data.min_seconds * audio.RATE_HZ:
            audio_samples = Unavailable(
                f"too short: {len(samples)} samples at 16 kHz, but at least {self.data.min_seconds:g} s are needed"
            )
        elif "audio" in self.modalities and not voice_activity.contains_speech(samples, detector):
            audio_samples = Unavailable(f"no speech detected ({detector})")
        return PendingSegment(_with_text(prediction, request), audio_samples, self._video(request.path))

    def _pending(self, request: Request, prediction: Prediction, segment: segmentation.Segment) -> PendingSegment:
        longest = self.data.max_seconds
        cropped = segment.end - segment.start > longest and len(segment.samples) == round(longest * audio.RATE_HZ)
        warning = (f"only its first {longest:g} s are used",) if cropped else ()
        source = "given" if segment.text else None
        prediction = replace(prediction, start=segment.start, end=segment.end, text=segment.text, text_source=source,
                             warnings=(*prediction.warnings, *warning))  # fmt: skip
        samples = segment.samples if len(segment.samples) else Unavailable("its times are after the end of the audio")
        return PendingSegment(prediction, samples, self._video(request.path, *segment[:2]))

    def _without_audio(
        self, request: Request, prediction: Prediction, error: audio.Unreadable
    ) -> Iterator[PendingSegment]:
        """Yield the segments of a file without audio: its video in equal intervals, or the text that was given."""
        has_video = "video" in self.modalities and video.has_video(request.path)
        if not has_video and not ("text" in self.modalities and (request.text or request.cues)):
            raise error
        no_audio, longest = Unavailable(error.reason), self.data.max_seconds
        if request.cues:
            for cue in request.cues:
                with_cue = replace(prediction, start=cue.start, end=cue.end, text=cue.text, text_source="given")
                yield PendingSegment(with_cue, no_audio, self._video(request.path, cue.start, cue.end))
            return
        seconds = (video.seconds(request.path) or 0.0) if has_video else 0.0
        if seconds <= longest:
            yield PendingSegment(_with_text(prediction, request), no_audio, self._video(request.path))
            return
        for start in np.arange(0.0, seconds, longest):
            interval = Cue(float(start), float(min(start + longest, seconds)), "")
            timed = replace(prediction, start=interval.start, end=interval.end)
            yield PendingSegment(timed, no_audio, self._video(request.path, interval.start, interval.end))

    def _video(self, path: Path, start: float | None = None, end: float | None = None) -> VideoSegment:
        return VideoSegment(path, start, end, self.data.max_seconds)


def _with_text(prediction: Prediction, request: Request) -> Prediction:
    return replace(prediction, text=request.text, text_source="given" if request.text else None)


def _until_damage(blocks: Iterator[np.ndarray], damage: list[audio.Unreadable]) -> Iterator[np.ndarray]:
    """Yield the blocks up to the damage of a recording, and append the error to `damage`."""
    try:
        yield from blocks
    except audio.Unreadable as error:
        damage.append(error)


def _failed(prediction: Prediction, error: str) -> PendingSegment:
    reason = Unavailable(error)
    return PendingSegment(replace(prediction, error=error), reason, reason)
