"""A model that predicts for files: it reads segments of recordings, extracts their features and predicts classes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from mer.features import Features, Resources
from mer.features.extractor import Unavailable
from mer.media import audio
from mer.params import schema
from mer.predict import adaptation
from mer.predict.adaptation import ScaledSegments
from mer.predict.inputs import input_checks, voice_activity
from mer.predict.inputs.recogniser import Recogniser
from mer.predict.inputs.requests import Request, collect_requests
from mer.predict.inputs.segment_batch import SegmentBatch, merged
from mer.predict.inputs.segment_features import InputExtractor, context
from mer.predict.inputs.segment_texts import SegmentTexts
from mer.predict.inputs.segments import PendingSegment, PredictionSettings, SegmentReader
from mer.predict.outputs.prediction import Prediction, entropy, margin
from mer.training.checkpoints import checkpoint, lineage
from mer.training.checkpoints.card import Card
from mer.training.checkpoints.folder import Checkpoint
from mer.training.checkpoints.inputs import extraction
from mer.training.model import TrainedModel

BATCH_SEGMENTS = 64
"""The largest number of segments that are predicted together."""
BATCH_SECONDS = 120
"""The duration of audio from which segments are predicted together, in seconds. It bounds the memory."""


@dataclass
class Predictor:
    """A trained model with the extractors of its inputs.

    Attributes:
        model: the trained model.
        checkpoint: the folder of the model, with its card.
        extractors: input -> its extractor, in the model's order.
        data: the shortest and the longest utterance that the model accepts.
        settings: how recordings are segmented and predicted.
        recognise: the recogniser of recordings without text; None for none.
    """

    model: TrainedModel
    checkpoint: Checkpoint
    extractors: dict[str, InputExtractor]
    data: schema.Data
    settings: PredictionSettings
    recognise: Recogniser | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """The inputs of the model with their modalities, in the model's order."""
        return {name: extractor.section.modality for name, extractor in self.extractors.items()}

    @property
    def card(self) -> Card:
        """The model's card."""
        return self.checkpoint.card

    @cached_property  # it reads the tensors again
    def notes(self) -> tuple[str, ...]:
        """Sentences that hold for all predictions."""
        notes = []
        if unknown := ", ".join(name for name in self.inputs if name not in self.card.value_ranges):
            notes.append(f"the model has no value ranges of {unknown}, so there are no warnings of unusual features")
        if lineage.status(self.checkpoint) == lineage.ALTERED:
            notes.append("the card or the tensors were edited, so what the model says about its training may be wrong")
        received = [name for name, extractor in self.extractors.items() if extractor.compute is not None]
        notes += self.checkpoint.member_notes(received)
        notes += adaptation.notes(self.checkpoint, self.settings.adapt)
        if self.recognise and self.recognise.note:
            notes.append(self.recognise.note)
        return tuple(notes)

    def __call__(self, path: str | Path, text: str | None = None) -> list[Prediction]:
        """Return the prediction for a recording; for a long one, or one with subtitles, a prediction per segment.

        A file that cannot be predicted gives a `Prediction` with an `error`; no exception is raised for a file.

        Args:
            path: the recording.
            text: its text; without it, a text file beside the recording is read (.srt, .vtt, .txt).
        """
        return list(self.predict(collect_requests([Path(path)], text=text)))

    def predict(self, requests: Iterable[Request]) -> Iterator[Prediction]:
        """Yield the predictions for recordings, in their order, as soon as those of a batch are computed.

        With `settings.adapt` no prediction is yielded before all recordings have been read.
        """
        return (prediction for _, prediction in self.predict_numbered(requests))

    def predict_numbered(self, requests: Iterable[Request]) -> Iterator[tuple[int, Prediction]]:
        """Yield the predictions of `predict`, each with the number of its request from 0."""
        batches, number = self._batches(requests), -1
        if self.settings.adapt is not None:
            read = list(batches)
            batches = [merged(read)] if read else []
        for batch in batches:
            for is_first, prediction in zip(batch.is_first, self._predict_batch(batch), strict=True):
                number += is_first
                yield number, prediction

    def _batches(self, requests: Iterable[Request]) -> Iterator[SegmentBatch]:
        modalities = tuple(dict.fromkeys(self.inputs.values()))
        reader = SegmentReader(modalities, self.data, self.settings)
        texts = SegmentTexts(context(self.extractors), self.recognise)
        batch: list[PendingSegment] = []
        for segment in chain.from_iterable(map(reader.segments, requests)):
            batch.append(segment)
            if len(batch) >= BATCH_SEGMENTS or sum(s.size for s in batch) >= BATCH_SECONDS * audio.RATE_HZ:
                yield self._extracted(texts.complete(batch))
                batch = []
        if batch:
            yield self._extracted(texts.complete(batch))

    def _extracted(self, segments: Sequence[PendingSegment]) -> SegmentBatch:
        valid = [number for number, segment in enumerate(segments) if segment.prediction.error is None]
        own = [segments[number] for number in valid]
        features, missing = self._features(own)
        warnings = [() if isinstance(s.samples, Unavailable) else input_checks.audio_warnings(s.samples) for s in own]
        return SegmentBatch([s.prediction for s in segments], [s.is_first for s in segments], valid, features, missing,
                            warnings, [s.speaker for s in own])  # fmt: skip

    def _features(self, segments: Sequence[PendingSegment]) -> tuple[Features, list[dict[str, str]]]:
        """Return the features of segments, and for each segment input -> the reason why it is missing."""
        arrays, present, reasons = {}, {}, [{} for _ in segments]
        for name, extractor in self.extractors.items():
            arrays[name], present[name], missing = extractor.vectors(segments, self.data)
            for n, reason in missing.items():
                reasons[n][name] = reason
        names = {name: self.card.features[name]["extractor"] for name in self.extractors}
        return Features(arrays, present, names, self.card.layers, self.inputs, self.card.frames), reasons

    def _predict_batch(self, batch: SegmentBatch) -> list[Prediction]:
        """Return the predictions from all inputs, and from each input and modality alone, or errors."""
        predictions = list(batch.predictions)
        scaled = adaptation.scale(self.model, self.checkpoint, batch.features, batch.speakers, self.settings.adapt)
        probabilities, used_inputs = self._probabilities(scaled), self.checkpoint.used_inputs(batch.features.present)
        per_input, per_modality = self._alone(scaled)
        unusual = {name: self._feature_warnings(scaled, name) for name in self.inputs}
        for row, number in enumerate(batch.valid):
            prediction = replace(predictions[number], missing=batch.missing[row])
            if row not in probabilities:
                error = "; ".join(f"{name}: {reason}" for name, reason in batch.missing[row].items())
                predictions[number] = replace(prediction, error=error)
                continue
            used = tuple(name for name in self.inputs if used_inputs[name][row])
            modalities = tuple(dict.fromkeys(self.inputs[name] for name in used))
            of_audio = batch.audio_warnings[row] if "audio" in modalities else ()
            further = (scaled.warnings[row], *(unusual[name][row] for name in used))
            prediction = replace(
                prediction, inputs=used, modalities=modalities, scaled_by=scaled.scaled_by[row],
                per_input={name: self._by_class(per_input[name][row]) for name in used if row in per_input[name]},
                per_modality={m: self._by_class(per_modality[m][row]) for m in modalities if row in per_modality[m]},
                warnings=(*prediction.warnings, *of_audio, *filter(None, further)),
            )  # fmt: skip
            predictions[number] = self._prediction(prediction, probabilities[row])
        return predictions

    def _feature_warnings(self, scaled: ScaledSegments, name: str) -> Sequence[str]:
        """Return how each segment's input differs from the training rows, as the first model that reads it has them."""
        number = next(n for n, model in enumerate(self.checkpoint.models) if name in model.card.inputs)
        card = self.checkpoint.models[number].card
        return input_checks.feature_warnings(card, name, scaled.features[number].arrays[name])

    def _alone(self, scaled: ScaledSegments) -> tuple[dict[str, dict], dict[str, dict]]:
        """Return input -> row -> probabilities from this input alone, and the same for modalities.

        A model has no predictions from inputs that do not suffice for it.
        """
        per_input = {name: self._restricted(scaled, {name}) for name in self.inputs}
        per_modality = {}
        for modality in dict.fromkeys(self.inputs.values()):
            names = {name for name, of in self.inputs.items() if of == modality}
            per_modality[modality] = per_input[min(names)] if len(names) == 1 else self._restricted(scaled, names)
        return per_input, per_modality

    def _restricted(self, scaled: ScaledSegments, names: set[str]) -> dict[int, np.ndarray]:
        present = {name: rows & (name in names) for name, rows in scaled.features[0].present.items()}
        return self._probabilities(
            replace(scaled, features=tuple(replace(own, present=present) for own in scaled.features))
        )

    def _probabilities(self, scaled: ScaledSegments) -> dict[int, np.ndarray]:
        """Return row -> probabilities, for rows with enough inputs."""
        rows = np.flatnonzero(self.checkpoint.predictable(scaled.features[0].present))
        if not len(rows):
            return {}
        predicted = checkpoint.predict_normalised(self.model, self.checkpoint, scaled.features, rows, scaled.targets)
        return dict(zip(rows.tolist(), predicted, strict=True))

    def _prediction(self, prediction: Prediction, p: np.ndarray) -> Prediction:
        label = self.card.classes[int(p.argmax())] if p.max() >= self.settings.abstain else None
        return replace(prediction, label=label, probabilities=self._by_class(p), entropy=entropy(p), margin=margin(p))

    def _by_class(self, p: np.ndarray) -> dict[str, float]:
        return {name: float(value) for name, value in zip(self.card.classes, p, strict=True)}


def load(folder: str | Path, *, settings: PredictionSettings | None = None, device: str = "cpu", jobs: int = 1,
         networks: Mapping[str, str] | None = None, recognise: Recogniser | None = None) -> Predictor:  # fmt: skip
    """Return the model of a folder, ready to predict: `load(folder)(path)`.

    Args:
        folder: a checkpoint.
        settings: how recordings are segmented and predicted.
        device: the device of networks: cpu, cuda or mps.
        jobs: the number of threads of extraction; it changes no prediction.
        networks: input -> the folder or file of its pretrained network on this machine, if it differs from training.
        recognise: the recogniser of recordings without text.

    Raises:
        CheckpointError: the folder holds no model, its extraction has changed since training, it cannot predict from
            the inputs that the settings name, or it has nothing to adapt although the settings say so.
        ImportError, FileNotFoundError: a package or a pretrained network is missing.
    """
    settings = settings or PredictionSettings()
    voice_activity.resolve(settings.voice)
    model, stored = checkpoint.load(Path(folder), device)
    adaptation.check(stored, settings.adapt)
    used, card = stored.select_inputs(settings.inputs), stored.card
    sections, data = extraction.extraction_parameters(stored, networks or {})
    compute = extraction.open_extractors(stored, used, sections, data, Resources(device, jobs))
    widths = {name: card.widths[name] for name in card.inputs}
    for name, width in widths.items():
        input_checks.feature_warnings(card, name, np.zeros((1, width)))
    extractors = {name: InputExtractor(sections[name], compute.get(name), width) for name, width in widths.items()}
    return Predictor(model, stored, extractors, data, settings, recognise)
