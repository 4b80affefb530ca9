"""Folders of arrays that grow by shards and are addressed by what they were made from.

A folder is named after the digest of its specification, so what was made in another way never meets it. A shard is a
`.npy` array, then (last) a `.parquet` list of the keys in it. A shard without its list is unfinished and ignored.
Shards are named after their keys, so two processes that work at once write different files or the same bytes.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files

LEFT_OVER_SECONDS = 24 * 3600
"""what was being written and has not changed since belongs to a process that was killed"""


class Damaged(ValueError):
    """A shard that cannot be read: `name` is its files' stem."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(f"{files.to_root(path)}: damaged ({error}); run step 02 again, which makes it anew")
        self.name = path.stem


class Shards:
    """What a folder holds, by key.

    Args:
        folder: the folder of the arrays and lists.
        spec: everything that determines a value besides its key.
        columns: of a list, besides `key` and `error`, and their types.
    """

    def __init__(self, folder: Path, spec: dict, columns: dict[str, str]) -> None:
        self.folder, self.spec = folder, spec
        self.columns = {"key": "str", **columns, "error": "str"}
        self._names: set[str] = set()
        self._lists: list[pd.DataFrame] = []  # what is not in the index yet
        self._index = pd.DataFrame(columns=[*self.columns, "shard"]).astype({**self.columns, "shard": "str"})
        self._index = self._index.set_index("key")
        self._late: set[str] = set()

    def index(self) -> pd.DataFrame:
        """Return the columns of the lists and `shard`, indexed by key.

        Raises:
            Damaged: an array or a list is cut off or is something else.
        """
        if not self._names:
            self._look()
        if self._lists:
            listed = [listing.set_index("key") for listing in self._lists if len(listing)]
            joined = pd.concat([self._index, *listed] if len(self._index) else listed) if listed else self._index
            self._index, self._lists = joined[~joined.index.duplicated()], []
        return self._index

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return the keys that have neither a value nor a recorded failure, each once."""
        known = self.index().index
        unique = pd.Index(dict.fromkeys(keys), dtype="str")
        return unique[~unique.isin(known)].tolist()

    def left(self, keys: Sequence[str]) -> list[str]:
        """Return those of missing keys that no other process has written since they were found missing."""
        for listing in self._look():
            self._late.update(listing["key"])
        return [key for key in keys if key not in self._late]

    def errors(self, keys: Sequence[str | None]) -> list[str | None]:
        """Return why each key has no value; None where it has one or was never tried."""
        found = self.index()["error"].reindex([key or "" for key in keys])
        return [None if pd.isna(error) else str(error) for error in found]

    def array(self, name: str) -> np.ndarray:
        """Return a shard's array, mapped: what is not touched is not read.

        Raises:
            Damaged: it is cut off, gone, or something else.
        """
        path = self.folder / f"{name}.npy"
        try:
            return np.asarray(np.lib.format.open_memmap(path, mode="r"))
        except (OSError, ValueError, EOFError) as error:
            raise Damaged(path, error) from None

    def repair(self) -> None:
        """Throw away damaged shards, with a warning, and what killed processes left: it will be made anew."""
        for partial in self.folder.glob(".*.partial.*"):
            try:
                if time.time() - partial.stat().st_mtime > LEFT_OVER_SECONDS:
                    partial.unlink()
            except FileNotFoundError:  # its process finished it
                pass
        for name in self._unread():
            try:
                self._read(name)
            except Damaged as damaged:
                warnings.warn(f"thrown away: {damaged}", stacklevel=3)
                for suffix in (".parquet", ".npy"):
                    (self.folder / f"{name}{suffix}").unlink(missing_ok=True)

    def put(self, listing: pd.DataFrame, write: Callable[[Path], None]) -> None:
        """Add a shard.

        Args:
            listing: its list, without `shard`.
            write: puts the `.npy` array where it is told to.
        """
        listing = listing.astype(self.columns)
        name = files.digest(listing["key"].tolist())[:24]
        with files.replacing(self.folder / f"{name}.npy") as partial:
            write(partial)
        if not (self.folder / "spec.json").exists():
            files.write_json(self.folder / "spec.json", self.spec)
        with files.replacing(self.folder / f"{name}.parquet") as partial:
            listing.to_parquet(partial, index=False)
        self._keep(name, listing)

    def _unread(self) -> list[str]:
        names = (path.stem for path in self.folder.glob("[!.]*.parquet"))  # a dot: still being written
        return sorted(name for name in names if name not in self._names)

    def _look(self) -> list[pd.DataFrame]:
        """Read the lists that are new, and return them."""
        return [self._read(name) for name in self._unread()]

    def _read(self, name: str) -> pd.DataFrame:
        path = self.folder / f"{name}.parquet"
        try:
            listing = pd.read_parquet(path, columns=list(self.columns)).astype(self.columns)
        except (OSError, ValueError) as error:
            raise Damaged(path, error) from None
        self.array(name)
        return self._keep(name, listing)

    def _keep(self, name: str, listing: pd.DataFrame) -> pd.DataFrame:
        self._names.add(name)
        self._lists.append(listing.assign(shard=pd.Series(name, listing.index, dtype="str")))
        return self._lists[-1]
