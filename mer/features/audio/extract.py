"""Extraction of a manifest's recordings into a feature store."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer.features import sharing
from mer.features.audio import recordings
from mer.features.computation import compute_missing
from mer.features.extractor import Unavailable, VectorFunction
from mer.features.store import Store
from mer.media import recordings as decoded

BATCH_SECONDS = 3600
"""The duration of audio per saved batch, in seconds. An interruption loses at most one batch."""


def extract(manifest: pd.DataFrame, raw: Path, store: Store, compute: VectorFunction, jobs: int = 1) -> None:
    """Decode the recordings that are not decoded yet, and compute the vectors that the store lacks.

    An unreadable recording is stored with a reason.

    Args:
        manifest: usable rows.
        raw: the folder that `source_path` is relative to.
        compute: function from recordings to vectors. It gets `decoded.AudioClips`, which has their lengths and reads
            each recording when it is accessed, so a batch need not fit into memory.
        jobs: number of threads that decode.

    Raises:
        RecordingChanged: a file that is not decoded yet has changed since the dataset was built.
    """
    addresses = recordings.keys(manifest)
    keys = [key for key in addresses if key]
    store.repair(keys)
    sharing.fetch(store, keys)  # before recordings are decoded, which those that others have computed need not be
    missing = store.missing(keys)
    rows = manifest[pd.Series(addresses, manifest.index, dtype="str").isin(missing)]
    spec = recording_spec(store)
    extract_decoded(addresses, recordings.decode(rows, raw, store.folder.parent, spec, jobs), store, compute)


def recording_spec(store: Store) -> dict:
    """Return how the recordings of a store's vectors are decoded."""
    return decoded.spec(store.spec["min_seconds"], store.spec["max_seconds"], store.spec["rate_hz"])


def extract_decoded(
    keys: Sequence[str | None], audio: decoded.Recordings, store: Store, compute: VectorFunction
) -> None:
    """Compute the vectors of decoded recordings that the store lacks.

    Args:
        keys: addresses of the recordings; None is left out.
        audio: the recordings.
        compute: as for `extract`.
    """

    def vectors(batch: list[str]) -> list[np.ndarray | Unavailable]:
        errors = audio.errors(batch)
        readable = [key for key, error in zip(batch, errors, strict=True) if error is None]
        results = iter(compute(audio.select(readable)) if readable else [])
        return [next(results) if error is None else Unavailable(error) for error in errors]

    compute_missing(store, keys, vectors, "audio", audio.lengths, BATCH_SECONDS * audio.spec["rate_hz"])
