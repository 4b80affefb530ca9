"""What a model has seen, by content, and what it was made with."""

import numpy as np
import pandas as pd

from mer import files
from mer.training.job import Job


def lineage(job: Job, manifest: pd.DataFrame) -> dict:
    """Return corpora, families and parts that trained or chose a model, its ancestors', and the state of the code.

    Args:
        manifest: the usable rows; the job's numbers are theirs.
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
        "ancestors": _ancestors(job.training.start_from),
        "git": files.git_state(),
    }


def rows_digest(rows: pd.DataFrame) -> str:
    """Return the SHA-256 of which utterances these are, by name and recording; their order does not matter."""
    return files.digest(sorted(rows["utterance_id"] + " " + rows["audio_sha256"].fillna("")))


def _ancestors(start_from: str | None) -> list[dict]:
    """The checkpoint that training began with, and those that it began with, nearest first."""
    if start_from is None:
        return []
    card = files.read_json(files.from_root(start_from) / "model.json")
    told = {key: card[key] for key in ("name", "tensors_sha256", "corpora", "families", "seen", "features")}
    return [told, *card["ancestors"]]
