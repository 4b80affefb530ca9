"""From a manifest's videos to vectors in a store."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.features.audio import Changed
from mer.features.computation import fill
from mer.features.extractor import Absent, Compute
from mer.features.store import Store
from mer.features.video.clips import Clip

SHARD = 128
"""clips between two savings: up to a second's work each, which an interruption should not undo"""


def keys(manifest: pd.DataFrame) -> list[str | None]:
    """Return the content address of each row's video; None without one."""
    stretch = manifest["start"].astype(str) + ":" + manifest["end"].astype(str)
    addresses = zip(manifest["video_sha256"], stretch, strict=True)
    return [f"{sha}:{part}" if pd.notna(sha) else None for sha, part in addresses]


def extract(manifest: pd.DataFrame, raw: Path, store: Store, compute: Compute) -> None:
    """Compute what the store lacks; a video that cannot be read or shows no face is recorded with its reason.

    Args:
        manifest: usable rows.
        raw: the folder that `video_path` is relative to.
        compute: clips -> vectors.

    Raises:
        Changed: a file has another content than when the dataset was built.
    """
    wanted = keys(manifest)
    places = dict(zip(wanted, manifest[["video_path", "start", "end"]].itertuples(index=False), strict=True))
    digest = functools.cache(files.digest_file)  # a file may hold many utterances

    def clip(key: str) -> Clip:
        path, start, end = (None if pd.isna(v) else v for v in places[key])
        try:
            if digest(raw / path) != key.partition(":")[0]:
                raise Changed(f"{path}: changed after the dataset was built: run step 01 again")
        except FileNotFoundError:
            raise FileNotFoundError(f"{raw / path}: the video is not there any more") from None
        return Clip(raw / path, start, end, store.spec["max_seconds"])

    def vectors(part: list[str]) -> list[np.ndarray | Absent]:
        return compute([clip(key) for key in part])

    fill(store, wanted, vectors, "video", lambda part: [1] * len(part), SHARD)
