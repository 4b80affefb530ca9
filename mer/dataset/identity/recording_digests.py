"""Which recording an utterance is: a digest of its decoded samples, whatever file it lies in.

One recording may be stored as WAV or FLAC, with other tags, in one channel or two, inverted or with digital silence
around it. Its digest stays the same, so that a copy is recognised under another name, in another corpus and by a
checkpoint that has been trained on it. Copies that differ in their samples are found by `mer.dataset.audit.near_pairs`.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mer import sealed
from mer.media import audio

VERSION = 2
"""raised whenever the same samples would have another digest"""
FEWEST_SAMPLES = 100
"""other than zero, below which a recording is taken for silence, which is the same everywhere and identifies nothing"""
FULL_SCALE = 2**15
"""steps of 16 bits from zero to the largest sample"""


def samples_digests(
    rows: pd.DataFrame, folder: Path, cache: Path | None = None, jobs: int = 1, *, progress: bool = True
) -> pd.Series:
    """Return the digest of each row's recording, with its index; null for silence and for what cannot be read.

    Args:
        rows: columns source_path, audio_sha256, start and end (seconds); a row without audio_sha256 has no recording.
        folder: the folder that paths are relative to.
        cache: the folder in which digests are kept by the content of files; None keeps none.
        jobs: threads.
        progress: whether a bar is shown where something is decoded.
    """
    stretches = rows[["audio_sha256", "start", "end"]].itertuples(index=False, name=None)
    keys = pd.Series([_key(*stretch) for stretch in stretches], rows.index, "str")
    place = cache / f"samples-{VERSION}.parquet" if cache else None
    known = _load(place)
    todo = rows.assign(key=keys).dropna(subset=["key"]).drop_duplicates("key")
    todo = todo[~todo["key"].isin(known.index)]
    with (
        ThreadPoolExecutor(max(1, jobs)) as pool,
        tqdm(total=len(todo), desc="identity", unit="file", disable=todo.empty or not progress, mininterval=1) as bar,
    ):
        fresh = {}
        work = lambda row: _digest(folder / row.source_path, row.start, row.end)  # noqa: E731
        for key, found in zip(todo["key"], pool.map(work, todo.itertuples()), strict=True):
            fresh[key] = found
            bar.update()
    if fresh:
        known = pd.concat([known, pd.Series(fresh, dtype="str")])
        _save(place, known)
    return known.reindex(keys).set_axis(rows.index).replace("", None).astype("str")


def _key(sha256: object, start: object, end: object) -> str | None:
    edges = ("" if pd.isna(edge) else repr(float(edge)) for edge in (start, end))
    return ":".join([sha256, *edges]) if isinstance(sha256, str) else None


def digest(samples: np.ndarray) -> str | None:
    """Return the SHA-256 of samples at 16 bits, without digital silence at the edges and without their sign.

    Args:
        samples: (n,) in about [-1, 1].

    Returns:
        None where fewer than `FEWEST_SAMPLES` differ from zero.

    >>> tone = np.sin(np.arange(800) / 9)
    >>> digest(tone) == digest(-np.pad(tone, 50)), digest(np.zeros(800))
    (True, None)
    """
    steps = np.rint(np.asarray(samples, np.float64) * FULL_SCALE)
    filled = np.flatnonzero(steps)
    if len(filled) < FEWEST_SAMPLES:
        return None
    steps = steps[filled[0] : filled[-1] + 1] * np.sign(steps[filled[0]])
    limited = np.clip(steps, -FULL_SCALE + 1, FULL_SCALE - 1)  # an inverted -32768 has no place in 16 bits
    return hashlib.sha256(limited.astype("<i2").tobytes()).hexdigest()


def _digest(path: Path, start: object, end: object) -> str:
    """The digest of one stretch; empty for silence, and for what cannot be read, whose reason the manifest has."""
    edges = [None if pd.isna(edge) else float(edge) for edge in (start, end)]
    try:
        return digest(audio.read_native(path, start=edges[0], end=edges[1])[0]) or ""
    except (audio.Unreadable, OSError):
        return ""


def _load(place: Path | None) -> pd.Series:
    if place is not None and place.is_file():
        try:
            return sealed.read_table(place, place.name).drop_duplicates("key").set_index("key")["digest"].astype("str")
        except (OSError, ValueError, KeyError) as error:
            sealed.discard(place, error, "recordings are decoded again")
    return pd.Series(dtype="str", index=pd.Index([], dtype="str", name="key"), name="digest")


def _save(place: Path | None, known: pd.Series) -> None:
    """Keep the digests. What could not be read is tried anew each time, as the reason may be gone."""
    if place is not None:
        frame = known.rename_axis("key").rename("digest").reset_index()
        sealed.write_table(place, place.name, frame[frame["digest"] != ""])
