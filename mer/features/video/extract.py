"""Extraction of a manifest's videos into a feature store."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.features.audio import RecordingChanged
from mer.features.computation import compute_missing
from mer.features.extractor import Unavailable, VectorFunction
from mer.features.store import Store
from mer.features.video.clips import VideoSegment

SHARD = 128
"""The number of segments per shard. An interruption loses at most one shard, up to a second of work per segment."""


def keys(manifest: pd.DataFrame) -> list[str | None]:
    """Return the content address of each row's video segment; None without a video."""
    times = manifest["start"].astype(str) + ":" + manifest["end"].astype(str)
    addresses = zip(manifest["video_sha256"], times, strict=True)
    return [f"{digest}:{seconds}" if pd.notna(digest) else None for digest, seconds in addresses]


def extract(manifest: pd.DataFrame, raw: Path, store: Store, compute: VectorFunction) -> None:
    """Compute the vectors that the store lacks; a video that is unreadable or has no face is stored with a reason.

    Args:
        manifest: usable rows.
        raw: the folder that `video_path` is relative to.
        compute: a function from video segments to vectors.

    Raises:
        RecordingChanged: a file has changed since the dataset was built.
    """
    addresses = keys(manifest)
    sources = dict(zip(addresses, manifest[["video_path", "start", "end"]].itertuples(index=False), strict=True))
    digest = functools.cache(files.digest_file)  # a file may hold many utterances

    def segment(key: str) -> VideoSegment:
        path, start, end = (None if pd.isna(v) else v for v in sources[key])
        try:
            if digest(raw / path) != key.partition(":")[0]:
                raise RecordingChanged(f"{path}: changed after the dataset was built; run step 01 again")
        except FileNotFoundError:
            raise FileNotFoundError(f"{raw / path}: the video does not exist any more; run step 01 again") from None
        return VideoSegment(raw / path, start, end, store.spec["max_seconds"])

    def vectors(batch: list[str]) -> list[np.ndarray | Unavailable]:
        return compute([segment(key) for key in batch])

    compute_missing(store, addresses, vectors, "video", lambda batch: [1] * len(batch), SHARD)
