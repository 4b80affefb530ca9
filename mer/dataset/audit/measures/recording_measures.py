"""Every recording of a manifest, listened to once: what is measured of it, kept by its content."""

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from tqdm import tqdm

from mer import sealed
from mer.dataset.audit.copies.near_duplicates import place_of
from mer.dataset.audit.copies.repeated_recordings import MEDIA
from mer.dataset.audit.measures import measures
from mer.media import container
from mer.media.audio import Unreadable

VERSION = 2
"""raised whenever the same recording would be measured in another way"""
FILE = ("sample_bits", "coding", "extra_bytes")
"""sample_bits: of a sample in the file, 0 where it is coded otherwise. coding: a number for the file's format.
extra_bytes: what a file of plain samples holds beside them, its header above all; 0 of other files"""
_NUMBERS = [*measures.COLUMNS, *FILE, "there"]
COLUMNS = dict.fromkeys(_NUMBERS, "float32") | {"error": "str"}
"""there: the share of what the file's header promises that is there; error: why nothing was heard"""
LONGEST_SECONDS = 300
"""of a longer stretch only the beginning is measured, its `seconds` excepted"""
LOWEST_HZ, MOST_HZ = 1_000, 1_000_000
"""sampling rate, and rate times channels, that a header may claim: it could ask for any amount of memory"""
BATCH = 8192
"""recordings between two savings: what an interrupted study has measured is not lost"""
_PIECE = 1024
"""samples read at once from a damaged file"""
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64, "ULAW": 8,
         "ALAW": 8}  # fmt: skip
_PACKED = ("FLAC", "CAF", "SDS")
"""formats whose samples are packed, or whose header says how much room is left"""


def listen(
    manifest: pd.DataFrame, folder: Path, cache: Path | None = None, jobs: int = 1, *, progress: bool = True
) -> pd.DataFrame:
    """Return `COLUMNS` for each row, with its index; null where the row names no recording.

    A recording that was measured before, wherever it lay, is not opened again. What cannot be read is tried anew each
    time, as the reason may be gone.

    Args:
        manifest: rows with source_path; where start and end are given, that stretch counts. Without audio_sha256
            nothing is kept.
        folder: the folder that paths are relative to; nothing outside it is read.
        cache: the folder in which measures are kept; None keeps none.
        jobs: threads.
        progress: whether to show how far it is.
    """
    rows = manifest.reindex(columns=["source_path", "audio_sha256", "start", "end"])
    keys = pd.Series([_key(*row) for row in rows.itertuples(index=False)], rows.index, "str")
    place = cache / f"measures-{VERSION}.parquet" if cache else None
    known = _load(place)
    todo = rows.assign(key=keys).dropna(subset=["key"]).drop_duplicates("key").set_index("key")
    todo = todo[~todo.index.isin(known.index)]
    with tqdm(total=len(todo), desc="listening", unit="file", disable=todo.empty or not progress, mininterval=1) as bar:
        heard = list(_heard(todo, folder, jobs, bar, lambda fresh: _save(place, fresh)))
    known = pd.concat([known, *heard])
    return known.reindex(keys).set_axis(rows.index)


def _key(path: object, digest: object, start: object, end: object) -> str | None:
    """What tells a stretch of a recording from every other one: by content where that is known."""
    if not isinstance(path, str) or not path.lower().endswith(MEDIA):
        return None
    name = f"sha256:{digest}" if isinstance(digest, str) else f"path:{path}"
    edges = ["" if pd.isna(edge) else repr(float(edge)) for edge in (start, end)]
    return ":".join([name, *edges])


def _heard(
    todo: pd.DataFrame, folder: Path, jobs: int, bar: tqdm, save: Callable[[pd.DataFrame], None]
) -> Iterator[pd.DataFrame]:
    """Yield what is measured, batch by batch, each of which is saved first."""
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        for at in range(0, len(todo), BATCH):
            part = todo.iloc[at : at + BATCH]
            found = []
            for one in pool.map(lambda row: _hear(folder, row.source_path, row.start, row.end), part.itertuples()):
                found.append(one)
                bar.update()
            frame = _typed(pd.DataFrame(found, part.index, columns=list(COLUMNS)))
            save(frame)
            yield frame


def _load(place: Path | None) -> pd.DataFrame:
    if place is not None and place.is_file():
        try:
            return _typed(sealed.read_table(place, place.name).drop_duplicates("key").set_index("key"))
        except (OSError, ValueError, KeyError) as error:
            sealed.discard(place, error, "everything is listened to again")
    return _typed(pd.DataFrame(columns=list(COLUMNS), index=pd.Index([], dtype="str", name="key")))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """`COLUMNS` in their types, the numbers in one block: a block for each of hundreds of columns is slow."""
    numbers = pd.DataFrame(frame[_NUMBERS].to_numpy("float32"), frame.index, columns=_NUMBERS)
    return numbers.assign(error=frame["error"].astype("str"))


def _save(place: Path | None, fresh: pd.DataFrame) -> None:
    """Add to what is kept. Where two studies save at once, one of them will have to measure again."""
    kept = fresh[fresh["error"].isna() & fresh.index.str.startswith("sha256:")]
    if place is None or kept.empty:
        return
    sealed.write_table(place, place.name, pd.concat([_load(place), kept]).reset_index(names="key"))


def _hear(folder: Path, path: str, start: object, end: object) -> dict[str, float | str | None]:
    """The measures of one stretch, or why there are none; nothing in a damaged file may stop the others."""
    edges = (0.0 if pd.isna(start) else float(start), np.inf if pd.isna(end) else float(end))
    try:
        place = place_of(folder, path)
        samples, rate, seconds = (_packed if place.suffix.lower() in container.SUFFIXES else _plain)(place, *edges)
        if len(samples) == 0:
            return {"error": "no samples in the requested segment"}
        if not np.isfinite(samples).all():
            return {"error": "some samples are not numbers"}
        there = min(_written(place), len(samples) / rate / min(seconds, LONGEST_SECONDS))
        file = _file(place)
    except Unreadable as error:
        return {"error": error.reason}
    except OSError as error:
        return {"error": error.strerror or str(error)}
    found = measures.measure(samples, rate)
    if seconds > LONGEST_SECONDS:
        found |= {"seconds": seconds, "end_db": np.nan, "trail_s": np.nan}
    return found | file | {"there": min(1.0, there)}


def _plain(path: Path, start: float, end: float) -> tuple[np.ndarray, int, float]:
    """Samples (n, channels) that are there, the rate, and the seconds that the header promises of the stretch."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            if not LOWEST_HZ <= rate <= MOST_HZ / file.channels:
                raise Unreadable(path, f"claims {file.channels} channels of {rate:,} samples a second")
            first, last = (round(min(file.frames, max(0.0, edge) * rate)) for edge in (start, end))
        wanted = min(last - first, LONGEST_SECONDS * rate)
        samples = _read(path, first, wanted, wanted)
        if len(samples) < wanted:
            samples = max(samples, _read(path, first, wanted, _PIECE), key=len)
        return samples, rate, (last - first) / rate
    except soundfile.LibsndfileError as error:
        raise Unreadable(path, f"not readable as audio ({error.error_string.strip().rstrip('.')})") from None


def _read(path: Path, first: int, wanted: int, size: int) -> np.ndarray:
    """Samples up to where the file is damaged; of those before that place up to `size` are lost."""
    with soundfile.SoundFile(str(path)) as file:
        pieces = [np.zeros((0, file.channels), "float32")]
        if first:  # a damaged file may not even find its beginning
            file.seek(first)
        while wanted > 0:
            try:
                pieces.append(file.read(min(size, wanted), dtype="float32", always_2d=True))
            except soundfile.LibsndfileError:
                break
            if not len(pieces[-1]):
                break
            wanted -= len(pieces[-1])
    return np.concatenate(pieces)


def _packed(path: Path, start: float, end: float) -> tuple[np.ndarray, int, float]:
    try:
        samples, rate = container.read(path, start, min(end, start + LONGEST_SECONDS))
        seconds = container.header(path)[0] - start
    except container.NoAudio as error:
        raise Unreadable(path, str(error)) from None
    return samples, rate, max(min(end - start, seconds), len(samples) / rate)


def _file(path: Path) -> dict[str, float]:
    """What the file is, apart from what it sounds like: `FILE`."""
    if path.suffix.lower() in container.SUFFIXES:
        return {"sample_bits": 0, "coding": _number(path.suffix.lower()), "extra_bytes": 0}
    about = soundfile.info(str(path))
    bits, extra = _BITS.get(about.subtype, 0), 0
    if bits and about.format not in _PACKED:
        extra = max(0, path.stat().st_size - about.frames * about.channels * bits // 8)
    coding = _number(f"{about.format} {about.subtype} {about.endian}")
    return {"sample_bits": bits, "coding": coding, "extra_bytes": extra}


def _number(name: str) -> int:
    """A number for a name, the same every time, exact as float32."""
    return zlib.crc32(name.encode()) % 2**16


def _written(path: Path) -> float:
    """Return the share of a WAV or AIFF file that is there; libsndfile takes a cut one for a short one.

    Files that were written as a stream promise nothing, or gigabytes.
    """
    with path.open("rb") as file:
        head = file.read(8)
    order = {b"RIFF": "little", b"FORM": "big"}.get(head[:4])
    promised = 8 + int.from_bytes(head[4:], order) if order else 0
    return path.stat().st_size / promised if 8 < promised < 0x7FFF0000 else 1.0
