"""Frames that the frozen lower part of an encoder gives: computed once for all trainings, and stored."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer.shards import Shards, mapped

VERSION = 1
SHARD_VALUES = 2**26
"""The number of values from which on a shard is closed: 128 MiB."""
BATCH = 16
"""The number of recordings whose frames are computed at a time."""


class FrozenFrames(Shards):
    """Frames by recording, float16.

    Args:
        folder: the folder of all stores.
        spec: everything that determines the frames except the recording: encoder, layer and how recordings are decoded.
    """

    def __init__(self, folder: Path, spec: dict) -> None:
        columns = {"start": "int64", "length": "int64"}
        super().__init__(folder, "frozen", {"frozen_frames": VERSION, **spec}, columns)
        self._mapped: dict[str, np.ndarray] = {}

    def compute(self, keys: Sequence[str], frames: Callable[[Sequence[str]], list[np.ndarray]]) -> None:
        """Store the frames that are missing.

        Args:
            frames: function from keys to frames, shape (n, width) each.
        """
        self.repair(keys)
        missing = self.missing(keys)
        self.folder.mkdir(parents=True, exist_ok=True)
        parts, names, size = [], [], 0
        for first in range(0, len(missing), BATCH):
            chosen = missing[first : first + BATCH]
            for key, values in zip(chosen, frames(chosen), strict=True):
                parts.append(values.astype(np.float16))
                names.append(key)
                size += values.size
            if size >= SHARD_VALUES or first + BATCH >= len(missing):
                self._write(names, parts)
                parts, names, size = [], [], 0

    def select(self, keys: Sequence[str]) -> list[np.ndarray]:
        """Return the frames of recordings, float16 of shape (n, width) each, memory-mapped.

        Raises:
            KeyError: the frames of a recording were not computed.
        """
        index = self.index().loc[list(keys)]
        places = zip(index["shard"], index["start"], index["length"], strict=True)
        return [self._array(name)[start : start + length] for name, start, length in places]

    def _array(self, name: str) -> np.ndarray:
        if name not in self._mapped:
            self._mapped[name] = mapped(self.folder / f"{name}.npy")
        return self._mapped[name]

    def _write(self, names: list[str], parts: list[np.ndarray]) -> None:
        lengths = np.array([len(part) for part in parts])
        starts = np.cumsum(lengths) - lengths
        listing = pd.DataFrame({"key": names, "start": starts, "length": lengths, "error": None})
        array = np.concatenate(parts)
        self.append(listing, lambda path: np.save(path, array, allow_pickle=False))
