"""What a model has seen, by content, and what it was made with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.training.checkpoints import card as cards
from mer.training.checkpoints import training_data as memories
from mer.training.checkpoints.card import sealed
from mer.training.checkpoints.training_data import Exposure
from mer.training.job import Job

__all__ = [
    "ALTERED",
    "COMPLETE",
    "MISSING",
    "REQUIRED_FIELDS",
    "card_status",
    "checkpoint_status",
    "full_exposure",
    "job_exposure",
    "lineage",
    "rows_digest",
    "sealed",
    "stored_exposure",
]  # fmt: skip

ANCESTOR_FIELDS = ("name", "tensors_sha256", "corpora", "families", "seen", "features", "encoders", cards.SELF)
"""what a model keeps of each of its ancestors' cards"""
REQUIRED_FIELDS = {*ANCESTOR_FIELDS, "rows_sha256", "ancestors", "remembers"}
COMPLETE, ALTERED, MISSING = "whole", "altered", "missing"
"""what a card's lineage can be"""


def lineage(job: Job, manifest: pd.DataFrame, encoders: Sequence[dict] | None = None) -> dict:
    """Return corpora, families and parts that trained or chose a model, its ancestors', and the state of the code.

    Args:
        manifest: the usable rows; the job's numbers are theirs.
        encoders: the networks behind the features (mer/features/network_origins.py); None where nobody has told.
    """
    seen = manifest.iloc[np.concatenate([job.train, job.validation])]
    parts = {
        role: {
            str(corpus): {"rows": len(rows), "sha256": rows_digest(rows)}
            for corpus, rows in manifest.iloc[numbers].groupby("corpus", sort=True)
        }
        for role, numbers in (("train", job.train), ("validation", job.validation))
    }
    return {
        "corpora": sorted(set(seen["corpus"])),
        "families": sorted(set(seen["family"])),
        "rows_sha256": rows_digest(seen),
        "seen": parts,
        "encoders": None if encoders is None else [e for e in encoders if e["input"] in job.spec.inputs],
        "ancestors": _ancestors(_initial_checkpoint(job)),
        "git": files.git_state(),
    }


def rows_digest(rows: pd.DataFrame) -> str:
    """Return the SHA-256 of which utterances these are, by name and recording; their order does not matter."""
    return files.digest(sorted(rows["utterance_id"] + " " + rows["audio_sha256"].fillna("")))


def job_exposure(job: Job, manifest: pd.DataFrame) -> Exposure:
    """Return digests of all that a training sees, and of what the checkpoint has seen that it begins with.

    The training data of a checkpoint of an earlier version are unknown: `checkpoint_status` says so.
    """
    own = memories.exposure_of(manifest, job.train, job.validation)
    before = None if (start_from := _initial_checkpoint(job)) is None else stored_exposure(files.from_root(start_from))
    return own if before is None else own.merged(before)


def stored_exposure(folder: Path) -> Exposure | None:
    """Return what a checkpoint keeps of what it and its ancestors have seen; None where it keeps nothing."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "model.safetensors", "numpy") as file:
            names = [name for name in file.keys() if name.startswith(cards.MEMORY)]  # noqa: SIM118
            return memories.from_tensors({name: file.get_tensor(name) for name in names})
    except (SafetensorError, OSError, ValueError, TypeError):
        return None


def card_status(card: dict) -> str:
    """Say by a card alone whether its lineage is whole, altered since it was written, or missing.

    >>> card = sealed({name: [] for name in REQUIRED_FIELDS - {"card_sha256"}})
    >>> card_status(card), card_status(card | {"families": ["emodb"]}), card_status({"name": "old"})
    ('whole', 'altered', 'missing')
    """
    if REQUIRED_FIELDS - card.keys():
        return MISSING
    return COMPLETE if cards.seal_holds(card) else ALTERED


def checkpoint_status(card: dict, folder: Path) -> str:
    """Say whether the lineage of a checkpoint is whole: card, tensors and digests of what it has seen go together.

    One of an earlier version keeps no such digests, and its lineage is missing.
    """
    if (told := card_status(card)) == MISSING:
        return MISSING
    try:
        whole = files.digest_file(folder / "model.safetensors") == card["tensors_sha256"]
    except OSError:
        whole = False
    if not whole or told == ALTERED or cards.altered(card, metadata(folder)):
        return ALTERED
    known = stored_exposure(folder)
    return COMPLETE if known is not None and known.counts() == card["remembers"] else MISSING


def full_exposure(card: dict, folder: Path) -> Exposure | None:
    """Return all that a checkpoint and those that it began with have seen; None where one of them does not say it."""
    told = [checkpoint_status(card, folder), *(ancestor.get("lineage") for ancestor in card.get("ancestors", []))]
    return stored_exposure(folder) if set(told) == {COMPLETE} else None


def metadata(folder: Path) -> dict[str, str] | None:
    """Return what a checkpoint's tensors say of their card; None where the file cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "model.safetensors", "numpy") as file:
            return file.metadata()
    except (SafetensorError, OSError):
        return None


def _initial_checkpoint(job: Job) -> str | None:
    """The checkpoint that a training begins with: linear models begin with none, whatever the parameter says."""
    return job.training.start_from if job.spec.is_network else None


def _ancestors(start_from: str | None) -> list[dict]:
    """The checkpoint that training began with, and those that it began with, nearest first.

    What is missing there is empty here, and `lineage` says that it was: a model that begins with one of unknown descent
    is of unknown descent itself.
    """
    if start_from is None:
        return []
    folder = files.from_root(start_from)
    card = cards.read(folder)
    told = {key: card.get(key) for key in ANCESTOR_FIELDS} | {"lineage": checkpoint_status(card, folder)}
    for listed in ("corpora", "families"):
        told[listed] = told[listed] or []
    return [told, *card.get("ancestors", [])]
