"""A trained model as two files that anyone can read: safetensors for numbers, JSON for their meaning."""

from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.params.schema import Training
from mer.training.grid import Job
from mer.training.standardise import Standardiser
from mer.training.task import Task

FORMAT = 1


def save(folder: Path, model, card: dict) -> None:
    """Write `model.safetensors`, then `model.json`.

    Args:
        model: what `grid.fit` returned.
        card: JSON types: classes, modalities, widths, training, features, corpora, families, seed, …
    """
    from safetensors.numpy import save_file

    tensors = {f"mean.{m}": mean for m, (mean, _) in model.standardiser.moments.items()}
    tensors |= {f"scale.{m}": scale for m, (_, scale) in model.standardiser.moments.items()}
    if hasattr(model, "network"):
        tensors |= {f"network.{k}": v.cpu().numpy() for k, v in model.network.state_dict().items()}
        tensors["seen"] = model.seen
    else:
        tensors |= model.tensors()
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    with files.replacing(folder / "model.safetensors") as partial:
        save_file(tensors, partial)
    digest = files.digest_file(folder / "model.safetensors")
    files.write_json(folder / "model.json", {"format": FORMAT, "tensors_sha256": digest, **card})


def load(folder: Path, device: str = "cpu"):
    """Return the model of a folder, ready to predict, and its card.

    Raises:
        ValueError: the folder is damaged or of another format.
    """
    from safetensors.numpy import load_file

    card = files.read_json(folder / "model.json")
    if card.get("format") != FORMAT:
        raise ValueError(f"{files.to_root(folder)}: model format {card.get('format')}, this version reads {FORMAT}")
    if files.digest_file(folder / "model.safetensors") != card["tensors_sha256"]:
        raise ValueError(f"{files.to_root(folder)}: model.safetensors is not the file that model.json describes")
    tensors = load_file(folder / "model.safetensors")
    moments = {m: (tensors[f"mean.{m}"], tensors[f"scale.{m}"]) for m in card["modalities"]}
    if card["model"] == "logistic":
        from mer.training.linear import FittedLinear

        return FittedLinear.from_tensors(tensors, Standardiser(moments)), card
    return _network(tensors, card, Standardiser(moments), device), card


def _network(tensors: dict[str, np.ndarray], card: dict, standardiser: Standardiser, device: str):
    import torch

    from mer.models.gated import GatedFusion
    from mer.training.network import Fitted

    t = Training.model_validate(card["training"])
    network = GatedFusion(card["widths"], len(card["classes"]), t.hidden, t.dropout, t.gate, t.missing)
    state = {k.removeprefix("network."): torch.as_tensor(v) for k, v in tensors.items() if k.startswith("network.")}
    network.load_state_dict(state)
    return Fitted(network.to(device).eval(), standardiser, tensors["seen"], device)


def name(job: Job) -> str:
    """Return the folder name of a job's checkpoint.

    >>> from types import SimpleNamespace
    >>> name(SimpleNamespace(key=("gated", None), seed=2))
    'gated-seed2'
    """
    return f"{job.key[0]}-seed{job.seed}"


def card(
    job: Job, training: Training, task: Task, specs: dict[str, dict], classes: tuple[str, ...], manifest: pd.DataFrame
) -> dict:
    """Return what a model's JSON says about it and about what it has seen.

    Args:
        specs: modality -> specification of its features.
        manifest: the usable rows.
    """
    seen = manifest.iloc[np.concatenate([job.train, job.validation])]
    return {
        "name": name(job),
        "model": job.system.model,
        "modalities": list(job.system.modalities),
        "widths": task.features.widths(job.system.modalities),
        "classes": list(classes),
        "seed": job.seed,
        "training": training.model_dump(mode="json"),
        "features": {m: specs[m] for m in job.system.modalities},
        "corpora": sorted(set(seen["corpus"])),
        "families": sorted(set(seen["family"])),
        "rows_sha256": files.digest(sorted(seen["utterance_id"] + " " + seen["audio_sha256"].fillna(""))),
    }
