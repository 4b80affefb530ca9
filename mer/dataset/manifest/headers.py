"""Headers and digests of the files of a manifest, read once per version of a file."""

import multiprocessing
from collections.abc import Iterable
from multiprocessing.context import BaseContext
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mer import files, pools, sealed
from mer.media import audio, video

COLUMNS = {"path": "str", "size": "int64", "mtime_ns": "int64", "ctime_ns": "int64", "seconds": "float64",
           "rate": "Int64", "channels": "Int64", "sha256": "str", "pictures": "bool", "error": "str"}  # fmt: skip
BATCH_FILES = 25_000
"""The number of files after which the cache is saved, so that an interrupted build loses little."""

PARALLEL_FROM = 5000
"""The number of files from which starting processes is worthwhile."""

VERSION = 5
"""The version of the cache. It is raised whenever the same file would get another entry."""


def read_headers(raw: Path, paths: Iterable[str], cache: Path | None = None, jobs: int = 1) -> pd.DataFrame:
    """Return `COLUMNS` for each file, indexed by its path.

    A file with the size and both times of change of a cached entry is not opened again. One time is not enough,
    because copies and renamed files keep their modification time. `error` is the reason why a file has no audio,
    `pictures` is whether it has video. A file with neither is read again each time, because the cause may be gone. A
    file that may have video has a digest in any case.

    Args:
        raw: the folder to which `paths` are relative.
        cache: the folder of the cache, one file per raw folder; None caches nothing.
        jobs: the number of threads or processes.
    """
    requested = sorted(set(paths))
    cache_file = cache / f"scan-{VERSION}-{files.digest(str(raw.resolve()))[:16]}.parquet" if cache else None
    cached = _load(cache_file)
    states = {path: _state(raw / path) for path in requested}
    todo = [path for path in requested if cached.get(path, (None,) * len(COLUMNS))[1:4] != states[path]]
    work, context = pools.Work("reading headers", _read_header), _context(jobs, len(todo))
    with _progress(len(todo)) as bar:
        for first in range(0, len(todo), BATCH_FILES):
            batch = todo[first : first + BATCH_FILES]
            headers = pools.ordered(work, [raw / path for path in batch], jobs, context)
            for path, header in zip(batch, headers, strict=True):
                cached[path] = (path, *states[path], *header)
                bar.update()
            _save(cache_file, cached)
    return _frame([cached[path] for path in requested]).set_index("path")


def _context(jobs: int, count: int) -> BaseContext | None:
    """Return how processes are started for many files, because FFmpeg reads headers under Python's lock and threads
    would wait; None for threads."""
    if jobs == 1 or count < PARALLEL_FROM:
        return None
    return multiprocessing.get_context("spawn")  # not forked: the caller may hold threads of torch or of a notebook


def _progress(total: int) -> tqdm:
    return tqdm(total=total, desc="headers", unit="file", disable=not total, mininterval=1.0)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return -1, -1, -1
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _read_header(path: Path) -> tuple[float | None, int | None, int | None, str | None, bool, str | None]:
    """Return duration (s), rate, channels, digest, whether there is video, and the reason why there is no audio."""
    may_show = path.suffix.lower() in video.SUFFIXES
    try:
        audio_header, error = _read_audio(path)
        digest = files.digest_file(path) if may_show or not error else None
        return *audio_header, digest, may_show and video.has_video(path), error
    except OSError as error:
        return None, None, None, None, False, f"cannot be opened ({error.strerror})"


def _read_audio(path: Path) -> tuple[tuple, str | None]:
    try:
        header = audio.header(path)
        return (header.seconds, header.rate, header.channels), None
    except audio.Unreadable as error:
        return (None, None, None), error.reason


def _load(path: Path | None) -> dict[str, tuple]:
    if path is None or not path.is_file():
        return {}
    try:
        frame = sealed.read_table(path, path.name)[list(COLUMNS)].astype(object)
    except (OSError, ValueError, KeyError) as error:
        sealed.discard(path, error, "all headers are read again")
        return {}
    return {row[0]: row for row in frame.itertuples(index=False, name=None)}


def _save(path: Path | None, cached: dict[str, tuple]) -> None:
    if path is not None:
        complete = _frame([row for row in cached.values() if pd.isna(row[-1]) or row[-2]])
        sealed.write_table(path, path.name, complete)


def _frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
