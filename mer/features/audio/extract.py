"""From a manifest's recordings to vectors in a store."""

from pathlib import Path

import numpy as np
import pandas as pd

from mer.features.audio import recordings
from mer.features.computation import compute_missing
from mer.features.extractor import Unavailable, VectorFunction
from mer.features.store import Store
from mer.media import recordings as decoded

PART_SECONDS = 3600
"""of sound between two savings: an encoder may need as long for it"""


def extract(manifest: pd.DataFrame, raw: Path, store: Store, compute: VectorFunction, jobs: int = 1) -> None:
    """Decode what is not decoded, and compute what the store lacks.

    A recording that cannot be read is recorded with its reason.

    Args:
        manifest: usable rows.
        raw: the folder that `source_path` is relative to.
        compute: samples -> vectors. It gets `decoded.AudioClips`, which reads each recording when it is asked for, and
            has their lengths; so a part need not be in memory.
        jobs: threads of the decoding.

    Raises:
        RecordingChanged: a file that is not decoded yet has another content than when the dataset was built.
    """
    wanted = recordings.keys(manifest)
    there = [key for key in wanted if key]
    store.repair(there)
    lacking = store.missing(there)
    rows = manifest[pd.Series(wanted, manifest.index, dtype="str").isin(lacking)]
    spec = decoded.spec(store.spec["min_seconds"], store.spec["max_seconds"], store.spec["rate_hz"])
    heard = recordings.decode(rows, raw, store.folder.parent, spec, jobs)

    def vectors(part: list[str]) -> list[np.ndarray | Unavailable]:
        errors = heard.errors(part)
        readable = [key for key, error in zip(part, errors, strict=True) if error is None]
        done = iter(compute(heard.select(readable)) if readable else [])
        return [next(done) if error is None else Unavailable(error) for error in errors]

    compute_missing(store, wanted, vectors, "audio", heard.lengths, PART_SECONDS * spec["rate_hz"])
