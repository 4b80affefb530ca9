"""A model that answers about files: from pieces of recordings to vectors, and to what the model says of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from mer import files
from mer.features import Features, Where
from mer.features.extractor import Absent, Compute
from mer.media import audio, recordings, video
from mer.params import schema
from mer.params.features import Input
from mer.predict.inputs import input_checks, voice_activity
from mer.predict.inputs.recogniser import Recognise
from mer.predict.inputs.requests import Asked, collect
from mer.predict.inputs.segments import Piece, Reader, Settings
from mer.predict.inputs.text_input import read_as
from mer.predict.outputs.prediction import Answer, entropy, margin
from mer.training.checkpoints import checkpoint, extraction
from mer.training.checkpoints.checkpoint import CheckpointError

TOGETHER = 64
"""stretches answered at once"""
TOGETHER_SECONDS = 120
"""of sound in them: what is held does not grow with a recording, nor with the number of recordings"""


@dataclass
class Predictor:
    """A trained model with the extractors of its inputs.

    Attributes:
        card: what the model says of itself.
        notes: what holds for all answers, such as that an older model does not know where its inputs lay.
    """

    model: object
    card: dict
    section: dict[str, Input]
    data: schema.Data
    compute: dict[str, Compute]
    settings: Settings
    recognise: Recognise | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        unknown = ", ".join(m for m in self.card["modalities"] if m not in self.card.get("usual", {}))
        return (f"the model does not know what its {unknown} was like: none is called unlike it",) if unknown else ()

    def __call__(self, path: str | Path, text: str | None = None) -> list[Answer]:
        """Return the answer about a recording; of a long one, or one with subtitles, an answer per stretch.

        What cannot be answered is an `Answer` with its `error`: nothing is raised for a file, whatever it is.

        Args:
            text: what is said in it; without, a file of words beside it is read (.srt, .vtt, .txt).
        """
        return list(self.answers(collect([Path(path)], text=text)))

    def answers(self, asked: Iterable[Asked]) -> Iterator[Answer]:
        """Yield the answers about recordings as they are known, in their order."""
        waiting: list[Piece] = []
        for piece in chain.from_iterable(map(self._reader.pieces, asked)):
            waiting.append(piece)
            if len(waiting) >= TOGETHER or sum(piece.size for piece in waiting) >= TOGETHER_SECONDS * audio.RATE_HZ:
                yield from self._answered(waiting)
                waiting = []
        yield from self._answered(waiting)

    @property
    def _reader(self) -> Reader:
        context = max((one.context for one in self.section.values() if one.modality == "text"), default=0)
        return Reader(tuple(self.card["modalities"]), self.data, self.settings, context, self.recognise)

    def _answered(self, pieces: Sequence[Piece]) -> list[Answer]:
        good = [piece for piece in pieces if piece.known.error is None]
        features, reasons = self._features(good)
        done = iter(self._asked(good, features, reasons))
        return [piece.known if piece.known.error else next(done) for piece in pieces]

    def _features(self, pieces: Sequence[Piece]) -> tuple[Features, list[dict[str, str]]]:
        """Return the vectors of pieces, and for each modality -> why there is none."""
        arrays, present, reasons = {}, {}, [{} for _ in pieces]
        for modality, compute in self.compute.items():
            given = [self._input(modality, piece) for piece in pieces]
            there = [n for n, one in enumerate(given) if not isinstance(one, Absent)]
            done = dict(zip(there, compute([given[n] for n in there]) if there else [], strict=True))
            found = [done.get(n, one) for n, one in enumerate(given)]
            width = self.card["widths"][modality]
            arrays[modality] = np.zeros((len(pieces), width), np.float32)
            present[modality] = np.zeros(len(pieces), bool)
            for n, vector in enumerate(found):
                if isinstance(vector, Absent):
                    reasons[n][modality] = vector.reason
                elif not np.isfinite(vector).all():
                    reasons[n][modality] = "its vector holds values that are not finite numbers"
                else:
                    arrays[modality][n], present[modality][n] = vector, True
        extractors = {m: self.card["features"][m]["extractor"] for m in self.compute}
        return Features(arrays, present, extractors, self.card["layers"]), reasons

    def _input(self, modality: str, piece: Piece) -> object:
        if modality == "audio":
            return piece.samples if isinstance(piece.samples, Absent) else _as_stored(piece.samples, self.data)
        if modality == "text":
            return read_as(piece.known.text, piece.turns, self.section[modality])
        if isinstance(piece.clip, Absent) or not video.has_video(piece.clip[0]):
            return Absent("no pictures in it")
        from mer.features import video as visual

        return visual.VideoSegment(*piece.clip, self.data.max_seconds)

    def _asked(self, pieces: Sequence[Piece], features: Features, reasons: list[dict[str, str]]) -> list[Answer]:
        """Return the answers, of all modalities and of each alone; an error where there is nothing to answer from."""
        modalities = tuple(self.compute)
        whole = self._predicted(features, np.all if self._takes_all else np.any)
        alone = {}
        for m in () if self._takes_all and len(modalities) > 1 else modalities:
            only = {other: kept & (other == m) for other, kept in features.present.items()}
            alone[m] = self._predicted(replace(features, present=only), np.any)
        unlike = {m: input_checks.of_vectors(self.card, m, features.arrays[m]) for m in modalities}
        answers = []
        for row, piece in enumerate(pieces):
            known = replace(piece.known, missing=reasons[row])
            if row not in whole:
                why = "; ".join(f"{m}: {reason}" for m, reason in reasons[row].items())
                answers.append(replace(known, error=why))
                continue
            used = tuple(m for m in modalities if features.present[m][row])
            each = {m: self._named(alone[m][row]) for m in used if m in alone}
            found = [*known.warnings, *(input_checks.of_sound(piece.samples) if "audio" in used else ())]
            found += [unlike[m][row] for m in used if unlike[m][row]]
            known = replace(known, used=used, each=each, warnings=tuple(found))
            answers.append(self._answer(known, whole[row]))
        return answers

    @property
    def _takes_all(self) -> bool:
        """Whether the model answers only where no modality is missing."""
        return self.card["training"]["missing"] == "none" and schema.System(model=self.card["model"]).is_network

    def _predicted(self, features: Features, enough: Callable[..., np.ndarray]) -> dict[int, np.ndarray]:
        """Return row -> probabilities, of rows with all modalities or with any of them."""
        rows = np.flatnonzero(enough(list(features.present.values()), axis=0))
        return dict(zip(rows.tolist(), self.model.predict(features, rows), strict=True)) if len(rows) else {}

    def _answer(self, known: Answer, p: np.ndarray) -> Answer:
        label = self.card["classes"][int(p.argmax())] if p.max() >= self.settings.abstain else None
        return replace(known, label=label, probabilities=self._named(p), entropy=entropy(p), margin=margin(p))

    def _named(self, p: np.ndarray) -> dict[str, float]:
        return {name: float(value) for name, value in zip(self.card["classes"], p, strict=True)}


def load(folder: str | Path, *, settings: Settings | None = None, device: str = "cpu", jobs: int = 1,
         networks: Mapping[str, str] | None = None, recognise: Recognise | None = None) -> Predictor:  # fmt: skip
    """Return the model of a folder, ready to be asked: `load(folder)(path)`.

    Args:
        jobs: threads of extraction; changes no answer.
        networks: modality -> where its pretrained network lies here, if elsewhere than in training.

    Raises:
        CheckpointError: the folder holds no model, one whose inputs are extracted in another way now, or one that
            scales every speaker by itself.
        ImportError, FileNotFoundError: a package or a pretrained network that it needs is missing.
    """
    folder, settings = Path(folder), settings or Settings()
    voice_activity.resolve(settings.voice)
    model, card = checkpoint.load(folder, device)
    if (way := card["training"].get("normalisation", "training")) != "training":
        raise CheckpointError(
            f"{files.to_root(folder)}: it was trained with training.normalisation: {way}, which scales every {way} by "
            f"itself; a recording alone does not say how. Train one without it, or ask this one about a study: "
            f"python -m mer.evaluation {files.to_root(folder)} --on RUN"
        )
    section, data = extraction.extraction_parameters(card, networks or {}, folder)
    compute = extraction.open_extractors(card, section, data, Where(device, jobs), folder)
    for modality, width in card["widths"].items():
        input_checks.of_vectors(card, modality, np.zeros((1, width)))
    return Predictor(model, card, section, data, compute, settings, recognise)


def _as_stored(samples: np.ndarray, data: schema.Data) -> np.ndarray:
    """The samples as extractors get them in a study: of a least and a greatest length, by way of 16 bits."""
    samples = samples[: round(data.max_seconds * audio.RATE_HZ)]
    samples = np.pad(samples, (0, max(0, round(data.min_seconds * audio.RATE_HZ) - len(samples))))
    coded = recordings.encode(samples)
    return np.multiply(coded.samples, coded.scale, dtype=np.float32, casting="unsafe")
