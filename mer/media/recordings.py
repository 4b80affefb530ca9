"""Recordings that were decoded once: 16-bit samples in memory-mapped shards, for extraction and for training on sound.

A 16-bit recording at the wanted rate is kept to the bit. Any other is scaled so that its peak is the largest number
that 16 bits hold: nothing clips, and a quiet recording keeps as many steps as a loud one.
"""

import os
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
from mer.media import audio
from mer.shards import Damaged, Shards, mapped

VERSION = 1
SHARD = 2**25
"""samples from which on a shard is closed: 35 minutes at 16 kHz, 64 MiB"""
MAPPED = 4
"""shards that are mapped at a time: what was touched counts as resident until it is given back"""
FULL_SCALE = 2**15


def spec(min_seconds: float, max_seconds: float, rate_hz: int = audio.RATE_HZ) -> dict:
    """Return everything that determines decoded samples besides the recording and its stretch."""
    return {"recordings": VERSION, "rate_hz": rate_hz, "min_seconds": min_seconds, "max_seconds": max_seconds}


class Recordings(Shards):
    """The decoded recordings of one specification.

    Args:
        folder: of all stores.
        spec: as `spec` returns it.
    """

    def __init__(self, folder: Path, spec: dict) -> None:
        columns = {"start": "int64", "length": "int64", "scale": "float64"}
        super().__init__(folder, "recordings", spec, columns)

    def decode(self, keys: Sequence[str], read: Callable[[str], np.ndarray], jobs: int = 1) -> None:
        """Decode the keys that are not here yet; one that cannot be read is listed with its reason.

        Decoding is done in threads: libsndfile, FFmpeg and soxr let others run meanwhile, and processes would first
        have to be started. Shards are written as samples come, so that memory does not grow with the corpus.

        Args:
            read: key -> samples of shape (n,), float32, finite; raises `audio.Unreadable`. Any other error ends the
                decoding, and what shards hold already stays.
        """
        self.repair(keys)
        _last.cache_clear()  # what is made anew is another file of that name
        todo = self.missing(keys)
        coded = _ahead(partial(_coded, read), todo, jobs)
        with tqdm(total=len(todo), desc="decode", unit="utt", disable=not todo, mininterval=1.0) as bar:
            while bar.n < len(todo):
                self._shard(todo[bar.n :], coded, bar)

    def select(self, keys: Sequence[str]) -> "Sounds":
        """Return the samples of keys, none of which is read before it is asked for.

        Raises:
            KeyError: a key was never decoded, or could not be.
        """
        found = self.index().reindex(list(keys))
        if not (found["start"] >= 0).all():  # NaN, too
            wrong = found.index[~(found["start"] >= 0)][0]
            raise KeyError(f"{wrong}: not among the decoded recordings in {files.to_root(self.folder)}")
        shards, names = pd.factorize(found["shard"])
        paths = [self.folder / f"{name}.npy" for name in names]
        place = {name: found[name].to_numpy(kind) for name, kind in (("start", np.int64), ("length", np.int64))}
        return Sounds(paths, shards, place["start"], place["length"], found["scale"].to_numpy())

    def lengths(self, keys: Sequence[str]) -> np.ndarray:
        """Return how many samples each key has, without reading them; 0 where it failed or was never tried."""
        return self.index()["length"].reindex(list(keys)).fillna(0).to_numpy(np.int64)

    def samples(self, key: str) -> np.ndarray:
        """Return one recording: float32 of shape (n,)."""
        return self.select([key])[0]

    def _shard(self, keys: Sequence[str], coded: Iterator["_Coded"], bar: tqdm) -> None:
        """Write what comes next until the shard is full."""
        rows, start = [], 0
        self.folder.mkdir(parents=True, exist_ok=True)
        growing = self.folder / f".next.{os.getpid()}.partial.npy"
        try:
            with growing.open("wb") as file:
                begin = _header(file, 0)
                for key in keys:
                    one = next(coded)
                    file.write(one.samples)
                    rows.append((key, start if one.error is None else -1, len(one.samples), one.scale, one.error))
                    start += len(one.samples)
                    bar.update()
                    if start >= SHARD:
                        break
                file.seek(0)
                if _header(file, start) != begin:
                    raise RuntimeError("NumPy's header leaves no room for a length that grows")
            listing = pd.DataFrame(rows, columns=["key", "start", "length", "scale", "error"])
            self.put(listing, growing.replace)
        finally:
            growing.unlink(missing_ok=True)


@dataclass(frozen=True)
class Sounds(Sequence):
    """Recordings in a row: each is read from its shard when it is asked for, and forgotten.

    Attributes:
        paths: of shards.
        shards: which of the paths each is in.
        starts, lengths: of each, in samples.
        scales: what a step of the 16 bits stands for.
    """

    paths: list[Path]
    shards: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    scales: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, number):
        """Return the samples of one, float32 of shape (n,); of a slice or an array of numbers, `Sounds`.

        Raises:
            Damaged: the shard is not what was written.
        """
        if not isinstance(number, int | np.integer):
            return Sounds(self.paths, self.shards[number], self.starts[number], self.lengths[number],
                          self.scales[number])  # fmt: skip
        path, start, length = self.paths[self.shards[number]], self.starts[number], self.lengths[number]
        coded = _mapped(path)[start : start + length]
        if len(coded) < length:
            raise Damaged(path, ValueError(f"{len(coded)} of {length} samples from {start} on"))
        return np.multiply(coded, self.scales[number], dtype=np.float32, casting="unsafe")


_last = lru_cache(MAPPED)(mapped)


def _mapped(path: Path) -> np.ndarray:
    return _last(path)


@dataclass(frozen=True)
class _Coded:
    samples: np.ndarray
    scale: float
    error: str | None = None


def _coded(read: Callable[[str], np.ndarray], key: str) -> _Coded:
    try:
        return encode(read(key))
    except audio.Unreadable as unreadable:
        return _Coded(np.zeros(0, np.int16), 0.0, unreadable.reason)


def encode(samples: np.ndarray) -> _Coded:
    """Return float32 samples as 16-bit ones, and what to multiply them with."""
    with np.errstate(over="ignore", invalid="ignore"):  # what lies outside 16 bits becomes some other number
        steps = samples * np.float32(FULL_SCALE)
        whole = steps.astype(np.int16)
    if (whole == steps).all():
        return _Coded(whole, 1 / FULL_SCALE)
    scale = float(np.abs(samples).max()) / (FULL_SCALE - 1)
    return _Coded(np.rint(samples.astype(np.float64) / scale).astype(np.int16), scale)


def _ahead(one: Callable[[str], _Coded], keys: Sequence[str], jobs: int) -> Iterator[_Coded]:
    """Yield results in order; a few are computed before they are asked for, and never all of them."""
    if jobs <= 1:
        yield from map(one, keys)
        return
    with ThreadPoolExecutor(jobs) as pool:
        waiting: deque = deque()
        try:
            for key in keys:
                waiting.append(pool.submit(one, key))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _header(file, length: int) -> int:
    """Write the header of a one-dimensional array, and return where the samples begin."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<i2", "fortran_order": False, "shape": (length,)})
    return file.tell()
