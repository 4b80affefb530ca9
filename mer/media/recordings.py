"""Decoded recordings: 16-bit samples in memory-mapped shards, for feature extraction and end-to-end training.

A 16-bit recording that has the requested sampling rate is stored without any change. Any other is scaled so that its
peak is the largest number of 16 bits. Nothing clips, and a quiet recording is stored as precisely as a loud one.
"""

import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mer import files
from mer.media import Unreadable, audio
from mer.shards import Shards, ShardSlices, mapped

VERSION = 1
SHARD_SAMPLES = 2**25
"""The number of samples from which on a shard is closed: 35 minutes at 16 kHz, 64 MiB."""
MAPPED_SHARDS = 4
"""The number of shards that are mapped at a time. Pages that were read count as memory until the shard is unmapped."""
FULL_SCALE = 2**15


def spec(min_seconds: float, max_seconds: float, rate_hz: int = audio.RATE_HZ) -> dict:
    """Return everything that determines decoded samples except the recording and its segment.

    Args:
        min_seconds: duration to which shorter recordings are padded, in seconds.
        max_seconds: duration to which longer recordings are cropped, in seconds.
        rate_hz: sampling rate, in Hz.
    """
    return {"recordings": VERSION, "rate_hz": rate_hz, "min_seconds": min_seconds, "max_seconds": max_seconds}


class Recordings(Shards):
    """The decoded recordings of one specification.

    Args:
        folder: folder of all stores.
        spec: specification, as returned by `spec`.
    """

    def __init__(self, folder: Path, spec: dict) -> None:
        columns = {"start": "int64", "length": "int64", "scale": "float64"}
        super().__init__(folder, "recordings", spec, columns)

    def decode(self, keys: Sequence[str], read: Callable[[str], np.ndarray], jobs: int = 1) -> None:
        """Decode the recordings that are not stored yet. An unreadable recording is listed with the reason.

        Decoding runs in threads, because libsndfile, FFmpeg and soxr release the interpreter lock and processes take
        time to start. Shards are written while recordings are decoded, so memory does not grow with the corpus.

        Args:
            keys: keys of the recordings.
            read: function from a key to finite float32 samples of shape (n,), which may raise `Unreadable`. Any other
                error ends the decoding; finished shards stay.
            jobs: number of threads.
        """
        self.repair(keys)
        _last_mapped.cache_clear()  # a recomputed shard is another file of the same name
        todo = self.missing(keys)
        encoded = _prefetch(partial(_encoded, read), todo, jobs)
        with tqdm(total=len(todo), desc="decode", unit="utt", disable=not todo, mininterval=1.0) as bar:
            while bar.n < len(todo):
                self._write_shard(todo[bar.n :], encoded, bar)

    def select(self, keys: Sequence[str]) -> "AudioClips":
        """Return the recordings of keys. A recording is read from its shard when it is accessed.

        Raises:
            KeyError: a recording was never decoded, or is unreadable.
        """
        index = self.index().reindex(list(keys))
        if not (index["start"] >= 0).all():  # the start of an unknown key is NaN
            wrong = index.index[~(index["start"] >= 0)][0]
            raise KeyError(f"{wrong}: not among the decoded recordings in {files.to_root(self.folder)}")
        shards, names = pd.factorize(index["shard"])
        paths = [self.folder / f"{name}.npy" for name in names]
        starts, lengths = (index[column].to_numpy(np.int64) for column in ("start", "length"))
        return AudioClips(paths, shards, starts, lengths, index["scale"].to_numpy())

    def lengths(self, keys: Sequence[str]) -> np.ndarray:
        """Return the number of samples of each key without reading them; 0 if it is unreadable or was never decoded."""
        return self.index()["length"].reindex(list(keys)).fillna(0).to_numpy(np.int64)

    def samples(self, key: str) -> np.ndarray:
        """Return one recording, float32 of shape (n,)."""
        return self.select([key])[0]

    def _write_shard(self, keys: Sequence[str], encoded: Iterator["_Encoded"], bar: tqdm) -> None:
        """Write the next recordings until the shard is full."""
        rows, start = [], 0
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".next.{os.getpid()}-{secrets.token_hex(4)}.partial.npy"
        try:
            with temporary.open("wb") as file:
                begin = _write_header(file, 0)
                for key in keys:
                    item = next(encoded)
                    file.write(item.samples)
                    rows.append((key, start if item.error is None else -1, len(item.samples), item.scale, item.error))
                    start += len(item.samples)
                    bar.update()
                    if start >= SHARD_SAMPLES:
                        break
                file.seek(0)
                if _write_header(file, start) != begin:
                    raise RuntimeError("NumPy's header leaves no room for a length that grows")
            listing = pd.DataFrame(rows, columns=["key", "start", "length", "scale", "error"])
            self.append(listing, temporary.replace)
        finally:
            temporary.unlink(missing_ok=True)


@dataclass(frozen=True)
class AudioClips(ShardSlices):
    """A sequence of recordings, float32 of shape (n,) each. Positions in shards are in samples.

    Attributes:
        scales: factor from 16-bit numbers to samples, for each recording.
    """

    scales: np.ndarray

    def _mapped(self, path: Path) -> np.ndarray:
        return _last_mapped(path)

    def _value(self, stored: np.ndarray, number: int) -> np.ndarray:
        return np.multiply(stored, self.scales[number], dtype=np.float32, casting="unsafe")


_last_mapped = lru_cache(MAPPED_SHARDS)(mapped)


@dataclass(frozen=True)
class _Encoded:
    """A recording as 16-bit samples, or the error of an unreadable one."""

    samples: np.ndarray
    scale: float
    error: str | None = None


def _encoded(read: Callable[[str], np.ndarray], key: str) -> _Encoded:
    try:
        return encode(read(key))
    except Unreadable as unreadable:
        return _Encoded(np.zeros(0, np.int16), 0.0, unreadable.reason)


def encode(samples: np.ndarray) -> _Encoded:
    """Return float32 samples as 16-bit numbers, and the factor from these numbers to the samples."""
    with np.errstate(over="ignore", invalid="ignore"):  # samples outside 16 bits become other numbers
        steps = samples * np.float32(FULL_SCALE)
        rounded = steps.astype(np.int16)
    if (rounded == steps).all():
        return _Encoded(rounded, 1 / FULL_SCALE)
    scale = float(np.abs(samples).max()) / (FULL_SCALE - 1)
    return _Encoded(np.rint(samples.astype(np.float64) / scale).astype(np.int16), scale)


def _prefetch(encode_key: Callable[[str], _Encoded], keys: Sequence[str], jobs: int) -> Iterator[_Encoded]:
    """Yield results in the order of keys. A few are computed in advance, but never all of them."""
    if jobs <= 1:
        yield from map(encode_key, keys)
        return
    with ThreadPoolExecutor(jobs) as pool:
        waiting: deque = deque()
        try:
            for key in keys:
                waiting.append(pool.submit(encode_key, key))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _write_header(file, length: int) -> int:
    """Write the header of a one-dimensional array, and return the position of the first sample, in bytes."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<i2", "fortran_order": False, "shape": (length,)})
    return file.tell()
