"""Measures of every recording of a manifest, cached by content."""

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from tqdm import tqdm

from mer import pools, sealed
from mer.dataset.audit.measures import measures
from mer.dataset.audit.recording_paths import MEDIA_SUFFIXES, path_inside
from mer.media import container, limits
from mer.media.audio import Unreadable

VERSION = 3
"""The version of the measures. It is raised whenever the same recording would get other values."""
FILE_COLUMNS = ("sample_bits", "coding", "extra_bytes")
"""The columns of the file format. sample_bits: bits per sample, 0 for compressed audio. coding: a number for the
format. extra_bytes: the bytes of a file of uncompressed samples that are not samples, mainly its header; 0 for other
files."""
_NUMBERS = [*measures.COLUMNS, *FILE_COLUMNS, "complete_share"]
COLUMNS = dict.fromkeys(_NUMBERS, "float32") | {"error": "str"}
"""All columns. complete_share: the share of the data that the file's header announces; error: why the recording could
not be measured."""
MAX_SECONDS = 300
"""The longest segment that is measured, in seconds. Of longer ones only `seconds` covers the whole."""
MIN_RATE_HZ, MAX_SAMPLES_PER_SECOND = 1_000, 1_000_000
"""The smallest sampling rate, and the largest rate times channels, that a header may claim. A damaged header could
otherwise request any amount of memory."""
BATCH_RECORDINGS = 8192
"""The number of recordings after which the cache is saved, so that an interrupted step loses little."""
_DAMAGED_BLOCK = 1024
"""The number of samples that are read at once from a damaged file."""
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64, "ULAW": 8,
         "ALAW": 8}  # fmt: skip
_PACKED = ("FLAC", "CAF", "SDS")
"""The formats whose file size does not follow from the number of samples."""


def measure_recordings(
    manifest: pd.DataFrame, folder: Path, cache: Path | None = None, jobs: int = 1, *, progress: bool = True
) -> pd.DataFrame:
    """Return `COLUMNS` for each row, with its index; null if the row names no recording.

    A recording in the cache is not opened again, wherever it lies. Unreadable recordings are tried again each time,
    because the cause may be gone.

    Args:
        manifest: rows with source_path; start and end (seconds) select a segment of it. Rows without audio_sha256
            are not cached.
        folder: the folder to which paths are relative; no file outside it is read.
        cache: the folder of the cache; None caches nothing.
        jobs: the number of threads.
        progress: whether a progress bar is shown.
    """
    rows = manifest.reindex(columns=["source_path", "audio_sha256", "start", "end"])
    keys = pd.Series([_key(*row) for row in rows.itertuples(index=False)], rows.index, "str")
    path = cache / f"measures-{VERSION}.parquet" if cache else None
    cached = _load(path)
    todo = rows.assign(key=keys).dropna(subset=["key"]).drop_duplicates("key").set_index("key")
    todo = todo[~todo.index.isin(cached.index)]
    with tqdm(total=len(todo), desc="measures", unit="file", disable=todo.empty or not progress, mininterval=1) as bar:
        batches = list(_measured_batches(todo, folder, jobs, bar, lambda fresh: _save(path, fresh)))
    cached = pd.concat([cached, *batches])
    return cached.reindex(keys).set_axis(rows.index)


def _key(path: object, digest: object, start: object, end: object) -> str | None:
    """Return the key of a segment in the cache: by the digest of the file if there is one, else by its path."""
    if not isinstance(path, str) or not path.lower().endswith(MEDIA_SUFFIXES):
        return None
    name = f"sha256:{digest}" if isinstance(digest, str) else f"path:{path}"
    edges = ["" if pd.isna(edge) else repr(float(edge)) for edge in (start, end)]
    return ":".join([name, *edges])


def _measured_batches(
    todo: pd.DataFrame, folder: Path, jobs: int, bar: tqdm, save: Callable[[pd.DataFrame], None]
) -> Iterator[pd.DataFrame]:
    """Yield the measures batch by batch; each batch is saved first."""
    work = pools.Work("the audit", partial(_measure_segment, folder))
    for at in range(0, len(todo), BATCH_RECORDINGS):
        batch = todo.iloc[at : at + BATCH_RECORDINGS]
        segments = batch[["source_path", "start", "end"]].itertuples(index=False, name=None)
        results = []
        for result in pools.ordered(work, list(segments), jobs):
            results.append(result)
            bar.update()
        frame = _typed(pd.DataFrame(results, batch.index, columns=list(COLUMNS)))
        save(frame)
        yield frame


def _load(path: Path | None) -> pd.DataFrame:
    if path is not None and path.is_file():
        try:
            return _typed(sealed.read_table(path, path.name).drop_duplicates("key").set_index("key"))
        except (OSError, ValueError, KeyError) as error:
            sealed.discard(path, error, "all recordings are measured again")
    return _typed(pd.DataFrame(columns=list(COLUMNS), index=pd.Index([], dtype="str", name="key")))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `COLUMNS` in their types, with all numbers in one block, because hundreds of blocks are slow."""
    numbers = pd.DataFrame(frame[_NUMBERS].to_numpy("float32"), frame.index, columns=_NUMBERS)
    return numbers.assign(error=frame["error"].astype("str"))


def _save(path: Path | None, fresh: pd.DataFrame) -> None:
    """Add measures to the cache. If two studies save at the same time, one of them has to measure again."""
    retained = fresh[fresh["error"].isna() & fresh.index.str.startswith("sha256:")]
    if path is None or retained.empty:
        return
    sealed.write_table(path, path.name, pd.concat([_load(path), retained]).reset_index(names="key"))


def _measure_segment(folder: Path, segment: tuple[str, object, object]) -> dict[str, float | str | None]:
    """Return the measures of one segment (path, start, end), or the reason why there are none; a damaged file does not
    stop the others."""
    recording, start, end = segment
    edges = (0.0 if pd.isna(start) else float(start), np.inf if pd.isna(end) else float(end))
    try:
        recording = path_inside(folder, recording)
        samples, rate, seconds = (_packed if recording.suffix.lower() in container.SUFFIXES else _plain)(
            recording, *edges
        )
        if len(samples) == 0:
            return {"error": "no samples in the segment"}
        if fault := limits.samples_fault(samples):
            return {"error": fault}
        complete_share = min(_complete_share(recording), len(samples) / rate / min(seconds, MAX_SECONDS))
        file = _file(recording)
    except Unreadable as error:
        return {"error": error.reason}
    except OSError as error:
        return {"error": error.strerror or str(error)}
    values = measures.measure(samples, rate)
    if seconds > MAX_SECONDS:
        values |= {"seconds": seconds, "end_db": np.nan, "trail_s": np.nan}
    return values | file | {"complete_share": min(1.0, complete_share)}


def _plain(path: Path, start: float, end: float) -> tuple[np.ndarray, int, float]:
    """Return the samples (n, channels), the rate, and the duration of the segment by the header (seconds)."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            if not MIN_RATE_HZ <= rate <= MAX_SAMPLES_PER_SECOND / file.channels:
                raise Unreadable(path, f"claims {file.channels} channels of {rate:,} samples per second")
            first, last = (round(min(file.frames, max(0.0, edge) * rate)) for edge in (start, end))
        n_samples = min(last - first, MAX_SECONDS * rate)
        samples = _read(path, first, n_samples, n_samples)
        if len(samples) < n_samples:
            samples = max(samples, _read(path, first, n_samples, _DAMAGED_BLOCK), key=len)
        return samples, rate, (last - first) / rate
    except soundfile.LibsndfileError as error:
        raise Unreadable(path, f"not readable as audio ({error.error_string.strip().rstrip('.')})") from None


def _read(path: Path, first: int, n_samples: int, size: int) -> np.ndarray:
    """Return the samples before the damage in a file; up to `size` samples before it are lost."""
    with soundfile.SoundFile(str(path)) as file:
        blocks = [np.zeros((0, file.channels), "float32")]
        if first:  # a damaged file may not even find its beginning
            file.seek(first)
        while n_samples > 0:
            try:
                blocks.append(file.read(min(size, n_samples), dtype="float32", always_2d=True))
            except soundfile.LibsndfileError:
                break
            if not len(blocks[-1]):
                break
            n_samples -= len(blocks[-1])
    return np.concatenate(blocks)


def _packed(path: Path, start: float, end: float) -> tuple[np.ndarray, int, float]:
    try:
        samples, rate = container.read(path, start, min(end, start + MAX_SECONDS))
        seconds = container.header(path)[0] - start
    except container.NoAudio as error:
        raise Unreadable(path, str(error)) from None
    return samples, rate, max(min(end - start, seconds), len(samples) / rate)


def _file(path: Path) -> dict[str, float]:
    """Return `FILE_COLUMNS` of a file."""
    if path.suffix.lower() in container.SUFFIXES:
        return {"sample_bits": 0, "coding": _name_number(path.suffix.lower()), "extra_bytes": 0}
    about = soundfile.info(str(path))
    bits, extra = _BITS.get(about.subtype, 0), 0
    if bits and about.format not in _PACKED:
        extra = max(0, path.stat().st_size - about.frames * about.channels * bits // 8)
    coding = _name_number(f"{about.format} {about.subtype} {about.endian}")
    return {"sample_bits": bits, "coding": coding, "extra_bytes": extra}


def _name_number(name: str) -> int:
    """Return a reproducible number for a name that float32 represents exactly."""
    return zlib.crc32(name.encode()) % 2**16


def _complete_share(path: Path) -> float:
    """Return the size of a WAV or AIFF file as a share of what its header announces; 1 if the header says nothing
    usable.

    libsndfile reads a truncated file as a short one. Headers of streamed files announce 0 bytes or gigabytes.
    """
    with path.open("rb") as file:
        head = file.read(8)
    order = {b"RIFF": "little", b"FORM": "big"}.get(head[:4])
    announced = 8 + int.from_bytes(head[4:], order) if order else 0
    return path.stat().st_size / announced if 8 < announced < 0x7FFF0000 else 1.0
