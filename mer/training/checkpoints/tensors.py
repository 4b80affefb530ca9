"""A checkpoint's tensors, read if they and its card are as they were written; what a training may begin with."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mer import files
from mer.training.checkpoints import card as cards
from mer.training.checkpoints.card import MEMORY, CheckpointError


def load_initial_weights(network, folder: Path) -> None:
    """Give a network the weights of a checkpoint of the same shape.

    Raises:
        CheckpointError: says in what the two differ, or that the checkpoint is not as it was written.
    """
    import torch

    _, tensors = read(folder, cards.ANSWERS)
    theirs = weights(tensors)
    ours = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    shapes = {name: value.shape for name, value in theirs.items()}
    differing = sorted(name for name in {*ours, *shapes} if ours.get(name) != shapes.get(name))
    if differing:
        name = differing[0]
        raise CheckpointError(
            f"training.start_from: {files.to_root(folder)} is of another network: {name} is {shapes.get(name)} there "
            f"and {ours.get(name)} here ({len(differing)} such)"
        )
    network.load_state_dict({name: torch.as_tensor(value) for name, value in theirs.items()})


def read(folder: Path, fields: Iterable[str] | None) -> tuple[dict, dict[str, np.ndarray]]:
    """Return a checkpoint's card and its tensors, but for its memory.

    Args:
        fields: as for `checkpoint.load`.

    Raises:
        CheckpointError: there is none, or it is not as it was written.
    """
    from safetensors import SafetensorError, safe_open

    card, place = cards.read(folder), files.to_root(folder)
    path = folder / "model.safetensors"
    try:
        if files.digest_file(path) != card["tensors_sha256"]:
            raise CheckpointError(f"{place}: model.safetensors is not the file that model.json describes")
        with safe_open(path, "numpy") as file:
            names = [name for name in file.keys() if not name.startswith(MEMORY)]  # noqa: SIM118
            tensors, metadata = {name: file.get_tensor(name) for name in names}, file.metadata()
    except (SafetensorError, OSError, TypeError) as error:
        raise CheckpointError(f"{place}: model.safetensors cannot be read ({error})") from None
    if field := cards.altered(card, metadata, fields):
        raise CheckpointError(
            f"{place}: model.json: {field} is not what was written with the tensors: take the folder as it was, or "
            "train the model again"
        )
    return card, tensors


def weights(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return those of the network, by its names."""
    return {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
