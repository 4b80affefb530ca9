"""Digests of recordings, computed from their decoded samples.

One recording may be stored as WAV or FLAC, with other tags, in one channel or two, inverted or with digital silence
around it. Its digest stays the same, so that a copy is recognised under another name, in another corpus and by a
checkpoint that was trained on it. The audit's search for near-duplicates finds copies that differ in their samples.
"""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mer import pools, sealed
from mer.media import audio

VERSION = 2
"""The version of the digests. It is raised whenever the same samples would get another digest."""
MIN_SAMPLES = 100
"""The number of samples other than zero below which a recording is silence, which identifies nothing."""
FULL_SCALE = 2**15
"""The number of 16-bit steps from zero to the largest sample."""


def samples_digests(
    rows: pd.DataFrame, folder: Path, cache: Path | None = None, jobs: int = 1, *, progress: bool = True
) -> pd.Series:
    """Return the digest of each row's recording, with its index; null for silence and for unreadable recordings.

    Args:
        rows: columns source_path, audio_sha256, start and end (seconds); a row without audio_sha256 has no recording.
        folder: the folder to which paths are relative.
        cache: the folder in which digests are cached by the content of files; None caches none.
        jobs: the number of threads.
        progress: whether a progress bar is shown if recordings are decoded.
    """
    segments = rows[["audio_sha256", "start", "end"]].itertuples(index=False, name=None)
    keys = pd.Series([_key(*segment) for segment in segments], rows.index, "str")
    path = cache / f"samples-{VERSION}.parquet" if cache else None
    cached = _load(path)
    todo = rows.assign(key=keys).dropna(subset=["key"]).drop_duplicates("key")
    todo = todo[~todo["key"].isin(cached.index)]
    segments = list(todo[["source_path", "start", "end"]].itertuples(index=False, name=None))
    work = pools.Work("the digests of recordings", partial(_digest, folder))
    fresh = {}
    with tqdm(total=len(todo), desc="digests", unit="file", disable=todo.empty or not progress, mininterval=1) as bar:
        for key, result in zip(todo["key"], pools.ordered(work, segments, jobs), strict=True):
            fresh[key] = result
            bar.update()
    if fresh:
        cached = pd.concat([cached, pd.Series(fresh, dtype="str")])
        _save(path, cached)
    return cached.reindex(keys).set_axis(rows.index).replace("", None).astype("str")


def _key(sha256: object, start: object, end: object) -> str | None:
    edges = ("" if pd.isna(edge) else repr(float(edge)) for edge in (start, end))
    return ":".join([sha256, *edges]) if isinstance(sha256, str) else None


def digest(samples: np.ndarray) -> str | None:
    """Return the SHA-256 of samples at 16 bits, independent of digital silence at the edges and of polarity.

    Args:
        samples: (n,) in about [-1, 1].

    Returns:
        The digest; None if fewer than `MIN_SAMPLES` differ from zero.

    >>> tone = np.sin(np.arange(800) / 9)
    >>> digest(tone) == digest(-np.pad(tone, 50)), digest(np.zeros(800))
    (True, None)
    """
    steps = np.rint(np.asarray(samples, np.float64) * FULL_SCALE)
    nonzero = np.flatnonzero(steps)
    if len(nonzero) < MIN_SAMPLES:
        return None
    steps = steps[nonzero[0] : nonzero[-1] + 1] * np.sign(steps[nonzero[0]])
    clipped = np.clip(steps, -FULL_SCALE + 1, FULL_SCALE - 1)  # 16 bits cannot hold an inverted -32768
    return hashlib.sha256(clipped.astype("<i2").tobytes()).hexdigest()


def _digest(folder: Path, segment: tuple[str, object, object]) -> str:
    """Return the digest of one segment (path, start, end); empty for silence and for unreadable recordings, whose
    reason the manifest has."""
    path, start, end = folder / segment[0], *segment[1:]
    edges = [None if pd.isna(edge) else float(edge) for edge in (start, end)]
    try:
        return digest(audio.read_native(path, start=edges[0], end=edges[1])[0]) or ""
    except (audio.Unreadable, OSError):
        return ""


def _load(path: Path | None) -> pd.Series:
    if path is not None and path.is_file():
        try:
            return sealed.read_table(path, path.name).drop_duplicates("key").set_index("key")["digest"].astype("str")
        except (OSError, ValueError, KeyError) as error:
            sealed.discard(path, error, "recordings are decoded again")
    return pd.Series(dtype="str", index=pd.Index([], dtype="str", name="key"), name="digest")


def _save(path: Path | None, cached: pd.Series) -> None:
    """Save the digests. Unreadable recordings are tried again each time, because the cause may be gone."""
    if path is not None:
        frame = cached.rename_axis("key").rename("digest").reset_index()
        sealed.write_table(path, path.name, frame[frame["digest"] != ""])
