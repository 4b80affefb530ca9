"""Robustness of finished models: their test recordings are altered, extracted and predicted again.

Every strength of every alteration is compared with the unaltered recordings, on the same utterances and speakers. The
altered recordings and their vectors are stored by content. Text and video inputs stay as they are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer import files
from mer.evaluation.comparison import comparison
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.protocols.jobs import StudyTask
from mer.evaluation.scores import flags, scores
from mer.features import Features, Resources, Store, audio, augmented, encoder_items
from mer.features.audio.recordings import keys as recording_keys
from mer.media import recordings as decoded
from mer.media.augmentation import Recipe
from mer.params.features import Input
from mer.training.checkpoints import checkpoint
from mer.training.job import Job, JobResult
from mer.training.task import Task

POOLED = "all test speakers"
"""The value of `test_corpus` in rows of all test recordings together, whose intervals are over all test speakers."""
UNALTERED = "unaltered"
"""The name, in comparisons, of the recordings as they are."""
COLUMNS = ["system", "answers", "alteration", "strength", "test_corpus", "metric", "value", "unaltered", "difference",
           "low", "high", "p_holm", "verdict", "n", "speakers", "clusters", "n_clusters", *flags.FLAGS]  # fmt: skip
"""The columns of `measure`. `low` and `high` are the interval of the difference."""


@dataclass(frozen=True)
class Strength:
    """One strength of an alteration: its name in tables, and the parameters of the recipe's step."""

    name: str
    parameters: dict[str, Any]


def _codec(name: str, codec: str, kilobits: float) -> Strength:
    return Strength(name, {"codec": codec, "kilobits": kilobits})


STRENGTHS: dict[str, tuple[Strength, ...]] = {
    "noise": tuple(Strength(f"{snr} dB SNR", {"noise": "pink", "snr": float(snr)}) for snr in (30, 20, 10, 5, 0)),
    "reverberation": tuple(
        Strength(f"T60 {t60} s", {"t60": t60, "direct_to_reverberant": 0.0}) for t60 in (0.2, 0.4, 0.8, 1.2)
    ),
    "codec": (
        _codec("Opus 24 kbit/s", "opus", 24), _codec("Opus 12 kbit/s", "opus", 12), _codec("MP3 16 kbit/s", "mp3", 16),
        _codec("mu-law 8 kHz", "mulaw", 0), _codec("AMR 4.75 kbit/s", "amr", 4.75),
    ),
    "speed": tuple(Strength(f"× {factor}", {"factor": factor}) for factor in (0.8, 0.9, 1.1, 1.25)),
    "pitch": tuple(Strength(f"{steps:+d} semitones", {"semitones": float(steps)}) for steps in (-4, -2, 2, 4)),
    "gain": tuple(Strength(f"{gain:+d} dB", {"decibels": float(gain)}) for gain in (-20, -10, 10, 20)),
}  # fmt: skip
"""Alteration -> its strengths. Noise is pink. A higher level may clip the recording. Copy-paste is not among them,
because it adds other speech."""


def measure(study: StudyTask, folders: Mapping[str, Path], kinds: Iterable[str], resources: Resources) -> pd.DataFrame:
    """Return how much altered recordings lower the UAR of a study's models on its test speakers.

    Args:
        study: the study whose models of all corpora are tested, on the test part of each corpus.
        folders: system -> the folder of its checkpoint.
        kinds: keys of `STRENGTHS`.
        resources: device and threads.

    Returns:
        `COLUMNS`: for each system, free and restricted predictions, alteration and strength, a row per test corpus, one
        for the mean over corpora, which is of the chance-corrected UAR, and one for all test speakers together, which
        has an interval although a corpus may have one or two test speakers. `difference` is that to the unaltered
        recordings, with its interval over speakers. P-values are adjusted after Holm over all rows of a system, corpora
        and means apart.
    """
    [cell] = study.plan(("multi_corpus",))
    altering = _Altering.of(study, cell, resources)
    models = {name: checkpoint.load(folder, resources.device) for name, folder in folders.items()}
    parts = [_predicted(study, altering.rows, cell, models, study.task).assign(altered=UNALTERED)]
    names: dict[str, tuple[str, str]] = {}
    for kind in kinds:
        for strength in STRENGTHS[kind]:
            label = f"{kind}: {strength.name}"
            names[label] = (kind, strength.name)
            task = altering.task(kind, strength)
            parts.append(_predicted(study, altering.rows, cell, models, task).assign(altered=label))
    return _compared(study, pd.concat(parts, ignore_index=True), names)


@dataclass(frozen=True)
class _Altering:
    """The test rows of a study and what alters them.

    Attributes:
        rows: numbers of the test rows whose recording can be read.
        keys: the address of each of their recordings.
        clips: all decoded recordings.
    """

    study: StudyTask
    resources: Resources
    rows: np.ndarray
    keys: list[str]
    clips: decoded.Recordings

    @classmethod
    def of(cls, study: StudyTask, cell: Cell, resources: Resources) -> "_Altering":
        data = study.params.data
        raw, store = files.from_root(data.raw), files.from_root(data.store)
        tested = study.manifest.iloc[cell.test]
        clips = audio.decode(tested, raw, store, decoded.spec(data.min_seconds, data.max_seconds), resources.jobs)
        keys = recording_keys(tested)
        readable = [key is not None and error is None for key, error in zip(keys, clips.errors(keys), strict=True)]
        own = [key for key, is_readable in zip(keys, readable, strict=True) if is_readable]
        return cls(study, resources, cell.test[np.array(readable, bool)], own, clips)

    def task(self, kind: str, strength: Strength) -> Task:
        """The task of the study with altered test recordings, for vectors and for encoders that models have trained."""
        recipes = [Recipe(key, ((kind, strength.parameters),), "robustness") for key in self.keys]
        augmented.make(recipes, self.clips, self.resources.jobs)
        features, addresses = self.study.task.features, [recipe.address for recipe in recipes]
        for name, one in self.study.params.features.items():
            if one.modality == "audio":
                features = self._with_input(features, name, one, addresses)
        return replace(self.study.task, features=features)

    def _with_input(self, features: Features, name: str, one: Input, addresses: list[str]) -> Features:
        """The features with the vectors of altered recordings in one input."""
        data = self.study.params.data
        folder = files.from_root(data.store)
        store = Store(folder, audio.spec(one, data))
        augmented.compute_vectors(one, addresses, self.clips, store, self.resources)
        array, present = np.array(features.arrays[name]), np.array(features.present[name])
        array[self.rows], present[self.rows] = store.load(addresses, array.shape[1])
        items = dict(features.items)
        if name in items:
            keys = np.array(items[name].keys, object)
            keys[self.rows] = addresses
            items |= encoder_items.load({name: one}, {name: tuple(keys)}, folder, self.study.specs)
        arrays, presents = {**features.arrays, name: array}, {**features.present, name: present}
        return replace(features, arrays=arrays, present=presents, items=items)


def _predicted(study: StudyTask, rows: np.ndarray, cell: Cell, models: Mapping[str, tuple], task: Task) -> pd.DataFrame:
    """Predictions of all models."""
    results = []
    for name, (model, stored) in models.items():
        own = rows[stored.predictable({n: task.features.present[n][rows] for n in stored.card.inputs})]
        if not len(own):
            continue
        trainings = [one.card.training for one in stored.models]
        training = next((one for one in trainings if one.transductive), trainings[0])
        job = Job(name, cell, stored.card.spec, training, stored.card.seed, cell.train, cell.validation, own)
        predicted = checkpoint.predict(model, stored, task, own)
        results.append(JobResult(job, predicted, predicted[:0]))
    table = scores.predictions(results, study.manifest, study.classes, task.features.present)
    return table.assign(deterministic=True)  # the trained models are compared, not their trainings


def _compared(study: StudyTask, predictions: pd.DataFrame, names: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    """The comparisons of each model with itself on unaltered recordings, by corpus and for all test speakers."""
    order, tables = {label: number for number, label in enumerate(names)}, []
    scoring = replace(study.scoring, clusters={**study.scoring.clusters, POOLED: "speaker_id"})
    for system, of_system in predictions.groupby("system", sort=False):
        by_alteration = of_system.assign(system=of_system["altered"])
        pooled = by_alteration.assign(test_corpus=POOLED, family=POOLED)
        for answers in ("free", "restricted"):
            options = {"protocol": "multi_corpus", "answers": answers}
            both = [comparison.compare(one, scoring, UNALTERED, **options) for one in (by_alteration, pooled)]
            table = pd.concat(both, ignore_index=True)
            table["alteration"], table["strength"] = zip(*table["system"].map(names), strict=True)
            table = table.sort_values("system", key=lambda labels: labels.map(order), kind="stable")
            flagged = flags.with_flags(table.assign(system=system), of_system)
            tables.append(flagged.rename(columns={"reference_value": "unaltered"}))
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)
