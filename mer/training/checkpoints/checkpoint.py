"""A trained model as two files that anyone can read: safetensors for numbers, JSON for their meaning.

The two are bound to each other (mer/training/checkpoints/card.py), and every loader refuses what is not as it was
written.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.params.schema import System, Training
from mer.training import baselines
from mer.training.checkpoints import card as cards
from mer.training.checkpoints.card import CheckpointError
from mer.training.checkpoints.lineage import job_exposure, lineage
from mer.training.checkpoints.tensors import read, weights
from mer.training.checkpoints.training_data import Exposure
from mer.training.job import Job
from mer.training.scaling.standardise import Standardiser
from mer.training.task import Task

__all__ = ["CheckpointError", "card", "load", "name", "read_card", "save"]


def save(folder: Path, model, card: dict) -> None:
    """Write `model.safetensors`, then `model.json`.

    Args:
        model: what `grid.fit_job` returned.
        card: as from `card`. The digests that it `remembers` are written beside the weights.
    """
    from safetensors.numpy import save_file

    tensors = {f"mean.{m}": mean for m, (mean, _) in model.standardiser.moments.items()}
    tensors |= {f"scale.{m}": scale for m, (_, scale) in model.standardiser.moments.items()}
    tensors |= model.tensors()
    told = {"format": cards.FORMAT, "temperature": model.temperature, **card}
    if isinstance(told.get("remembers"), Exposure):
        tensors |= told["remembers"].tensors()
        told["remembers"] = told["remembers"].counts()
    told = json.loads(json.dumps(told, allow_nan=False))  # as it is read
    tensors = {name: np.array(value, order="C") for name, value in tensors.items()}
    with files.replacing(folder / "model.safetensors") as partial:
        save_file(tensors, partial, metadata=cards.bond(told))
    told["tensors_sha256"] = files.digest_file(folder / "model.safetensors")
    files.write_json(folder / "model.json", cards.sealed(told))


def load(folder: Path, device: str = "cpu", fields: Iterable[str] | None = cards.ANSWERS):
    """Return the model of a folder, ready to predict, and its card.

    Args:
        fields: of the card that must be as they were written: by default those on which answers depend, None for all.

    Raises:
        CheckpointError: the folder holds no model, a damaged one, one of another format, an edited card, or tensors of
            other shapes than it says.
    """
    card, tensors = read(folder, fields)
    try:
        return _model(card, tensors, device), card
    except (KeyError, TypeError, ValueError, RuntimeError, MemoryError, OverflowError) as error:
        raise CheckpointError(
            f"{files.to_root(folder)}: its tensors are not those that model.json describes ({error})"
        ) from None


def _model(card: dict, tensors: dict[str, np.ndarray], device: str):
    standardiser = Standardiser({m: (tensors[f"mean.{m}"], tensors[f"scale.{m}"]) for m in card["modalities"]})
    system = System(model=card["model"], inputs=tuple(card["modalities"]))
    if system.is_network:
        model = _network(tensors, card, standardiser, device)
    else:
        model = baselines.module(system.model).MODEL.from_tensors(tensors, standardiser)
    model.temperature = float(card["temperature"])
    return model


def read_card(folder: Path) -> dict:
    """Return what a checkpoint says of itself, whether or not it is as it was written.

    Raises:
        CheckpointError: the folder holds no model of this format.
    """
    return cards.read(folder)


def name(job: Job) -> str:
    """Return the folder name of a job's checkpoint.

    >>> from types import SimpleNamespace
    >>> name(SimpleNamespace(system="gated", seed=2))
    'gated-seed2'
    """
    return f"{job.system}-seed{job.seed}"


def card(
    job: Job, task: Task, specs: dict[str, dict], classes: tuple[str, ...], manifest: pd.DataFrame,
    encoders: Sequence[dict] | None = None,
) -> dict:  # fmt: skip
    """Return what a model's JSON says about it and about what it has seen.

    Args:
        specs: modality -> specification of its features.
        manifest: the usable rows.
        encoders: the networks behind the features, as from `network_origins.to_json`; without them, the lineage of a
            model on features of a network is unknown.
    """
    return {
        "name": name(job),
        "system": job.system,
        "model": job.spec.model,
        "modalities": list(job.spec.inputs),
        "widths": task.features.widths(job.spec.inputs),
        "layers": {m: n for m, n in task.features.layers.items() if m in job.spec.inputs},
        "classes": list(classes),
        "seed": job.seed,
        "training": job.training.model_dump(mode="json"),
        "features": {m: specs[m] for m in job.spec.inputs},
        **lineage(job, manifest, encoders),
        "remembers": job_exposure(job, manifest),
    }


def _network(tensors: dict[str, np.ndarray], card: dict, standardiser: Standardiser, device: str):
    import torch

    from mer.training.networks.trained import Shape, TrainedNetwork, build_network

    t = Training.model_validate(card["training"])
    modalities = {name: cards.modality_of(card.get("features", {}), name) for name in card["modalities"]}
    shape = Shape(card["model"], card["widths"], modalities, card["layers"],
                  len(card["classes"]))  # fmt: skip
    network = build_network(shape, t)
    network.load_state_dict({name: torch.as_tensor(value) for name, value in weights(tensors).items()})
    trained_classes = tensors["trained_classes" if "trained_classes" in tensors else "seen"]  # formats 2 and 3
    return TrainedNetwork(network.to(device).eval(), standardiser, trained_classes, device,
                          multi_label=t.targets == "multi_label")  # fmt: skip
