"""A trained model as two files that anyone can read: safetensors for its numbers, JSON for their meaning."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files, tensor_files
from mer.features import Features, registry
from mer.params.augmentation import Augmentation
from mer.params.features import Input, read_inputs
from mer.params.schema import Data
from mer.training import baselines
from mer.training.adaptation import jobs as adaptation
from mer.training.adaptation.adaptation import adapt
from mer.training.adaptation.rows import Source
from mer.training.checkpoints import binding, encoder_folders
from mer.training.checkpoints.card import FORMAT, PREDICTION_FIELDS, Card, CheckpointError, ExposureCounts, validate
from mer.training.checkpoints.folder import CARD, MEMBERS, TENSORS, Checkpoint, open_checkpoint
from mer.training.checkpoints.inputs.input_statistics import prediction_fields
from mer.training.checkpoints.lineage import job_exposure, lineage
from mer.training.checkpoints.tensors import read, weights
from mer.training.checkpoints.training_data import Exposure
from mer.training.job import Job
from mer.training.model import TrainedModel
from mer.training.scaling.normaliser import SCALED_MODALITIES, Groups, Normaliser
from mer.training.scaling.standardise import Standardiser
from mer.training.task import Task

__all__ = ["CheckpointError", "StudyRecord", "card", "load", "name", "normalised", "open_checkpoint", "predict",
           "predict_normalised", "save", "write"]  # fmt: skip


@dataclass(frozen=True)
class StudyRecord:
    """What the cards of all models of a study have in common.

    Attributes:
        specs: input -> specification of its vectors, with its modality.
        classes: the classes of the policy, in order.
        manifest: the usable rows.
        encoders: the networks behind the features, as from `network_origins.to_json`; None leaves the lineage of a
            model on features of a network unknown.
        inputs: input -> parameters of its extraction; None leaves them out, and the value ranges with them.
        data: gives the durations of the shortest and the longest utterance.
        augmentation: the alterations of which models with `training.augmented` learn, too.
    """

    specs: dict[str, dict]
    classes: tuple[str, ...]
    manifest: pd.DataFrame
    encoders: Sequence[dict] | None = None
    inputs: dict[str, Input] | None = None
    data: Data | None = None
    augmentation: Augmentation | None = None


def name(job: Job) -> str:
    """Return the folder name of a job's checkpoint.

    >>> from types import SimpleNamespace
    >>> name(SimpleNamespace(system="gated", seed=2))
    'gated-seed2'
    """
    return f"{job.system}-seed{job.seed}"


def save(folder: Path, model: TrainedModel, job: Job, task: Task, record: StudyRecord) -> None:
    """Write the checkpoint of a job.

    Args:
        model: as from `grid.fit_job`.
        job: the job that was trained, as from `choice.chosen_job`: its rows and inputs are those of the model.
        task: the task of the study, before `normalised_for`.
    """
    remove_members(folder)
    task, record = _with_trained_encoders(folder, model, job, task, record)
    trained = {"training": job.training, "temperature": float(model.temperature)}
    if job.training.augmented and record.augmentation is not None:
        trained["augmentation"] = record.augmentation
    if model.choice is not None:
        trained["choice"] = model.choice.summary()
    own = card(job, task, record).model_copy(update=trained)
    write(folder, tensors_of(model), own, job_exposure(job, record.manifest))


def _with_trained_encoders(
    folder: Path, model: TrainedModel, job: Job, task: Task, record: StudyRecord
) -> tuple[Task, StudyRecord]:
    """Write the encoders that were trained with a model; return the task with their vectors, and their description."""
    names = task.features.trained(job.spec.inputs)
    if not names:
        return task, record
    from mer.training.finetune import encoders

    for input_name in names:
        encoders.save(model.encoders[input_name], folder / encoder_folders.ENCODERS / input_name)
    sections = {n: encoder_folders.section(folder, task.features.items[n].section.named(n)) for n in names}
    specs = {n: {"modality": one.modality, **registry.of_input(one).describe(one)} for n, one in sections.items()}
    record = replace(record, specs={**record.specs, **{n: {**record.specs[n], **spec} for n, spec in specs.items()}})
    used = np.concatenate([job.train, job.validation])
    return replace(task, features=spread(model.encoded(task.features, used), used, len(task.labels))), record


def spread(features: Features, rows: np.ndarray, count: int) -> Features:
    """Return features of some rows as features of `count` rows, of which the others are absent.

    Args:
        rows: number of each row.
    """
    arrays, present = {}, {}
    for name, values in features.arrays.items():
        arrays[name], present[name] = np.zeros((count, values.shape[1]), values.dtype), np.zeros(count, bool)
        arrays[name][rows], present[name][rows] = values, features.present[name]
    return replace(features, arrays=arrays, present=present)


def card(job: Job, task: Task, record: StudyRecord) -> Card:
    """Return the card of a job's model without what only the trained model knows."""
    inputs = list(job.spec.inputs)
    fields = {
        "name": name(job), "system": job.system, "model": job.spec.model, "inputs": inputs,
        "widths": task.features.widths(inputs),
        "layers": {n: count for n, count in task.features.layers.items() if n in inputs},
        "frames": {n: count for n, count in task.features.frames.items() if n in inputs},
        "classes": list(record.classes), "seed": job.seed, "features": {n: record.specs[n] for n in inputs},
        **lineage(job, record.manifest, record.encoders),
    }  # fmt: skip
    if record.inputs is not None:
        features = task.normalised_for(job).features
        own = {input_name: record.inputs[input_name] for input_name in inputs}
        fields |= prediction_fields(features, job.train, own, record.data)
    return Card.model_construct(_fields_set={*fields, "format"}, **{"format": FORMAT, **fields})


def write(folder: Path, tensors: dict[str, np.ndarray], own: Card, exposure: Exposure | None) -> None:
    """Write `model.safetensors`, then `model.json`.

    Args:
        tensors: as from `tensors_of`.
        own: the card; its digests are computed here.
        exposure: is stored beside the tensors; None if it is unknown.

    Raises:
        CheckpointError: the card does not fit the schema.
    """
    if exposure is not None:
        tensors = tensors | exposure.tensors()
        own = own.model_copy(update={"exposure": ExposureCounts(**exposure.counts())})
    written = json.loads(json.dumps(own.written(), allow_nan=False))  # as it will be read
    written = {n: value for n, value in written.items() if n not in binding.DEPENDENT_FIELDS}
    validate({**written, "tensors_sha256": "0" * 64}, files.to_root(folder))
    with files.replacing(folder / TENSORS) as partial:
        tensor_files.write(partial, tensors, binding.field_digests(written))
    written["tensors_sha256"] = files.digest_file(folder / TENSORS)
    files.write_json(folder / CARD, binding.sealed(written))


def remove_members(folder: Path) -> None:
    """Remove members and encoders that an earlier run has written into a folder; a link is not followed."""
    for further in (folder / MEMBERS, folder / encoder_folders.ENCODERS):
        if further.is_symlink():
            further.unlink()
        elif further.is_dir():
            shutil.rmtree(further)


def tensors_of(model: TrainedModel) -> dict[str, np.ndarray]:
    """Return the tensors of a model, of its standardiser and of its normaliser."""
    moments = model.standardiser.moments
    scaling = {f"mean.{n}": mean for n, (mean, _) in moments.items()}
    scaling |= {f"scale.{n}": scale for n, (_, scale) in moments.items()}
    further = model.normaliser.tensors() | (model.source.tensors() if model.source else {})
    return scaling | dict(model.tensors()) | further


def load(
    folder: Path, device: str = "cpu", fields: Iterable[str] | None = PREDICTION_FIELDS
) -> tuple[TrainedModel, Checkpoint]:
    """Return the model of a folder, ready to predict, and its checkpoint.

    Args:
        fields: the fields of the card that must be as they were written: by default those on which predictions depend,
            None for all. The cards of an ensemble's members must be as they were written in all fields.

    Raises:
        CheckpointError: the folder holds no model, a damaged one, one of another format, an edited card, or tensors of
            other shapes than it says.
    """
    from mer.training.checkpoints import ensemble  # which imports this module

    checkpoint = open_checkpoint(folder)
    tensors = read(checkpoint, fields)
    try:
        if checkpoint.members:
            return ensemble.model(checkpoint, [load(m.folder, device, None) for m in checkpoint.members]), checkpoint
        return _with_encoders(checkpoint, model_of(checkpoint.card, tensors, device), device), checkpoint
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, MemoryError, OverflowError) as error:
        raise CheckpointError(
            f"{files.to_root(folder)}: its tensors are not those that model.json describes ({error})"
        ) from None


def predict(
    model: TrainedModel, checkpoint: Checkpoint, task: Task, rows: np.ndarray, allowed: np.ndarray | None = None
) -> np.ndarray:
    """Return a loaded model's predictions of rows of a task, as in its study.

    Features are normalised, and predictions adapted, as in the training of the model, or of each member of an ensemble.

    Args:
        model, checkpoint: as from `load`.
        task: the task, before `normalised_for`.
        rows: row numbers; the model can predict each of them.
        allowed: the classes that adapted predictions choose among, bool of shape (len(rows), classes) in the order of
            the model's classes; None for all.

    Returns:
        Class probabilities, float64 of shape (len(rows), classes); each row sums to 1.
    """
    of_models = normalised(model, checkpoint, task.features, task.groups)
    return predict_normalised(model, checkpoint, of_models, rows, adaptation.target_groups(task), allowed)


def normalised(
    model: TrainedModel, checkpoint: Checkpoint, features: Features, groups: Groups | None
) -> tuple[Features, ...]:
    """Return the features as the model reads them, or as each member of an ensemble does.

    Args:
        groups: as for `Normaliser.apply`.

    Raises:
        CheckpointError: an earlier version wrote the model, without what this needs.
    """
    models = [member.model for member in model.members] if checkpoint.members else [model]
    try:
        return tuple(one.normaliser.apply(features, groups) for one in models)
    except ValueError as error:
        raise CheckpointError(f"{files.to_root(checkpoint.folder)}: {error}") from None


def predict_normalised(
    model: TrainedModel,
    checkpoint: Checkpoint,
    features: Sequence[Features],
    rows: np.ndarray,
    groups: Groups | None = None,
    allowed: np.ndarray | None = None,
) -> np.ndarray:
    """Return a loaded model's predictions of features as from `normalised`.

    Args:
        rows: row numbers; the model can predict each of them.
        groups: `corpus` and `speaker` of every row, whose predictions are adapted together as in the training of the
            model, or of each member of an ensemble; None to adapt none.
        allowed: as in `predict`.

    Returns:
        Class probabilities, float64 of shape (len(rows), classes); each row sums to 1.
    """
    if not checkpoint.members:
        return _adapted(model, checkpoint, features[0], rows, groups, allowed)
    at = np.full(len(next(iter(features[0].present.values()))), -1)
    at[rows] = np.arange(len(rows))

    def of_member(number: int, own: np.ndarray) -> np.ndarray:
        member, of_rows = model.members[number], None if allowed is None else allowed[at[own]]
        return _adapted(member.model, member.checkpoint, features[number], own, groups, of_rows)

    return model.combined(of_member, features[0], rows)


def _adapted(model: TrainedModel, checkpoint: Checkpoint, features: Features, rows: np.ndarray,
             groups: Groups | None, allowed: np.ndarray | None) -> np.ndarray:  # fmt: skip
    """The predictions of a model that is no ensemble, adapted as in its training."""
    probabilities = model.predict(features, rows)
    if model.source is None or groups is None:
        return probabilities
    target = adaptation.rows_of(features, groups, checkpoint.card.inputs, rows, probabilities)
    return adapt(checkpoint.card.training.adaptation, model.source, target, allowed)


def _with_encoders(checkpoint: Checkpoint, model: TrainedModel, device: str) -> TrainedModel:
    """A model with the encoders that were trained with it. They are opened when they are first needed."""
    names = encoder_folders.trained_inputs(checkpoint.card)
    if not names:
        return model
    from mer.training.finetune import encoders
    from mer.training.finetune.model import FinetunedNetwork

    @cache
    def open_encoders() -> dict[str, encoders.Encoder]:
        folders = encoder_folders.folders(checkpoint.folder)
        sections = read_inputs(checkpoint.card.extraction)
        return {name: encoders.open_encoder(sections[name], folders[name], device) for name in names}

    return FinetunedNetwork(model, open_encoders)


def model_of(own: Card, tensors: dict[str, np.ndarray], device: str) -> TrainedModel:
    """Return the model with a card and its tensors.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: the tensors are not those that the card describes.
    """
    standardiser = Standardiser({n: (tensors[f"mean.{n}"], tensors[f"scale.{n}"]) for n in own.inputs})
    for n, moments in standardiser.moments.items():
        if any(part.shape != (own.widths[n],) for part in moments):
            raise ValueError(f"mean and scale of {n} are of {len(moments[0])} numbers, its width is {own.widths[n]}")
    if own.spec.is_network:
        model = _network(tensors, own, standardiser, device)
    else:
        model = baselines.module(own.model).MODEL.from_tensors(tensors, standardiser)
    model.temperature = float(own.temperature)
    inputs = tuple(name for name in own.inputs if own.modalities[name] in SCALED_MODALITIES)
    model.normaliser = Normaliser.from_tensors(own.training.stages, inputs, tensors)
    if own.training.adaptation != "none":
        model.source = Source.from_tensors(tensors, len(own.classes))
    return model


def _network(tensors: dict[str, np.ndarray], own: Card, standardiser: Standardiser, device: str) -> TrainedModel:
    import torch

    from mer.training.networks.trained import Shape, TrainedNetwork, build_network

    shape = Shape(own.model, own.widths, own.modalities, own.layers, len(own.classes), own.frames)
    stored = weights(tensors)
    with torch.device("meta"):  # takes no memory, however large the network is that the card describes
        expected = {n: tuple(value.shape) for n, value in build_network(shape, own.training).state_dict().items()}
    if different := sorted(n for n in {*expected, *stored} if n not in stored or stored[n].shape != expected.get(n)):
        raise ValueError(f"{different[0]} and {len(different) - 1} more are missing or of other shapes")
    network = build_network(shape, own.training)
    network.load_state_dict({n: torch.as_tensor(value) for n, value in stored.items()})
    return TrainedNetwork(network.to(device).eval(), standardiser, tensors["trained_classes"], device,
                          multi_label=own.training.targets == "multi_label")  # fmt: skip
