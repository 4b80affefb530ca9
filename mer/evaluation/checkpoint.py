"""Test a checkpoint on rows of any study; its features are extracted as its card describes.

A test excludes every recording, speaker and long sentence that the model or its initial checkpoint was trained or
validated on. They are recognised by digests of their content (mer/training/checkpoints/training_data.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer import corpora, features, files
from mer.dataset.manifest import annotations, labels, schema
from mer.evaluation.protocols import cells
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.protocols.jobs import build_task
from mer.evaluation.purity import dependencies
from mer.evaluation.row_selection import TESTS, EvaluationData, IncompatibleCheckpoint, select_rows
from mer.evaluation.scores import scores
from mer.evaluation.scores.confusions import Scoring
from mer.features import Features, Resources
from mer.training import grid
from mer.training.adaptation.jobs import classes_of_corpora
from mer.training.checkpoints import checkpoint, training_data
from mer.training.checkpoints.card import Card
from mer.training.checkpoints.folder import Checkpoint
from mer.training.checkpoints.inputs import extraction
from mer.training.checkpoints.lineage import full_exposure
from mer.training.checkpoints.training_data import Exposure
from mer.training.job import Job, JobResult
from mer.training.model import TrainedModel
from mer.training.task import Task

MEAN = "TestA"
ALTERED_COPIES = (
    "recordings are recognised by their samples and sentences by their words: an altered copy (louder, faster, by MP3, "
    "misspelt) is recognised only if one study has both corpora and its step 01 compares them"
)
"""This sentence is added to every test on corpora outside the model's training data. The study may not have searched
for altered copies between them and the training corpora."""
TRANSDUCTIVE = "the model is transductive: its predictions of a row depend on the unlabelled rows of the same corpus"
"""This sentence is added to every test of a model whose predictions of a row depend on other rows."""


@dataclass(frozen=True)
class EvaluationResult:
    """Predictions and scores of a checkpoint.

    Attributes:
        results: as from `scores.score`, with the columns `part` and `overlap` (number of rows that overlap with the
            training data); `test_corpus` TestA is the mean over acted corpora.
        predictions: a row per utterance, with the column `overlap`.
        left_out: as in `TestRows`.
        untested: columns corpus, rows, total: how many of the selected rows the model cannot predict, because they lack
            inputs.
        card: the model's card.
        inputs: the inputs that the model receives.
        part: as for `select_rows`.
        mean_corpora: the acted corpora of which TestA is the mean.
        notes: sentences about speakers that published splits share, about networks behind the model's features that
            were, or may have been, trained on the test corpora, and about unlabelled rows that the model uses.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame
    left_out: pd.DataFrame
    untested: pd.DataFrame
    card: Card
    inputs: tuple[str, ...]
    part: str
    mean_corpora: tuple[str, ...]
    notes: tuple[str, ...]


def evaluate(folder: Path, study: EvaluationData, names: tuple[str, ...] = (), part: str = "auto",
             inputs: Sequence[str] | None = None, resources: Resources | None = None,
             ) -> EvaluationResult:  # fmt: skip
    """Test a checkpoint.

    Args:
        folder: the folder of the checkpoint.
        study: the study whose rows are tested.
        names: corpora; an empty tuple means all.
        part: as for `select_rows`.
        inputs: names of inputs, or modalities for all of their inputs, that the model receives; the others are absent,
            as in training. None means all.
        resources: device and processes.

    Raises:
        IncompatibleCheckpoint: the study has other classes than the model, or no row is left.
        CheckpointError: the folder holds no model, a damaged one, or one whose features are extracted in another
            way now; or the model cannot predict from the inputs.
        ImportError, FileNotFoundError: a recording, package or pretrained network is missing.
    """
    resources = resources or Resources()
    model, stored = checkpoint.load(folder, resources.device, fields=None)
    card = stored.card
    if set(card.classes) != set(study.classes):
        raise IncompatibleCheckpoint(
            f"the model predicts {', '.join(card.classes)}; the study has {', '.join(study.classes)}"
        )
    used = stored.select_inputs(inputs)
    usable, exposure = study.usable, full_exposure(stored)
    selected = select_rows(card, exposure, study, names, part)
    vectors = extract_features(stored, study, used, resources)
    present = {name: values[selected.rows] for name, values in vectors.present.items()}
    rows = selected.rows[stored.predictable(present)]
    if not len(rows):
        raise IncompatibleCheckpoint(f"none of the {len(selected.rows)} rows has {'+'.join(used)}")
    result, present = _predict(model, stored, study, vectors, rows)
    table = scores.predictions([result], usable, study.classes, present)
    table = table.assign(train_corpora="+".join(card.corpora), overlap=selected.overlap.iloc[rows].to_numpy(),
                         deterministic=not stored.depends_on_seed)  # fmt: skip
    mean_corpora = _mean_corpora(table, study) if part in TESTS else ()
    results = _scored(table, study, mean_corpora).assign(part=part)
    untested = _untested(usable["corpus"], selected.rows, rows)
    notes = (*_untested_lines(untested, used), *_shared_speaker_lines(exposure, usable.iloc[rows], table),
             *_network_lines(card, table), *_unknown_exposure(card, table, part),
             *stored.member_notes(used), *([TRANSDUCTIVE] if stored.transductive else []))  # fmt: skip
    return EvaluationResult(results, table, selected.left_out, untested, card, used, part, mean_corpora, notes)


def _predict(
    model: TrainedModel, stored: Checkpoint, study: EvaluationData, vectors: Features, rows: np.ndarray
) -> tuple[JobResult, dict]:
    """The model's predictions for some rows as the result of a job, and the inputs that each row of the study has."""
    card, trainings = stored.card, [one.card.training for one in stored.models]
    order = [card.classes.index(name) for name in study.classes]  # columns in the study's order of classes
    task, none = build_task(study.usable, vectors, study.classes, _targets(study)), rows[:0]
    cell = Cell("checkpoint", tuple(card.corpora), "", 0, none, none, rows)
    # An ensemble is transductive if one of its members is.
    training = next((one for one in trainings if one.transductive), trainings[0])
    job = Job(card.name, cell, card.spec, training, card.seed, none, none, rows)
    predicted, restricted = checkpoint.predict(model, stored, task, rows), None
    if any(one.adaptation != "none" for one in trainings):
        allowed = np.zeros(predicted.shape, bool)
        allowed[:, order] = classes_of_corpora(task, rows)
        restricted = checkpoint.predict(model, stored, task, rows, allowed)[:, order]
    sets = _label_sets(model, stored, task, job, order)
    result = JobResult(
        job, predicted[:, order], predicted[:0, order], label_sets=sets, restricted_probabilities=restricted
    )
    return result, vectors.present


def _targets(study: EvaluationData) -> dict[str, np.ndarray]:
    """The classes of each usable row, as training reads them."""
    p, of_study = study.params, corpora.of_study(study.params)
    mappings = labels.mappings(labels.of_study(p.labels), of_study, p.labels.overrides)
    return annotations.training_targets(study.usable, of_study, mappings, study.classes)


def _label_sets(model: TrainedModel, stored: Checkpoint, task: Task, job: Job, order: list[int]) -> np.ndarray | None:
    """As `JobResult.label_sets`, of a network that was trained on several classes at once; None of another model."""
    if stored.members or not job.spec.is_network or job.training.targets != "multi_label":
        return None
    [features] = checkpoint.normalised(model, stored, task.features, task.groups)
    logits = model.logits(features, job.test)
    return grid.label_sets(task, job, logits[:, order])


def extract_features(stored: Checkpoint, study: EvaluationData, names: Sequence[str], resources: Resources) -> Features:
    """Return features of a study's usable rows as the model reads them; missing vectors are computed.

    Args:
        names: the inputs that are extracted; the others are absent in all rows.

    Raises:
        CheckpointError: its features are extracted in another way now.
        ImportError, FileNotFoundError: a recording, package or pretrained network is missing.
    """
    card = stored.card
    inputs, data = extraction.extraction_parameters(stored, {})
    inputs = {name: inputs[name] for name in names}
    specs = extraction.specs(stored, inputs, data)
    raw, store = (files.from_root(getattr(study.params.data, name)) for name in ("raw", "store"))
    manifest = study.manifest
    if any(one.modality == "text" for one in inputs.values()):
        # the model's inputs, not the study's, say whose transcript is read
        p = study.params.model_copy(update={"features": inputs})
        texts = features.transcribe(manifest, raw, store, p, resources)
        manifest = features.fill_in(manifest, texts)
    features.extract(manifest, raw, store, inputs, data, resources)
    loaded = features.load(features.keys(manifest, inputs), store, specs)
    rows = len(schema.usable(manifest))
    absent = [name for name in card.inputs if name not in names]
    arrays = {name: np.zeros((rows, card.widths[name]), np.float32) for name in absent}
    extractors = {name: spec["extractor"] for name, spec in card.features.items()}
    return Features({**loaded.arrays, **arrays}, {**loaded.present, **{m: np.zeros(rows, bool) for m in absent}},
                    extractors, card.layers, card.modalities, card.frames)  # fmt: skip


def _untested(corpus: pd.Series, selected: np.ndarray, tested: np.ndarray) -> pd.DataFrame:
    """Count the selected rows that the model cannot predict, by corpus: columns corpus, rows, total."""
    missing = pd.Series(~np.isin(selected, tested), name="rows").groupby(corpus.iloc[selected].to_numpy())
    counts = missing.agg(rows="sum", total="size").rename_axis("corpus").reset_index()
    return counts[counts["rows"] > 0].reset_index(drop=True)


def _untested_lines(untested: pd.DataFrame, used: Sequence[str]) -> list[str]:
    """A line for each corpus with rows that the model cannot predict."""
    return [f"{row.corpus}: {row.rows:,} of {row.total:,} rows are not tested, because they lack inputs that the model "
            f"needs; it reads {', '.join(used)}" for row in untested.itertuples()]  # fmt: skip


def _shared_speaker_lines(exposure: Exposure | None, rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """A line for each corpus whose published parts share speakers, so that test rows have speakers of training rows."""
    if exposure is None:
        return []
    shared = training_data.speakers_in_common(exposure, rows) & (table["overlap"] == "").to_numpy()
    counts = pd.Series(shared).groupby(rows["corpus"].to_numpy()).agg(["sum", "size"])
    return [f"{corpus}: {n:,} of {total:,} rows are of speakers in the training data, because the published parts "
            "share them" for corpus, n, total in counts.itertuples() if n]  # fmt: skip


def _network_lines(card: Card, table: pd.DataFrame) -> tuple[str, ...]:
    """A line for each network behind the model's features that was, or may have been, trained on the test corpora."""
    families, lines = set(table["family"]), []
    for item in dependencies.underlying_networks(card, corpora.CORPORA):
        if contaminated := sorted(families & item.families):
            names = ", ".join(contaminated)
            lines.append(f"{item.name} was trained on {names} ({item.evidence}): these are no unseen corpora")
        elif item.status == dependencies.UNKNOWN:
            lines.append(f"the training data of {item.name} is unknown ({item.evidence})")
    return tuple(dict.fromkeys(lines))


def _unknown_exposure(card: Card, table: pd.DataFrame, part: str) -> tuple[str, ...]:
    others = set(table["test_corpus"]) - set(card.corpora)
    return (ALTERED_COPIES,) if others and part in TESTS else ()


def _mean_corpora(table: pd.DataFrame, study: EvaluationData) -> tuple[str, ...]:
    """The acted corpora that are tested and large enough to be scored."""
    p, sets = study.params.evaluation, corpora.test_sets(corpora.of_study(study.params))
    reasons = cells.scored_corpora(study.usable, p.min_clips, p.min_speakers)
    return tuple(c for c in sorted(set(table["test_corpus"])) if sets.get(c) == MEAN and not reasons[c])


def _scored(table: pd.DataFrame, study: EvaluationData, mean_corpora: tuple[str, ...]) -> pd.DataFrame:
    """The results, with the mean over acted corpora if there are any."""
    clusters = corpora.clusters(corpora.of_study(study.params))
    clusters = {name: clusters[name] for name in set(table["test_corpus"])}
    confidence = study.params.evaluation.confidence
    results = scores.score(table, Scoring(study.classes, clusters, confidence), study=study.name)
    results = scores.with_mean(results, list(mean_corpora), MEAN) if mean_corpora else results
    counts = (table["overlap"] != "").groupby(table["test_corpus"]).sum()
    counts[MEAN] = counts[list(mean_corpora)].sum()
    return results.assign(overlap=results["test_corpus"].map(counts).astype("Int64"))
