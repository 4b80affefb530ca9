"""A recording as pieces that wait for an answer: its stretches with their sound, pictures and words, or its error."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from mer.features.extractor import Unavailable
from mer.media import audio, video
from mer.params import schema
from mer.predict.inputs import segmentation
from mer.predict.inputs import voice_activity as voice
from mer.predict.inputs.recogniser import Recognise
from mer.predict.inputs.requests import Asked
from mer.predict.inputs.subtitles import Cue
from mer.predict.outputs.prediction import Answer


@dataclass(frozen=True)
class Settings:
    """How recordings are asked about.

    Attributes:
        cut_above: seconds from which on a recording is cut at pauses; None, and never more than, what the model takes.
        voice: what finds pauses: `auto`, `silero` or `energy` (voice.py).
        abstain: below this certainty the label is None.
    """

    cut_above: float | None = None
    voice: str = "auto"
    abstain: float = 0.0


@dataclass(frozen=True)
class Piece:
    """A stretch that waits for its answer: what of it is known, and its samples."""

    known: Answer
    samples: np.ndarray | Unavailable
    clip: tuple[Path, float | None, float | None] | Unavailable
    turns: tuple[str, ...] = ()
    """what was said before in the same recording"""

    @property
    def size(self) -> int:
        """How many samples it holds."""
        return 0 if isinstance(self.samples, Unavailable) else len(self.samples)


@dataclass(frozen=True)
class Reader:
    """How recordings become pieces for one model.

    Attributes:
        modalities: that the model takes.
        data: the least and the greatest length of a clip.
        context: how many earlier turns it reads.
        recognise: what hears words where none are given.
    """

    modalities: tuple[str, ...]
    data: schema.Data
    settings: Settings
    context: int = 0
    recognise: Recognise | None = None

    def pieces(self, asked: Asked) -> Iterator[Piece]:
        """Yield the pieces of a recording; what is wrong with it is the last one's error, and nothing is raised."""
        told, turns = Answer("" if asked.path is None else str(asked.path)), []
        if asked.error:
            yield _failed(told, asked.error)
            return
        try:
            for piece in self._stretches(asked, told):
                if piece.known.text is None and self.recognise and not isinstance(piece.samples, Unavailable):
                    heard, source = self.recognise(piece.samples)
                    piece = replace(piece, known=replace(piece.known, text=heard, text_source=source))
                yield replace(piece, turns=tuple(turns))
                turns = [*turns, piece.known.text][-self.context :] if self.context and piece.known.text else turns
        except (audio.Unreadable, video.Unreadable) as error:
            yield _failed(told, error.reason)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            yield _failed(told, "it is not there" if missing else f"cannot be read ({error.strerror or error})")

    def _stretches(self, asked: Asked, told: Answer) -> Iterator[Piece]:
        """Yield the pieces of a recording; a recording that is damaged further on is answered up to there."""
        if asked.path is None or (asked.text and self.modalities == ("text",)):
            no = Unavailable("there is no recording" if asked.path is None else "the model takes words alone")
            yield Piece(replace(told, text=asked.text, text_source="given"), no, no)
            return
        if asked.path.is_file():
            asked.path.open("rb").close()  # libsndfile says "system error" where there is no permission
        longest = self.data.max_seconds
        damage: list[audio.Unreadable] = []
        blocks = _until(audio.blocks(asked.path), damage)
        limit = min(longest, longest if self.settings.cut_above is None else self.settings.cut_above)
        head, rest = segmentation.begin(blocks, limit)
        if not len(head):
            yield from self._unheard(asked, told, damage[0])
            return
        found = 0
        if asked.cues:
            for stretch in segmentation.at_times(chain([head], rest), asked.cues, longest):
                yield self._piece(asked, told, stretch)
                found += 1
        elif len(head) <= limit * audio.RATE_HZ and not damage:
            yield self._whole(asked, told, head)
            return
        else:
            scores = voice.begin(voice.resolve(self.settings.voice))
            warned = ("its text is of the whole recording: give .srt or .vtt to use it",) if asked.text else ()
            told = replace(told, warnings=warned)
            for stretch in segmentation.at_pauses(chain([head], rest), scores, min(longest, segmentation.MOST_SECONDS)):
                yield self._piece(asked, told, stretch)
                found += 1
        if damage:
            raise damage[0]
        if not found:
            yield _failed(told, "no speech found in it")

    def _whole(self, asked: Asked, told: Answer, samples: np.ndarray) -> Piece:
        detector, sound = voice.resolve(self.settings.voice), samples
        if len(samples) < self.data.min_seconds * audio.RATE_HZ:
            sound = Unavailable(
                f"too short: {len(samples)} samples at 16 kHz, and {self.data.min_seconds:g} s is the least"
            )
        elif "audio" in self.modalities and not voice.somebody(samples, detector):
            sound = Unavailable(f"no speech found in it ({detector})")
        known = replace(told, text=asked.text, text_source="given" if asked.text else None)
        return Piece(known, sound, (asked.path, None, None))

    def _piece(self, asked: Asked, told: Answer, stretch: segmentation.Stretch) -> Piece:
        source, longest = "given" if stretch.text else None, self.data.max_seconds
        cropped = stretch.end - stretch.start > longest and len(stretch.samples) == round(longest * audio.RATE_HZ)
        warned = (f"only its first {longest:g} s are heard",) if cropped else ()
        known = replace(told, start=stretch.start, end=stretch.end, text=stretch.text, text_source=source,
                        warnings=(*told.warnings, *warned))  # fmt: skip
        none = Unavailable("its times lie behind the end of the sound")
        return Piece(known, stretch.samples if len(stretch.samples) else none, (asked.path, *stretch[:2]))

    def _unheard(self, asked: Asked, told: Answer, error: audio.Unreadable) -> Iterator[Piece]:
        """What is left of a file without sound: its pictures in even stretches, or words that were given."""
        filmed = "video" in self.modalities and video.has_video(asked.path)
        if not filmed and not ("text" in self.modalities and (asked.text or asked.cues)):
            raise error
        sound, longest = Unavailable(error.reason), self.data.max_seconds
        if asked.cues:
            for cue in asked.cues:
                known = replace(told, start=cue.start, end=cue.end, text=cue.text, text_source="given")
                yield Piece(known, sound, (asked.path, cue.start, cue.end))
            return
        seconds = (video.seconds(asked.path) or 0.0) if filmed else 0.0
        if seconds <= longest:
            known = replace(told, text=asked.text, text_source="given" if asked.text else None)
            yield Piece(known, sound, (asked.path, None, None))
            return
        for start in np.arange(0.0, seconds, longest):
            cue = Cue(float(start), float(min(start + longest, seconds)), "")
            known = replace(told, start=cue.start, end=cue.end)
            yield Piece(known, sound, (asked.path, cue.start, cue.end))


def _until(blocks: Iterator[np.ndarray], damage: list[audio.Unreadable]) -> Iterator[np.ndarray]:
    """Yield blocks up to where a recording is damaged; why it is goes into the list."""
    try:
        yield from blocks
    except audio.Unreadable as error:
        damage.append(error)


def _failed(told: Answer, error: str) -> Piece:
    none = Unavailable(error)
    return Piece(replace(told, error=error), none, none)
