"""The encoders of a checkpoint: folders beside its card, from which transformers or, of faces, torchvision reads."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mer import files
from mer.features.pretrained import locations
from mer.params.features import Input
from mer.training.checkpoints.card import PREDICTION_FIELDS, Card, CheckpointError
from mer.training.checkpoints.folder import Checkpoint, open_checkpoint
from mer.training.checkpoints.tensors import read

ENCODERS = "encoders"
"""The name of the folder of encoders, one for each input whose encoder was trained."""
FILE = locations.WEIGHTS[0]
"""The name of the file with the tensors of an encoder."""


def trained_inputs(card: Card) -> list[str]:
    """Return the inputs of a model whose encoder was trained with it; none for an ensemble, whose members have them."""
    sections = {} if card.is_ensemble else card.extraction or {}
    return [name for name in card.inputs if sections.get(name, {}).get("train", "none") != "none"]


def places(checkpoint: Checkpoint) -> dict[str, Path]:
    """Return input -> the folder of the checkpoint that has its trained encoder: the model's own, or a member's."""
    return {name: model.folder for model in checkpoint.models for name in trained_inputs(model.card)}


def section(folder: Path, trained: Input) -> Input:
    """Return the parameters of extraction with the trained encoder of a checkpoint.

    Args:
        folder: the folder of the checkpoint.
        trained: the parameters of the input in training, with its name.
    """
    name = trained._name or trained.modality
    place = (folder / ENCODERS / name).absolute()
    update = {"model": str(place), "revision": None} if trained.modality != "video" else {"weights": str(place / FILE)}
    update["train"] = "none"
    return trained.model_copy(update=update).named(name)


def digest_in_card(card: Card, name: str) -> str | None:
    """Return the digest of a trained encoder in a card: of its folder or, of an encoder of faces, of its one file."""
    return card.features[name].get("weights_sha256" if card.modalities[name] == "video" else "model")


def folders(folder: Path) -> dict[str, Path]:
    """Return input -> the folder of its trained encoder; empty for a checkpoint without trained encoders.

    Raises:
        CheckpointError: the folder holds no checkpoint, or an encoder is missing or not that of the card.
    """
    card = open_checkpoint(folder).card
    places = {name: folder / ENCODERS / name for name in trained_inputs(card)}
    for name, place in places.items():
        if not (place / FILE).is_file():
            raise CheckpointError(f"{files.to_root(place)}: the trained encoder of {name} is missing")
        is_file = card.modalities[name] == "video"
        if (files.digest_file(place / FILE) if is_file else locations.digest(place)) != digest_in_card(card, name):
            raise CheckpointError(f"{files.to_root(place)}: is not the encoder that model.json describes")
    return places


def moments(folder: Path, names: Iterable[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return input -> shift and scale of its vectors in a checkpoint, for inputs that it has.

    Raises:
        CheckpointError: the tensors or the card are not as they were written.
    """
    checkpoint = open_checkpoint(folder)
    tensors = read(checkpoint, PREDICTION_FIELDS)
    return {name: (tensors[f"mean.{name}"], tensors[f"scale.{name}"])
            for name in names if name in checkpoint.card.inputs}  # fmt: skip
