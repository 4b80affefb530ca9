"""The checkpoint of an ensemble: a card, and a copy of each member's checkpoint below `members/`.

The card has the weight of each member and the digest of its card. The card of a member in turn has the digest of its
tensors. So the predictions of an ensemble are bound to its card. Its exposure is that of all members together.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mer import files
from mer.features import Features
from mer.training import ensemble
from mer.training.checkpoints import checkpoint as checkpoints
from mer.training.checkpoints.binding import SELF
from mer.training.checkpoints.card import Ancestor, Card, CheckpointError
from mer.training.checkpoints.card import Member as CardMember
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.checkpoints.encoder_folders import ENCODERS, trained_inputs
from mer.training.checkpoints.folder import CARD, MEMBERS, TENSORS, Checkpoint, open_checkpoint
from mer.training.checkpoints.lineage import merged_exposure
from mer.training.job import JobResult
from mer.training.model import TrainedModel
from mer.training.task import Task


@dataclass(frozen=True)
class EnsembleMember:
    """A trained member of an ensemble, with its checkpoint and its weight."""

    model: TrainedModel
    checkpoint: Checkpoint
    weight: float


@dataclass(frozen=True)
class TrainedEnsemble:
    """An ensemble that predicts. A row is predicted by the members that can predict it.

    Attributes:
        members_per: as in the section `systems`.
    """

    members: tuple[EnsembleMember, ...]
    members_per: Literal["system", "family"] = "system"

    def predict(self, features: Features, rows: np.ndarray) -> np.ndarray:
        """Return class probabilities of features that all members read as they are.

        Args:
            rows: each can be predicted by at least one member (`Checkpoint.predictable`).

        Returns:
            float64 of shape (len(rows), classes); each row sums to 1.
        """
        return self.combined(lambda n, own: self.members[n].model.predict(features, own), features, rows)

    def combined(
        self, predict: Callable[[int, np.ndarray], np.ndarray], features: Features, rows: np.ndarray
    ) -> np.ndarray:
        """Return the combined predictions of all members.

        Args:
            predict: returns the predictions of a member, by its number, for some rows.
            features: say which inputs are present.
        """
        present = {name: values[rows] for name, values in features.present.items()}
        predictions, known = [], ensemble.with_unknown_classes if self.members_per == "family" else np.asarray
        for number, member in enumerate(self.members):
            own = rows[member.checkpoint.predictable(present)]
            predictions.append((own, known(predict(number, own))))
        return ensemble.pooled(predictions, rows, np.array([member.weight for member in self.members]))


def save(folder: Path, result: JobResult, members: Sequence[Path], task: Task, record: StudyRecord) -> None:
    """Write the checkpoint of an ensemble.

    Args:
        result: the ensemble's result, as from `mer.training.ensemble.results`.
        members: folders of the members' checkpoints, in the order of `result.members`.
        task: the task of the study.
    """
    weights = list(result.history[0].values())
    checkpoints.remove_members(folder)
    for member in members:
        for file_name in (TENSORS, CARD):
            with files.replacing(folder / MEMBERS / member.name / file_name) as partial:
                shutil.copyfile(member / file_name, partial)
        if (member / ENCODERS).is_dir():
            shutil.copytree(member / ENCODERS, folder / MEMBERS / member.name / ENCODERS)
    copies = [open_checkpoint(folder / MEMBERS / member.name) for member in members]
    entries = [CardMember(folder=copy.folder.name, weight=weight, card_sha256=copy.written[SELF])
               for copy, weight in zip(copies, weights, strict=True)]  # fmt: skip
    ancestors: list[Ancestor] = []
    for one in (ancestor for copy in copies for ancestor in copy.card.ancestors):
        if one not in ancestors:
            ancestors.append(one)
    own = _with_trained_encoders(checkpoints.card(result.job, task, record), copies)
    own = own.model_copy(update={"members": entries, "ancestors": ancestors})
    if (per := result.job.spec.members_per) != "system":
        own = own.model_copy(update={"members_per": per})
    checkpoints.write(folder, {}, own, merged_exposure(copies))


def _with_trained_encoders(own: Card, members: Sequence[Checkpoint]) -> Card:
    """The card with the vectors of the encoders that members have trained, each of an input of its own."""
    trained = {name: member.card for member in members for name in trained_inputs(member.card)}
    features = {**own.features, **{name: card.features[name] for name, card in trained.items()}}
    ranges = {name: value for name, value in own.value_ranges.items() if name not in trained}
    ranges |= {name: card.value_ranges[name] for name, card in trained.items() if name in card.value_ranges}
    return own.model_copy(update={"features": features, "value_ranges": ranges} if trained else {})


def model(checkpoint: Checkpoint, loaded: Sequence[tuple[TrainedModel, Checkpoint]]) -> TrainedEnsemble:
    """Return the ensemble of a checkpoint.

    Args:
        loaded: the members' models and checkpoints, each as it was written.

    Raises:
        CheckpointError: a member is not the one that the ensemble's card names, or their inputs or classes differ.
    """
    members = []
    for entry, (trained, own) in zip(checkpoint.card.members, loaded, strict=True):
        if own.written[SELF] != entry.card_sha256:
            raise CheckpointError(
                f"{files.to_root(own.folder)}: it is not the member that model.json of the ensemble describes"
            )
        if problem := _difference(checkpoint.card, own.card):
            raise CheckpointError(f"{files.to_root(own.folder)}: its {problem} differ from those of the ensemble")
        members.append(EnsembleMember(trained, own, entry.weight))
    for field in ("inputs", "corpora", "families"):
        of_members = {name for member in members for name in getattr(member.checkpoint.card, field)}
        if set(getattr(checkpoint.card, field)) != of_members:
            raise CheckpointError(
                f"{files.to_root(checkpoint.folder)}: model.json: {field}: they are not those of its members"
            )
    return TrainedEnsemble(tuple(members), checkpoint.card.members_per)


def _difference(own: Card, member: Card) -> str:
    """The first property in which a member does not fit the ensemble; empty if it fits."""
    if own.classes != member.classes:
        return "classes"
    for field in ("features", "widths", "layers", "extraction"):
        there, here = getattr(member, field) or {}, getattr(own, field) or {}
        for name in member.inputs:
            if files.digest(there.get(name)) != files.digest(here.get(name)):
                return f"{field} of {name}"
    return "" if own.data == member.data else "durations of utterances"
