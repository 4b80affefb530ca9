"""What a model has seen, by content, and what it was made with."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mer import files
from mer.training.job import Job

SELF = "card_sha256"
"""a card's digest of all that it says besides"""
TOLD = ("name", "tensors_sha256", "corpora", "families", "seen", "features", "encoders", SELF)
"""what a model keeps of each of its ancestors' cards"""
NEEDED = {*TOLD, "rows_sha256", "ancestors"}
WHOLE, ALTERED, MISSING = "whole", "altered", "missing"
"""what a card's lineage can be"""


def lineage(job: Job, manifest: pd.DataFrame, encoders: Sequence[dict] | None = None) -> dict:
    """Return corpora, families and parts that trained or chose a model, its ancestors', and the state of the code.

    Args:
        manifest: the usable rows; the job's numbers are theirs.
        encoders: the networks behind the features (mer/features/origins.py); None where nobody has told.
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
        "encoders": None if encoders is None else [e for e in encoders if e["modality"] in job.system.modalities],
        "ancestors": _ancestors(job.training.start_from),
        "git": files.git_state(),
    }


def rows_digest(rows: pd.DataFrame) -> str:
    """Return the SHA-256 of which utterances these are, by name and recording; their order does not matter."""
    return files.digest(sorted(rows["utterance_id"] + " " + rows["audio_sha256"].fillna("")))


def sealed(card: dict) -> dict:
    """Return a card with its own digest, by which edits are noticed.

    A digest is no signature: who wants to deceive can compute another. It keeps a lineage from being lost by hand.
    """
    return {**card, SELF: _digest(card)}


def verdict(card: dict) -> str:
    """Say whether a card's lineage is whole, altered since it was written, or missing.

    >>> card = sealed({name: [] for name in NEEDED - {SELF}})
    >>> verdict(card), verdict(card | {"families": ["emodb"]}), verdict({"name": "old"})
    ('whole', 'altered', 'missing')
    """
    if NEEDED - card.keys():
        return MISSING
    try:
        return WHOLE if card[SELF] == _digest(card) else ALTERED
    except ValueError:  # NaN, which nobody wrote here
        return ALTERED


def _digest(card: dict) -> str:
    return files.digest({name: value for name, value in card.items() if name != SELF})


def _ancestors(start_from: str | None) -> list[dict]:
    """The checkpoint that training began with, and those that it began with, nearest first.

    What is missing there is empty here, and `lineage` says that it was: a model that begins with one of unknown descent
    is of unknown descent itself.
    """
    if start_from is None:
        return []
    card = files.read_json(files.from_root(start_from) / "model.json")
    told = {key: card.get(key) for key in TOLD} | {"lineage": verdict(card)}
    for listed in ("corpora", "families"):
        told[listed] = told[listed] or []
    further = card.get("ancestors")
    return [told, *(further if isinstance(further, list) else [])]
