"""The folder of a checkpoint: its card, read and validated, and the folders of an ensemble's members."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer import files
from mer.foreign import load_json
from mer.params.normalisation import groups
from mer.training.checkpoints.card import FORMAT, Card, CheckpointError, plain, validate
from mer.training.checkpoints.older_formats import OLDER_FORMATS, upgraded

CARD, TENSORS, MEMBERS = "model.json", "model.safetensors", "members"
"""The names of the card, of the file of tensors and of the folder of an ensemble's members."""
MAX_CARD_BYTES = 64 * 2**20
"""The largest size of a card, in bytes."""


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a trained model as it was read. Its digests have not been checked (`tensors.read` checks them).

    Attributes:
        folder: the path.
        card: what the model's card says.
        written: the card as it stands in the file, of which digests are computed.
        members: the members of an ensemble, in the order of `card.members`; empty for other models.
    """

    folder: Path
    card: Card
    written: dict
    members: tuple["Checkpoint", ...] = ()

    def predictable(self, present: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return which rows the model can predict; bool of shape (rows,).

        A model with `missing: none` needs all of its inputs, another one any of them, an ensemble any member that can
        predict the row.

        Args:
            present: input -> whether a row has it, bool of shape (rows,).
        """
        if self.members:
            return np.any([member.predictable(present) for member in self.members], axis=0)
        enough = np.all if self.card.needs_all_inputs else np.any
        return enough([present[name] for name in self.card.inputs], axis=0)

    def used_inputs(self, present: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return input -> in which rows the prediction uses it, bool of shape (rows,).

        A member that cannot predict a row uses nothing of it, and neither does a member without weight if another one
        has weight.

        Args:
            present: as for `predictable`.
        """
        predicts = np.stack([model.predictable(present) for model in self.models])
        weighted = predicts & (np.array([member.weight for member in self.card.members] or [1.0]) > 0)[:, None]
        predicts = np.where(weighted.any(axis=0), weighted, predicts)
        readers = {name: [name in model.card.inputs for model in self.models] for name in self.card.inputs}
        return {name: predicts[own].any(axis=0) & present[name] for name, own in readers.items()}

    def select_inputs(self, requested: Sequence[str] | None) -> tuple[str, ...]:
        """Return the inputs that the model receives, in its order.

        Args:
            requested: names of inputs, or modalities for all of their inputs; None for all inputs.

        Raises:
            CheckpointError: an input is unknown, or the model cannot predict from these inputs.
        """
        own, place = self.card.modalities, files.to_root(self.folder)
        if requested is None:
            return tuple(own)
        if unknown := [name for name in requested if name not in {*own, *own.values()}]:
            raise CheckpointError(f"--inputs {plain(unknown[0])}: {place} reads {', '.join(own)}")
        selected = tuple(name for name, modality in own.items() if name in requested or modality in requested)
        if not selected:
            raise CheckpointError(f"--inputs names none of {', '.join(own)}, which {place} reads")
        if not self._predicts_from(selected):
            needs = (f"{model.folder.name} needs {_needs(model.card)}" for model in self.models)
            raise CheckpointError(f"--inputs {','.join(requested)}: not enough for {place}: {'; '.join(needs)}")
        return selected

    def member_notes(self, names: Collection[str]) -> tuple[str, ...]:
        """Return a sentence about an ensemble's members that cannot predict from these inputs, if there are any."""
        unused = ", ".join(member.folder.name for member in self.members if not member._predicts_from(names))
        return (f"members of the ensemble that need other inputs, too, predict nothing: {unused}",) if unused else ()

    def _predicts_from(self, names: Collection[str]) -> bool:
        return bool(self.predictable({name: np.array([name in names]) for name in self.card.inputs})[0])

    @property
    def models(self) -> tuple["Checkpoint", ...]:
        """The trained models of the folder: itself, or the members of an ensemble."""
        return self.members or (self,)

    @property
    def normalisation_groups(self) -> frozenset[str]:
        """The groups, `corpus` or `speaker`, whose unlabelled rows the model or a member scales features by."""
        return frozenset().union(*(groups(model.card.training.normalisation) for model in self.models))

    @property
    def transductive(self) -> bool:
        """Whether predictions of a row depend on other, unlabelled rows of the test corpus, also of a member alone."""
        return any(model.card.training.transductive for model in self.models)

    @property
    def depends_on_seed(self) -> bool:
        """Whether another seed would have given another model."""
        return any(model.card.spec.is_network for model in self.models)


def open_checkpoint(folder: Path) -> Checkpoint:
    """Return the checkpoint of a folder, whether or not it was edited since it was written.

    Raises:
        CheckpointError: the folder holds no checkpoint of a known format, or its card does not fit the schema; names
            file and field.
    """
    return _open(folder, is_member=False)


def _open(folder: Path, is_member: bool) -> Checkpoint:
    written, place = _read(folder), files.to_root(folder)
    try:
        fields = upgraded(written)
    except ValueError as error:
        raise CheckpointError(f"{place}: model.json: {plain(str(error))}") from None
    card = validate(fields, place)
    if is_member and card.is_ensemble:
        raise CheckpointError(f"{place}: model.json: model: an ensemble cannot be a member of an ensemble")
    members = (_open(folder / MEMBERS / member.folder, is_member=True) for member in card.members)
    return Checkpoint(folder, card, written, tuple(members))


def _read(folder: Path) -> dict:
    """The card as it stands in the file, of a known format."""
    place = files.to_root(folder)
    path = folder / CARD
    for needed in (path, folder / TENSORS):
        if not needed.is_file():
            raise CheckpointError(
                f"{place}: there is no {needed.name}; a checkpoint is a folder with model.json and its tensors"
            )
    written = _parsed(path)
    number = written.get("format") if isinstance(written, dict) else None
    if type(number) is not int or number not in (*OLDER_FORMATS, FORMAT):
        raise CheckpointError(
            f"{place}: model.json: format {_short(number)}, this version reads "
            f"{', '.join(map(str, OLDER_FORMATS))} and {FORMAT}: train the model again"
        )
    return written


def _parsed(path: Path) -> object:
    """JSON that may be anything, within the limits of `load_json`."""
    place = files.to_root(path)
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise CheckpointError(f"{place}: longer than any model's card")
        return load_json(path.read_text(encoding="utf-8"))
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{place}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise CheckpointError(f"{place}: not readable as JSON ({plain(str(error))[:200]})") from None


def _needs(card: Card) -> str:
    amount = "all of" if card.needs_all_inputs else "one of" if len(card.inputs) > 1 else ""
    reason = " (training.missing: none)" if card.needs_all_inputs else ""
    return f"{amount} {', '.join(card.inputs)}{reason}".strip()


def _short(value: object) -> str:
    return plain(repr(value) if not isinstance(value, dict | list) else type(value).__name__)[:40]
