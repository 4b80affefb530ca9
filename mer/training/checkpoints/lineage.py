"""The lineage of a model: its training and validation rows, its initial checkpoints, and whether all are known."""

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.training.checkpoints import training_data
from mer.training.checkpoints.binding import SELF, edited_field, seal_holds
from mer.training.checkpoints.card import Ancestor, RowsDigest
from mer.training.checkpoints.folder import TENSORS, Checkpoint, open_checkpoint
from mer.training.checkpoints.older_formats import OLDER_PREFIX
from mer.training.checkpoints.training_data import Exposure
from mer.training.job import Job

INHERITED_FIELDS = ("name", "tensors_sha256", "corpora", "families", "training_rows", "features", "encoders", SELF)
"""The fields of an initial checkpoint's card that the card of a model stores."""
REQUIRED_FIELDS = {*INHERITED_FIELDS, "rows_sha256", "ancestors", "exposure"}
"""The fields without which the lineage of a model is not known."""
COMPLETE, ALTERED, MISSING = "whole", "altered", "missing"
"""The status of a lineage."""


def lineage(job: Job, manifest: pd.DataFrame, encoders: Sequence[dict] | None = None) -> dict:
    """Return the fields of a card about training data, encoders, initial checkpoints and the state of the code.

    Args:
        manifest: the usable rows; the job's numbers are theirs.
        encoders: the networks behind the features (mer/features/network_origins.py); None if nobody has listed them.
    """
    rows = manifest.iloc[np.concatenate([job.train, job.validation])]
    parts = {
        part: {
            str(corpus): RowsDigest(rows=len(own), sha256=rows_digest(own))
            for corpus, own in manifest.iloc[numbers].groupby("corpus", sort=True)
        }
        for part, numbers in (("train", job.train), ("validation", job.validation))
    }
    return {
        "corpora": sorted(set(rows["corpus"])),
        "families": sorted(set(rows["family"])),
        "rows_sha256": rows_digest(rows),
        "training_rows": parts,
        "encoders": None if encoders is None else [e for e in encoders if e["input"] in job.spec.inputs],
        "ancestors": _ancestors(_initial_checkpoint(job)),
        "git": files.git_state(),
    }


def rows_digest(rows: pd.DataFrame) -> str:
    """Return the SHA-256 of which utterances these are, by name and recording; their order does not matter."""
    return files.digest(sorted(rows["utterance_id"] + " " + rows["audio_sha256"].fillna("")))


def job_exposure(job: Job, manifest: pd.DataFrame) -> Exposure:
    """Return the exposure of a training, with that of its initial checkpoint.

    If an earlier version wrote the initial checkpoint, its exposure is unknown; the status of its lineage says so.
    """
    own = training_data.exposure_of(manifest, job.train, job.validation)
    if (start_from := _initial_checkpoint(job)) is None:
        return own
    initial = stored_exposure(files.from_root(start_from))
    return own if initial is None else own.merged(initial)


def stored_exposure(folder: Path) -> Exposure | None:
    """Return the exposure of a checkpoint and its ancestors; None if it is not stored."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / TENSORS, "numpy") as file:
            names = [name for name in file.keys() if name.startswith((training_data.PREFIX, OLDER_PREFIX))]  # noqa: SIM118
            return training_data.from_tensors({name: file.get_tensor(name) for name in names})
    except (SafetensorError, OSError, ValueError, TypeError):
        return None


def status(checkpoint: Checkpoint) -> str:
    """Return whether the lineage of a checkpoint is complete, altered since it was written, or missing.

    It is complete if card, tensors and digests of the training data belong together, for an ensemble also those of all
    members. Checkpoints of early versions store no such digests: their lineage is missing.
    """
    states = {_own_status(checkpoint), *map(status, checkpoint.members)}
    return next((state for state in (MISSING, ALTERED) if state in states), COMPLETE)


def _own_status(checkpoint: Checkpoint) -> str:
    if REQUIRED_FIELDS - checkpoint.card.model_fields_set:
        return MISSING
    try:
        is_whole = files.digest_file(checkpoint.folder / TENSORS) == checkpoint.card.tensors_sha256
    except OSError:
        is_whole = False
    is_whole &= [m.card_sha256 for m in checkpoint.card.members] == [m.written.get(SELF) for m in checkpoint.members]
    if not is_whole or not seal_holds(checkpoint.written) or edited_field(checkpoint.written, metadata(checkpoint)):
        return ALTERED
    stored = stored_exposure(checkpoint.folder)
    counts = checkpoint.card.exposure
    if stored is None or not counts or stored.counts() != counts.model_dump():
        return MISSING
    of_members = merged_exposure(checkpoint.members) if checkpoint.members else stored
    return COMPLETE if of_members is None or of_members.counts() == stored.counts() else ALTERED


def full_exposure(checkpoint: Checkpoint) -> Exposure | None:
    """Return the exposure of a checkpoint and all of its ancestors; None if that of one of them is unknown."""
    if checkpoint.members and merged_exposure(checkpoint.members) is None:
        return None
    states = {status(checkpoint), *(ancestor.lineage for ancestor in checkpoint.card.ancestors)}
    return stored_exposure(checkpoint.folder) if states == {COMPLETE} else None


def merged_exposure(members: Sequence[Checkpoint]) -> Exposure | None:
    """Return the exposure of several models together; None if that of one of them is unknown."""
    exposures = [full_exposure(member) for member in members]
    return None if any(one is None for one in exposures) else reduce(Exposure.merged, exposures)


def metadata(checkpoint: Checkpoint) -> dict[str, str] | None:
    """Return the metadata of a checkpoint's tensors; None if the file cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(checkpoint.folder / TENSORS, "numpy") as file:
            return file.metadata()
    except (SafetensorError, OSError):
        return None


def _initial_checkpoint(job: Job) -> str | None:
    """The initial checkpoint of a training; classical models have none, whatever the parameter says."""
    return job.training.start_from if job.spec.is_network else None


def _ancestors(start_from: str | None) -> list[Ancestor]:
    """The initial checkpoint and its own ancestors, nearest first.

    Fields that its card lacks stay empty, and `lineage` says so: a model whose initial checkpoint has an unknown
    lineage has an unknown lineage itself.
    """
    if start_from is None:
        return []
    checkpoint = open_checkpoint(files.from_root(start_from))
    fields = {name: getattr(checkpoint.card, name) for name in INHERITED_FIELDS}
    return [Ancestor(**fields, lineage=status(checkpoint)), *checkpoint.card.ancestors]
