"""A trained model as two files that anyone can read: safetensors for numbers, JSON for their meaning."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.params.schema import System, Training
from mer.training.job import Job
from mer.training.lineage import lineage, sealed
from mer.training.standardise import Standardiser
from mer.training.task import Task

FORMAT = 2
NEEDED = ("tensors_sha256", "temperature", "model", "modalities", "widths", "layers", "classes", "training")
"""of a card, to answer; the rest says where the model comes from"""


class Unusable(ValueError):
    """A folder that holds no model of ours, a damaged one, or one of another shape."""


def save(folder: Path, model, card: dict) -> None:
    """Write `model.safetensors`, then `model.json`.

    Args:
        model: what `grid.fit` returned.
        card: as from `card`.
    """
    from safetensors.numpy import save_file

    tensors = {f"mean.{m}": mean for m, (mean, _) in model.standardiser.moments.items()}
    tensors |= {f"scale.{m}": scale for m, (_, scale) in model.standardiser.moments.items()}
    tensors |= model.tensors()
    tensors = {name: np.array(value, order="C") for name, value in tensors.items()}
    with files.replacing(folder / "model.safetensors") as partial:
        save_file(tensors, partial)
    digest = files.digest_file(folder / "model.safetensors")
    told = {"format": FORMAT, "tensors_sha256": digest, "temperature": model.temperature}
    files.write_json(folder / "model.json", sealed({**told, **card}))


def load(folder: Path, device: str = "cpu"):
    """Return the model of a folder, ready to predict, and its card.

    Raises:
        Unusable: the folder holds no model, a damaged one, one of another format, or tensors of other shapes than it
            says.
    """
    card, tensors = _read(folder)
    try:
        return _model(card, tensors, device), card
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise Unusable(
            f"{files.to_root(folder)}: its tensors are not those that model.json describes ({error})"
        ) from None


def _model(card: dict, tensors: dict[str, np.ndarray], device: str):
    standardiser = Standardiser({m: (tensors[f"mean.{m}"], tensors[f"scale.{m}"]) for m in card["modalities"]})
    system = System(model=card["model"], modalities=tuple(card["modalities"]))
    if system.is_network:
        model = _network(tensors, card, standardiser, device)
    else:
        model = _linear(system.model).from_tensors(tensors, standardiser)
    model.temperature = float(card["temperature"])
    return model


def read_card(folder: Path) -> dict:
    """Return what a checkpoint says of itself.

    Raises:
        Unusable: the folder holds no model of this format.
    """
    place = files.to_root(folder)
    for wanted in ("model.json", "model.safetensors"):
        if not (folder / wanted).is_file():
            raise Unusable(f"{place}: there is no {wanted}; a checkpoint is a folder with model.json and its tensors")
    card = files.read_json(folder / "model.json")
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        told = card.get("format") if isinstance(card, dict) else None
        raise Unusable(f"{place}: model format {told}, this version reads {FORMAT}")
    if lacking := [name for name in NEEDED if name not in card]:
        raise Unusable(f"{place}: model.json does not say its {lacking[0]}")
    return card


def begin_with(network, folder: Path) -> None:
    """Give a network the weights of a checkpoint of the same shape.

    Raises:
        Unusable: says in what the two differ.
    """
    import torch

    _, tensors = _read(folder)
    theirs = _weights(tensors)
    ours = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    shapes = {name: value.shape for name, value in theirs.items()}
    differing = sorted(name for name in {*ours, *shapes} if ours.get(name) != shapes.get(name))
    if differing:
        name = differing[0]
        raise Unusable(
            f"training.start_from: {files.to_root(folder)} is of another network: {name} is {shapes.get(name)} there "
            f"and {ours.get(name)} here ({len(differing)} such)"
        )
    network.load_state_dict({name: torch.as_tensor(value) for name, value in theirs.items()})


def name(job: Job) -> str:
    """Return the folder name of a job's checkpoint.

    >>> from types import SimpleNamespace
    >>> name(SimpleNamespace(key=("gated", None), seed=2))
    'gated-seed2'
    """
    return f"{job.key[0]}-seed{job.seed}"


def card(
    job: Job, task: Task, specs: dict[str, dict], classes: tuple[str, ...], manifest: pd.DataFrame,
    encoders: Sequence[dict] | None = None,
) -> dict:  # fmt: skip
    """Return what a model's JSON says about it and about what it has seen.

    Args:
        specs: modality -> specification of its features.
        manifest: the usable rows.
        encoders: the networks behind the features, as from `origins.plain` (mer/features/origins.py); without, a model
            on features of a network is one of unknown lineage.
    """
    return {
        "name": name(job),
        "model": job.system.model,
        "modalities": list(job.system.modalities),
        "widths": task.features.widths(job.system.modalities),
        "layers": {m: n for m, n in task.features.layers.items() if m in job.system.modalities},
        "classes": list(classes),
        "seed": job.seed,
        "training": job.training.model_dump(mode="json"),
        "features": {m: specs[m] for m in job.system.modalities},
        **lineage(job, manifest, encoders),
    }


def _read(folder: Path) -> tuple[dict, dict[str, np.ndarray]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    card, place = read_card(folder), files.to_root(folder)
    if files.digest_file(folder / "model.safetensors") != card["tensors_sha256"]:
        raise Unusable(f"{place}: model.safetensors is not the file that model.json describes")
    try:
        return card, load_file(folder / "model.safetensors")
    except SafetensorError as error:
        raise Unusable(f"{place}: model.safetensors cannot be read ({error})") from None


def _weights(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}


def _network(tensors: dict[str, np.ndarray], card: dict, standardiser: Standardiser, device: str):
    import torch

    from mer.training.fitted import Fitted, built

    t = Training.model_validate(card["training"])
    network = built(card["model"], card["widths"], len(card["classes"]), t, card["layers"])
    network.load_state_dict({name: torch.as_tensor(value) for name, value in _weights(tensors).items()})
    return Fitted(network.to(device).eval(), standardiser, tensors["seen"], device,
                  multi_label=t.targets == "multi_label")  # fmt: skip


def _linear(model: str):
    from mer.training.linear import FittedLinear
    from mer.training.svm import FittedKernel

    return FittedKernel if model == "svm_rbf" else FittedLinear
