"""A checkpoint's tensors, read if they and its card are as they were written; initial weights of a network."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mer import files
from mer.training.checkpoints.binding import edited_field
from mer.training.checkpoints.card import PREDICTION_FIELDS, CheckpointError
from mer.training.checkpoints.folder import TENSORS, Checkpoint, open_checkpoint
from mer.training.checkpoints.older_formats import upgraded_tensors, written_name
from mer.training.checkpoints.training_data import PREFIX


def load_initial_weights(network, folder: Path) -> None:
    """Give a network the weights of a checkpoint of the same shape.

    Raises:
        CheckpointError: says in what the two differ, or that the checkpoint is not as it was written.
    """
    import torch

    checkpoint = open_checkpoint(folder)
    if checkpoint.members:
        raise CheckpointError(
            f"training.start_from: {files.to_root(folder)} is an ensemble: take one of its members, "
            f"such as {files.to_root(checkpoint.members[0].folder)}"
        )
    stored = weights(read(checkpoint, PREDICTION_FIELDS))
    own_shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    shapes = {name: value.shape for name, value in stored.items()}
    differing = sorted(name for name in {*own_shapes, *shapes} if own_shapes.get(name) != shapes.get(name))
    if differing:
        name = differing[0]
        raise CheckpointError(
            f"training.start_from: {files.to_root(folder)} is of another network: {name} is {shapes.get(name)} there "
            f"and {own_shapes.get(name)} here ({len(differing)} such)"
        )
    network.load_state_dict({name: torch.as_tensor(value) for name, value in stored.items()})


def read(checkpoint: Checkpoint, fields: Iterable[str] | None) -> dict[str, np.ndarray]:
    """Return a checkpoint's tensors without the digests of its training data.

    Args:
        fields: as for `checkpoint.load`.

    Raises:
        CheckpointError: the tensors or the card are not as they were written.
    """
    from safetensors import SafetensorError, safe_open

    place, path = files.to_root(checkpoint.folder), checkpoint.folder / TENSORS
    try:
        if files.digest_file(path) != checkpoint.card.tensors_sha256:
            raise CheckpointError(f"{place}: model.safetensors is not the file that model.json describes")
        with safe_open(path, "numpy") as file:
            tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:
        raise CheckpointError(f"{place}: model.safetensors cannot be read ({error})") from None
    number = checkpoint.written["format"]
    names = None if fields is None else list(dict.fromkeys(written_name(name, number) for name in fields))
    if field := edited_field(checkpoint.written, metadata, names):
        raise CheckpointError(
            f"{place}: model.json: {field} is not what was written with the tensors: take the folder as it was, or "
            "train the model again"
        )
    return {name: value for name, value in upgraded_tensors(tensors).items() if not name.startswith(PREFIX)}


def weights(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return those of the network, by its names."""
    return {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
