"""What the files of a manifest say of themselves: header and digest, looked up once per version of a file."""

import multiprocessing
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from mer import files, sealed
from mer.media import audio, video

COLUMNS = {"path": "str", "size": "int64", "mtime_ns": "int64", "ctime_ns": "int64", "seconds": "float64",
           "rate": "Int64", "channels": "Int64", "sha256": "str", "pictures": "bool", "error": "str"}  # fmt: skip
BATCH = 25_000
"""files between two savings: what an interrupted build has looked up is not lost"""

MANY = 5000
"""files from which on processes pay for their start"""

VERSION = 4
"""raised whenever the same file would be described in another way"""


def scan(raw: Path, paths: Iterable[str], cache: Path | None = None, jobs: int = 1) -> pd.DataFrame:
    """Return `COLUMNS` for each file, indexed by its path.

    A file whose size and times of change are those of an earlier scan is not opened again. Two times, because a copy
    keeps the one of its content, and files that swap their names keep it, too. `error` says why nothing
    of a file can be heard, `pictures` whether there is something to see; what has neither is looked at anew each time,
    as the reason may be gone. A file that may hold pictures has its digest even so.

    Args:
        raw: the folder that `paths` are relative to.
        cache: the folder in which earlier scans are kept, one file per raw folder; None keeps none.
        jobs: threads or processes.
    """
    wanted = sorted(set(paths))
    place = cache / f"scan-{VERSION}-{files.digest(str(raw.resolve()))[:16]}.parquet" if cache else None
    known = _load(place)
    stats = {path: _stat(raw / path) for path in wanted}
    todo = [path for path in wanted if known.get(path, (None,) * len(COLUMNS))[1:4] != stats[path]]
    with _workers(jobs, len(todo)) as pool, _progress(len(todo)) as bar:
        for first in range(0, len(todo), BATCH):
            part = todo[first : first + BATCH]
            for path, found in zip(part, pool.map(_look, [raw / p for p in part], chunksize=64), strict=True):
                known[path] = (path, *stats[path], *found)
                bar.update()
            _save(place, known)
    return _frame([known[path] for path in wanted]).set_index("path")


def _workers(jobs: int, count: int) -> Executor:
    """Processes where there is much to do: FFmpeg's headers are read under Python's lock, so threads would wait."""
    if jobs == 1 or count < MANY:
        return ThreadPoolExecutor(max(1, jobs))
    # spawned, not forked: the caller may hold threads of torch or of a notebook
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def _progress(total: int) -> tqdm:
    return tqdm(total=total, desc="headers", unit="file", disable=not total, mininterval=1.0)


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return -1, -1, -1
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _look(path: Path) -> tuple[float | None, int | None, int | None, str | None, bool, str | None]:
    """Seconds, rate, channels, digest and whether there are pictures; or why nothing can be heard."""
    may_show = path.suffix.lower() in video.SUFFIXES
    try:
        sound, error = _sound(path)
        digest = files.digest_file(path) if may_show or not error else None
        return *sound, digest, may_show and video.has_video(path), error
    except OSError as error:
        return None, None, None, None, False, f"cannot be opened ({error.strerror})"


def _sound(path: Path) -> tuple[tuple, str | None]:
    try:
        header = audio.header(path)
        return (header.seconds, header.rate, header.channels), None
    except audio.Unreadable as error:
        return (None, None, None), error.reason


def _load(place: Path | None) -> dict[str, tuple]:
    if place is None or not place.is_file():
        return {}
    try:
        frame = sealed.read_table(place, place.name)[list(COLUMNS)].astype(object)
    except (OSError, ValueError, KeyError) as error:
        sealed.discard(place, error, "the files are looked at again")
        return {}
    return {row[0]: row for row in frame.itertuples(index=False, name=None)}


def _save(place: Path | None, known: dict[str, tuple]) -> None:
    if place is not None:
        kept = _frame([row for row in known.values() if pd.isna(row[-1]) or row[-2]])
        sealed.write_table(place, place.name, kept)


def _frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
