"""A model that answers about files: from a recording to its stretches, their vectors, and what the model says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from mer.features import Features, Where
from mer.features.extractor import Absent, Compute
from mer.media import audio, decoded, video
from mer.params import schema
from mer.predict import inputs, timeline, voice
from mer.predict.answer import Answer, entropy, margin
from mer.predict.asked import Asked, collect
from mer.predict.recognise import Recognise
from mer.predict.subtitles import Cue
from mer.predict.words import read_as
from mer.training import checkpoint
from mer.training.portable import distances

TOGETHER = 64
"""stretches answered at once"""
TOGETHER_SECONDS = 120
"""of sound in them: what is held does not grow with a recording, nor with the number of recordings"""
FAR = "0.99"
"""of the training rows' distances: what lies further is said to be unlike them"""


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
class _Piece:
    """A stretch that waits for its answer: what of it is known, and its samples."""

    known: Answer
    samples: np.ndarray | Absent
    clip: tuple[Path, float | None, float | None] | Absent
    turns: tuple[str, ...] = ()
    """what was said before in the same recording"""


@dataclass
class Predictor:
    """A trained model with the extractors of its inputs.

    Attributes:
        card: what the model says of itself.
        notes: what holds for all answers, such as that an older model knows no distances.
    """

    model: object
    card: dict
    section: schema.Features
    data: schema.Data
    compute: dict[str, Compute]
    settings: Settings
    recognise: Recognise | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        known = "distances" in self.card
        return () if known else ("the model does not know how far its training data lay: nothing is called unlike it",)

    def __call__(self, path: str | Path, text: str | None = None) -> list[Answer]:
        """Return the answer about a recording; of a long one, or one with subtitles, an answer per stretch.

        What cannot be answered is an `Answer` with its `error`: nothing is raised for a file, whatever it is.

        Args:
            text: what is said in it; without, a file of words beside it is read (.srt, .vtt, .txt).
        """
        return list(self.answers(collect([Path(path)], text=text)))

    def answers(self, asked: Iterable[Asked]) -> Iterator[Answer]:
        """Yield the answers about recordings as they are known, in their order."""
        waiting: list[_Piece] = []
        for piece in chain.from_iterable(map(self._pieces, asked)):
            waiting.append(piece)
            if len(waiting) >= TOGETHER or sum(map(_size, waiting)) >= TOGETHER_SECONDS * audio.RATE_HZ:
                yield from self._answered(waiting)
                waiting = []
        yield from self._answered(waiting)

    def _pieces(self, asked: Asked) -> Iterator[_Piece]:
        told, turns = Answer("" if asked.path is None else str(asked.path)), []
        if asked.error:
            yield _failed(told, asked.error)
            return
        try:
            for piece in self._stretches(asked, told):
                if piece.known.text is None and self.recognise and not isinstance(piece.samples, Absent):
                    heard, source = self.recognise(piece.samples)
                    piece = replace(piece, known=replace(piece.known, text=heard, text_source=source))
                yield replace(piece, turns=tuple(turns))
                context = self.section.linguistic.context
                turns = [*turns, piece.known.text][-context:] if context and piece.known.text else turns
        except (audio.Unreadable, video.Unreadable) as error:
            yield _failed(told, error.reason)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            yield _failed(told, "it is not there" if missing else f"cannot be read ({error.strerror or error})")

    def _stretches(self, asked: Asked, told: Answer) -> Iterator[_Piece]:
        """Yield the pieces of a recording; a recording that is damaged further on is answered up to there."""
        if asked.path is None:
            no = Absent("there is no recording")
            yield _Piece(replace(told, text=asked.text, text_source="given"), no, no)
            return
        longest = self.data.max_seconds
        damage: list[audio.Unreadable] = []
        blocks = _until(audio.blocks(asked.path), damage)
        limit = min(longest, longest if self.settings.cut_above is None else self.settings.cut_above)
        head, rest = timeline.begin(blocks, limit)
        if not len(head):
            yield from self._unheard(asked, told, damage[0])
            return
        found = 0
        if asked.cues:
            for stretch in timeline.at_times(chain([head], rest), asked.cues, longest):
                yield self._piece(asked, told, stretch)
                found += 1
        elif len(head) <= limit * audio.RATE_HZ and not damage:
            yield self._whole(asked, told, head)
            return
        else:
            scores = voice.begin(voice.resolve(self.settings.voice))
            warned = ("its text is of the whole recording: give .srt or .vtt to use it",) if asked.text else ()
            told = replace(told, warnings=warned)
            for stretch in timeline.at_pauses(chain([head], rest), scores, min(longest, timeline.MOST_SECONDS)):
                yield self._piece(asked, told, stretch)
                found += 1
        if damage:
            raise damage[0]
        if not found:
            yield _failed(told, "no speech found in it")

    def _whole(self, asked: Asked, told: Answer, samples: np.ndarray) -> _Piece:
        detector, sound = voice.resolve(self.settings.voice), samples
        if len(samples) < self.data.min_seconds * audio.RATE_HZ:
            sound = Absent(f"too short: {len(samples)} samples at 16 kHz, and {self.data.min_seconds:g} s is the least")
        elif "audio" in self.card["modalities"] and not voice.somebody(samples, voice.begin(detector)):
            sound = Absent(f"no speech found in it ({detector})")
        known = replace(told, text=asked.text, text_source="given" if asked.text else None)
        return _Piece(known, sound, (asked.path, None, None))

    def _piece(self, asked: Asked, told: Answer, stretch: timeline.Stretch) -> _Piece:
        source = "given" if stretch.text else None
        known = replace(told, start=stretch.start, end=stretch.end, text=stretch.text, text_source=source)
        none = Absent("its times lie behind the end of the sound")
        return _Piece(known, stretch.samples if len(stretch.samples) else none, (asked.path, *stretch[:2]))

    def _unheard(self, asked: Asked, told: Answer, error: audio.Unreadable) -> Iterator[_Piece]:
        """What is left of a file without sound: its pictures in even stretches, or words that were given."""
        filmed = "video" in self.card["modalities"] and video.holds_pictures(asked.path)
        if not filmed and not ("text" in self.card["modalities"] and (asked.text or asked.cues)):
            raise error
        sound, longest = Absent(error.reason), self.data.max_seconds
        if asked.cues:
            for cue in asked.cues:
                known = replace(told, start=cue.start, end=cue.end, text=cue.text, text_source="given")
                yield _Piece(known, sound, (asked.path, cue.start, cue.end))
            return
        seconds = (video.seconds(asked.path) or 0.0) if filmed else 0.0
        if seconds <= longest:
            known = replace(told, text=asked.text, text_source="given" if asked.text else None)
            yield _Piece(known, sound, (asked.path, None, None))
            return
        for start in np.arange(0.0, seconds, longest):
            cue = Cue(float(start), float(min(start + longest, seconds)), "")
            known = replace(told, start=cue.start, end=cue.end)
            yield _Piece(known, sound, (asked.path, cue.start, cue.end))

    def _answered(self, pieces: Sequence[_Piece]) -> list[Answer]:
        good = [piece for piece in pieces if piece.known.error is None]
        features, reasons = self._features(good)
        done = iter(self._asked(good, features, reasons))
        return [piece.known if piece.known.error else next(done) for piece in pieces]

    def _features(self, pieces: Sequence[_Piece]) -> tuple[Features, list[dict[str, str]]]:
        """Return the vectors of pieces, and for each modality -> why there is none."""
        arrays, present, reasons = {}, {}, [{} for _ in pieces]
        for modality, compute in self.compute.items():
            given = [self._input(modality, piece) for piece in pieces]
            there = [n for n, one in enumerate(given) if not isinstance(one, Absent)]
            done = dict(zip(there, compute([given[n] for n in there]) if there else [], strict=True))
            found = [done.get(n, one) for n, one in enumerate(given)]
            width = self.card["widths"][modality]
            arrays[modality], present[modality] = (
                np.zeros((len(pieces), width), np.float32),
                np.zeros(len(pieces), bool),
            )
            for n, vector in enumerate(found):
                if isinstance(vector, Absent):
                    reasons[n][modality] = vector.reason
                elif not np.isfinite(vector).all():
                    reasons[n][modality] = "its vector holds values that are not finite numbers"
                else:
                    arrays[modality][n], present[modality][n] = vector, True
        extractors = {m: self.card["features"][m]["extractor"] for m in self.compute}
        return Features(arrays, present, extractors, self.card["layers"]), reasons

    def _input(self, modality: str, piece: _Piece) -> object:
        if modality == "audio":
            return piece.samples if isinstance(piece.samples, Absent) else _as_stored(piece.samples, self.data)
        if modality == "text":
            return read_as(piece.known.text, piece.turns, self.section.linguistic)
        if isinstance(piece.clip, Absent) or not video.holds_pictures(piece.clip[0]):
            return Absent("no pictures in it")
        from mer.features import visual

        return visual.Clip(*piece.clip, self.data.max_seconds)

    def _asked(self, pieces: Sequence[_Piece], features: Features, reasons: list[dict[str, str]]) -> list[Answer]:
        modalities = tuple(self.compute)
        there = np.flatnonzero(features.available(modalities)) if len(pieces) else np.zeros(0, int)
        needed = self.card["training"]["missing"] == "none" and schema.System(model=self.card["model"]).is_network
        whole = [n for n in there if not needed or all(features.present[m][n] for m in modalities)]
        together = self._predict(features, np.array(whole, int))
        alone = {}
        for m in modalities if not needed else ():
            rows = np.flatnonzero(features.present[m])
            only = {other: kept & (other == m) for other, kept in features.present.items()}
            alone[m] = dict(zip(rows, self._predict(replace(features, present=only), rows), strict=True))
        far = distances(self.model.standardiser, features, np.arange(len(pieces))) if len(pieces) else {}
        answers = []
        by_row = dict(zip(whole, together, strict=True))
        for n, piece in enumerate(pieces):
            known = replace(piece.known, missing=reasons[n])
            if n not in by_row:
                why = "; ".join(f"{m}: {reason}" for m, reason in reasons[n].items())
                only = f"the model takes {' and '.join(modalities)} together, and one is missing: " if needed else ""
                answers.append(replace(known, error=only + why))
                continue
            used = tuple(m for m in modalities if features.present[m][n])
            each = {m: self._named(alone[m][n]) for m in used if m in alone}
            unlike = tuple(w for m in used if (w := self._unlike(m, float(far[m][n]))))
            answers.append(self._answer(replace(known, used=used, each=each), by_row[n], unlike))
        return answers

    def _answer(self, known: Answer, p: np.ndarray, unlike: tuple[str, ...]) -> Answer:
        label = self.card["classes"][int(p.argmax())] if p.max() >= self.settings.abstain else None
        return replace(known, label=label, probabilities=self._named(p), entropy=entropy(p), margin=margin(p),
                       warnings=(*known.warnings, *unlike))  # fmt: skip

    def _predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        return self.model.predict(features, rows) if len(rows) else np.zeros((0, len(self.card["classes"])))

    def _named(self, p: np.ndarray) -> dict[str, float]:
        return {name: float(value) for name, value in zip(self.card["classes"], p, strict=True)}

    def _unlike(self, modality: str, distance: float) -> str:
        limit = self.card.get("distances", {}).get(modality, {}).get(FAR)
        if limit is None or distance <= limit:
            return ""
        return f"{modality} is unlike the training data: {distance / limit:.1f} times as far as 99 % of it"


def load(folder: str | Path, *, settings: Settings = Settings(), device: str = "cpu", jobs: int = 1,
         networks: Mapping[str, str] | None = None, recognise: Recognise | None = None) -> Predictor:  # fmt: skip
    """Return the model of a folder, ready to be asked: `load(folder)(path)`.

    Args:
        jobs: threads of extraction; changes no answer.
        networks: modality -> where its pretrained network lies here, if elsewhere than in training.

    Raises:
        Unusable: the folder holds no model, or one whose inputs are not made in this way any more.
        ImportError, FileNotFoundError: a package or a pretrained network that it needs is missing.
    """
    folder = Path(folder)
    voice.resolve(settings.voice)
    model, card = checkpoint.load(folder, device)
    section, data = inputs.sections(card, networks or {}, folder)
    compute = inputs.open_all(card, section, data, Where(device, jobs), folder)
    return Predictor(model, card, section, data, compute, settings, recognise)


def _until(blocks: Iterator[np.ndarray], damage: list[audio.Unreadable]) -> Iterator[np.ndarray]:
    """Yield blocks up to where a recording is damaged; why it is goes into the list."""
    try:
        yield from blocks
    except audio.Unreadable as error:
        damage.append(error)


def _as_stored(samples: np.ndarray, data: schema.Data) -> np.ndarray:
    """The samples as extractors get them in a study: of a least and a greatest length, by way of 16 bits."""
    samples = samples[: round(data.max_seconds * audio.RATE_HZ)]
    samples = np.pad(samples, (0, max(0, round(data.min_seconds * audio.RATE_HZ) - len(samples))))
    coded = decoded.encode(samples)
    return np.multiply(coded.samples, coded.scale, dtype=np.float32, casting="unsafe")


def _size(piece: _Piece) -> int:
    return 0 if isinstance(piece.samples, Absent) else len(piece.samples)


def _failed(told: Answer, error: str) -> _Piece:
    none = Absent(error)
    return _Piece(replace(told, error=error), none, none)
