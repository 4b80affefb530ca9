"""The recordings of a manifest: their addresses, and decoding."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files
from mer.features.segment_times import segment_times
from mer.media import audio
from mer.media import recordings as decoded

SILENCE = "silence"
"""The address of the silence that replaces unreadable recordings."""


class RecordingChanged(ValueError):
    """A file has changed since the manifest was built."""


def keys(manifest: pd.DataFrame) -> list[str | None]:
    """Return the content address of each row's recording; None without one.

    An unreadable recording has a duration only if the study replaces it by silence.
    """
    times = segment_times(manifest["start"], manifest["end"])
    silent = ~manifest["audio_ok"] & manifest["duration"].notna()
    return [
        SILENCE if is_silent else f"{digest}:{seconds}" if pd.notna(digest) else None
        for digest, seconds, is_silent in zip(manifest["audio_sha256"], times, silent, strict=True)
    ]


def decode(manifest: pd.DataFrame, raw: Path, folder: Path, spec: dict, jobs: int = 1) -> decoded.Recordings:
    """Decode the recordings that are not below `folder` yet, and return all recordings of one specification.

    Args:
        manifest: usable rows.
        raw: the folder that `source_path` is relative to.
        folder: folder of all stores.
        spec: specification, as returned by `decoded.spec`.
        jobs: number of threads.

    Raises:
        RecordingChanged: a file has changed since the dataset was built. Its samples would be stored under the digest
            of the earlier content, and every study would read them.
        FileNotFoundError: a file does not exist. Its content cannot be judged, so this is not stored as a failure.
    """
    addresses = keys(manifest)
    sources = dict(zip(addresses, manifest[["source_path", "start", "end"]].itertuples(index=False), strict=True))
    digest = functools.cache(files.digest_file)  # a file may hold many utterances

    def read(key: str) -> np.ndarray:
        if key == SILENCE:
            return np.zeros(round(audio.SILENCE_SECONDS * spec["rate_hz"]), np.float32)
        name, start, end = (None if pd.isna(v) else v for v in sources[key])
        path = raw / name
        try:
            if digest(path) != key.partition(":")[0]:
                raise RecordingChanged(f"{name}: changed after the dataset was built; run step 01 again")
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: the recording does not exist any more; run step 01 again") from None
        return audio.read_mono(path, start=start, end=end, min_seconds=spec["min_seconds"],
                               max_seconds=spec["max_seconds"], rate_hz=spec["rate_hz"])  # fmt: skip

    recordings = decoded.Recordings(folder, spec)
    recordings.decode([key for key in addresses if key], read, jobs)
    return recordings
