"""From a manifest's recordings to vectors in a store."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.features.extractor import Absent, Compute
from mer.features.fill import fill
from mer.features.store import Store
from mer.media import audio

SILENCE = "silence"
"""the address of what stands for recordings that cannot be read"""


class Changed(ValueError):
    """A recording is not the one that the manifest describes any more."""


def keys(manifest: pd.DataFrame) -> list[str | None]:
    """Return the content address of each row's recording; None without one.

    A recording that could not be read has a duration only where the study puts silence in its place.
    """
    stretch = manifest["start"].astype(str) + ":" + manifest["end"].astype(str)
    silent = ~manifest["audio_ok"] & manifest["duration"].notna()
    return [
        SILENCE if quiet else f"{sha}:{part}" if pd.notna(sha) else None
        for sha, part, quiet in zip(manifest["audio_sha256"], stretch, silent, strict=True)
    ]


def extract(manifest: pd.DataFrame, raw: Path, store: Store, compute: Compute) -> None:
    """Compute what the store lacks; a recording that cannot be read is recorded with its reason.

    Args:
        manifest: usable rows.
        raw: the folder that `source_path` is relative to.
        compute: samples -> vectors.

    Raises:
        Changed: a file has another content than when the dataset was built. Its vector would be kept, and given to
            every study, as that of the earlier content.
    """
    wanted = keys(manifest)
    places = dict(zip(wanted, manifest[["source_path", "start", "end"]].itertuples(index=False), strict=True))
    spec, digest = store.spec, functools.cache(files.digest_file)  # a file may hold many utterances

    def samples(key: str) -> np.ndarray | Absent:
        if key == SILENCE:
            return np.zeros(round(audio.SILENCE_SECONDS * spec["rate_hz"]), np.float32)
        path, start, end = (None if pd.isna(v) else v for v in places[key])
        try:
            if digest(raw / path) != key.partition(":")[0]:
                raise Changed(f"{path}: changed after the dataset was built: run step 01 again")
        except FileNotFoundError:
            raise FileNotFoundError(f"{raw / path}: the recording is not there any more") from None
        try:
            return audio.read_mono(raw / path, start=start, end=end, min_seconds=spec["min_seconds"],
                                   max_seconds=spec["max_seconds"], rate_hz=spec["rate_hz"])  # fmt: skip
        except audio.Unreadable as error:  # a missing file is no property of its content: that error goes up
            return Absent(error.reason)

    def vectors(part: list[str]) -> list[np.ndarray | Absent]:
        heard = [samples(key) for key in part]
        done = iter(compute([h for h in heard if not isinstance(h, Absent)]))
        return [h if isinstance(h, Absent) else next(done) for h in heard]

    fill(store, wanted, vectors, "audio")
