"""Extraction of a manifest's videos into a feature store."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.features.audio import RecordingChanged
from mer.features.computation import compute_missing
from mer.features.extractor import Unavailable, VectorFunction
from mer.features.segment_times import segment_times
from mer.features.store import Store
from mer.features.video.clips import VideoSegment
from mer.features.video.crop_store import StoredCrops
from mer.features.video.face_store import SHARD, StoredFaces


def keys(manifest: pd.DataFrame) -> list[str | None]:
    """Return the content address of each row's video segment; None without a video."""
    part = _parts(manifest)
    halves = (":" + part["half"]).fillna("")
    addresses = zip(manifest["video_sha256"], segment_times(part["start"], part["end"]), halves, strict=True)
    return [f"{digest}:{times}{half}" if pd.notna(digest) else None for digest, times, half in addresses]


def _parts(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return path, start, end and half of each row's video."""
    own = manifest.reindex(columns=["video_start", "video_end", "start", "end"]).astype("Float64")
    start, end = (own[f"video_{name}"].fillna(own[name]) for name in ("start", "end"))
    half = manifest.reindex(columns=["video_half"])["video_half"].astype("str")
    return pd.DataFrame({"path": manifest["video_path"], "start": start, "end": end, "half": half})


def extract(
    manifest: pd.DataFrame, raw: Path, store: Store, compute: VectorFunction, faces: StoredFaces | StoredCrops
) -> None:
    """Compute the vectors that the store lacks; a video that is unreadable or has no face is stored with a reason.

    A video is searched for its face only if no other input with the same search has done it.

    Args:
        manifest: usable rows.
        raw: the folder that `video_path` is relative to.
        store: the store of the vectors.
        compute: a function from video segments to vectors.
        faces: the faces that were selected. If their crops are stored, those of all videos are made, whatever vectors
            are stored, and the vectors are computed from them.

    Raises:
        RecordingChanged: a file has changed since the dataset was built.
    """
    addresses = keys(manifest)
    segment = segment_function(manifest, raw, store.spec["max_seconds"])
    present = [key for key in addresses if key]
    store.repair(present)
    faces.find(present if isinstance(faces, StoredCrops) else store.missing(present), segment)

    def vectors(batch: list[str]) -> list[np.ndarray | Unavailable]:
        return compute(faces.with_faces(batch, segment))

    compute_missing(store, addresses, vectors, "video", lambda batch: [1] * len(batch), SHARD)


def segment_function(manifest: pd.DataFrame, raw: Path, max_seconds: float) -> Callable[[str], VideoSegment]:
    """Return the function from the content address of a row to its video segment.

    The function raises `RecordingChanged` if the file has changed since the dataset was built, and `FileNotFoundError`
    if it does not exist.

    Args:
        manifest: rows with a video.
        raw: the folder that `video_path` is relative to.
        max_seconds: the longest segment; a longer one is cropped at its end.
    """
    sources = dict(zip(keys(manifest), _parts(manifest).itertuples(index=False), strict=True))
    digest = functools.cache(files.digest_file)  # a file may hold many utterances

    def segment(key: str) -> VideoSegment:
        path, start, end, half = (None if pd.isna(v) else v for v in sources[key])
        try:
            if digest(raw / path) != key.partition(":")[0]:
                raise RecordingChanged(f"{path}: changed after the dataset was built; run step 01 again")
        except FileNotFoundError:
            raise FileNotFoundError(f"{raw / path}: the video does not exist any more; run step 01 again") from None
        return VideoSegment(raw / path, start, end, max_seconds, half)

    return segment
