"""A manifest's recordings, decoded once."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.media import audio
from mer.media import recordings as decoded

SILENCE = "silence"
"""the address of what stands for recordings that cannot be read"""


class RecordingChanged(ValueError):
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


def decode(manifest: pd.DataFrame, raw: Path, folder: Path, spec: dict, jobs: int = 1) -> decoded.Recordings:
    """Decode what is not below `folder` yet, and return all recordings of one specification.

    Args:
        manifest: usable rows.
        raw: the folder that `source_path` is relative to.
        folder: of all stores.
        spec: as `decoded.spec` returns it.
        jobs: threads.

    Raises:
        RecordingChanged: a file has another content than when the dataset was built. Its samples would be stored under
            the digest of the earlier content, and every study would read them.
        FileNotFoundError: it is not there: no property of its content, so it is no failure to be listed.
    """
    wanted = keys(manifest)
    places = dict(zip(wanted, manifest[["source_path", "start", "end"]].itertuples(index=False), strict=True))
    digest = functools.cache(files.digest_file)  # a file may hold many utterances

    def read(key: str) -> np.ndarray:
        if key == SILENCE:
            return np.zeros(round(audio.SILENCE_SECONDS * spec["rate_hz"]), np.float32)
        path, start, end = (None if pd.isna(v) else v for v in places[key])
        place = raw / path
        try:
            if digest(place) != key.partition(":")[0]:
                raise RecordingChanged(f"{path}: changed after the dataset was built: run step 01 again")
        except FileNotFoundError:
            raise FileNotFoundError(f"{place}: the recording is not there any more") from None
        return audio.read_mono(place, start=start, end=end, min_seconds=spec["min_seconds"],
                               max_seconds=spec["max_seconds"], rate_hz=spec["rate_hz"])  # fmt: skip

    recordings = decoded.Recordings(folder, spec)
    recordings.decode([key for key in wanted if key], read, jobs)
    return recordings
