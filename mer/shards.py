"""Folders of arrays that grow by shards and are addressed by the specification of their values.

A folder is named after the digest of its specification, so values of different specifications lie in different folders.
A shard is a `.npy` array and then a `.parquet` list of its keys. A shard without a list is unfinished and is ignored.
Shards are named after their keys, so two processes that work at once write different files or the same bytes. Both
files are sealed (mer/sealed.py): a list by its name and the digest of its array, an array by its name. An array is
checked when it is first read.
"""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files, sealed

FORMAT = 2
"""The version of the file format. Files of other versions are ignored."""
STALE_TEMPORARY_SECONDS = 24 * 3600
"""The age, in seconds, from which on a temporary file belongs to a process that was killed."""


class DamagedShard(ValueError):
    """A shard that cannot be read or is not what was written."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(
            f"{files.to_root(path)}: damaged ({sealed.reason(error)}); run step 02 again, which recomputes it: "
            "--steps 02 --force"
        )
        self.path, self.error = path, error


class Shards:
    """The values in a folder, by key.

    Args:
        folder: parent of all such folders.
        kind: name of the kind of values, with which the folder's name begins.
        spec: everything that determines a value except its key.
        columns: columns of a list besides `key` and `error`, with their types.
    """

    def __init__(self, folder: Path, kind: str, spec: dict, columns: dict[str, str]) -> None:
        self.folder, self.spec = folder / f"{kind}-{files.digest([FORMAT, spec])[:16]}", spec
        self.columns = {"key": "str", **columns, "error": "str"}
        self._arrays: dict[str, str] = {}  # name of a shard -> digest of its array
        self._lists: list[pd.DataFrame] = []  # lists that are not in the index yet
        self._index = pd.DataFrame(columns=[*self.columns, "shard"]).astype({**self.columns, "shard": "str"})
        self._index = self._index.set_index("key")
        self._late: set[str] = set()  # keys that other processes have written since `unavailable` was first called

    def index(self) -> pd.DataFrame:
        """Return the columns of the lists and `shard`, indexed by key.

        Raises:
            DamagedShard: an array or a list is cut off or is something else.
        """
        if not self._arrays:
            self._scan()
        if self._lists:
            lists = [listing.set_index("key") for listing in self._lists if len(listing)]
            joined = pd.concat([self._index, *lists] if len(self._index) else lists) if lists else self._index
            self._index, self._lists = joined[~joined.index.duplicated()], []
        return self._index

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return the keys that have neither a value nor a recorded failure, each once."""
        present = self.index().index
        unique = pd.Index(dict.fromkeys(keys), dtype="str")
        return unique[~unique.isin(present)].tolist()

    def unavailable(self, keys: Sequence[str]) -> list[str]:
        """Return those of the missing keys that no other process has written since `missing` returned them."""
        for listing in self._scan():
            self._late.update(listing["key"])
        return [key for key in keys if key not in self._late]

    def errors(self, keys: Sequence[str | None]) -> list[str | None]:
        """Return the recorded failure of each key; None if it has a value or was never tried."""
        errors = self.index()["error"].reindex([key or "" for key in keys])
        return [None if pd.isna(error) else str(error) for error in errors]

    def array(self, name: str) -> np.ndarray:
        """Return a shard's array, memory-mapped. It is read once for the check, and later only where it is accessed.

        Raises:
            DamagedShard: the array does not exist or is not what was written.
        """
        return mapped(self.folder / f"{name}.npy")

    def digest(self, name: str) -> str:
        """Return the digest of a shard's array, which its list confirms."""
        return self._arrays[name]

    def repair(self, keys: Iterable[str] = ()) -> None:
        """Delete damaged shards, with a warning, and temporary files of killed processes. They will be recomputed.

        Args:
            keys: keys whose arrays will be read and are therefore checked. Of other shards only the lists are checked.
        """
        for partial in self.folder.glob(".*.partial.*"):
            try:
                if time.time() - partial.stat().st_mtime > STALE_TEMPORARY_SECONDS:
                    partial.unlink()
            except FileNotFoundError:  # its process has finished it
                pass
        for name in self._unread():
            self._register_or_discard(name, self._read)
        for name in self.index()["shard"].reindex(pd.Index(keys, dtype="str")).dropna().unique():
            self._register_or_discard(name, self.array)

    def append(self, listing: pd.DataFrame, write: Callable[[Path], None]) -> None:
        """Add a shard.

        Args:
            listing: list of the shard, without the column `shard`.
            write: function that writes the `.npy` array to a path.
        """
        listing = listing.astype(self.columns)
        name = files.digest(listing["key"].tolist())[:24]
        array, path = self.folder / f"{name}.npy", self.folder / f"{name}.parquet"
        with sealed.replacing(array, _name(array)) as partial:
            write(partial)
        if not (self.folder / "spec.json").exists():
            files.write_json(self.folder / "spec.json", self.spec)
        digest = sealed.stored_digest(array)
        sealed.write_table(path, f"{_name(path)} of {digest}", listing)
        self._register(name, listing, digest)

    def _unread(self) -> list[str]:
        names = (path.stem for path in self.folder.glob("[!.]*.parquet"))  # names with a dot are being written
        return sorted(name for name in names if name not in self._arrays)

    def _scan(self) -> list[pd.DataFrame]:
        """Read the lists that are new, and return them."""
        return [self._read(name) for name in self._unread()]

    def _read(self, name: str) -> pd.DataFrame:
        path = self.folder / f"{name}.npy"
        try:
            digest = sealed.stored_digest(path)
            path = path.with_suffix(".parquet")
            listing = sealed.read_table(path, f"{_name(path)} of {digest}")[list(self.columns)].astype(self.columns)
        except (OSError, ValueError, KeyError) as error:
            raise DamagedShard(path, error) from None
        return self._register(name, listing, digest)

    def _register(self, name: str, listing: pd.DataFrame, digest: str) -> pd.DataFrame:
        self._arrays[name] = digest
        self._lists.append(listing.assign(shard=pd.Series(name, listing.index, dtype="str")))
        return self._lists[-1]

    def _register_or_discard(self, name: str, read: Callable[[str], object]) -> None:
        """Read a part of a shard, and delete the whole shard if it is damaged."""
        try:
            read(name)
        except DamagedShard as damaged:
            sealed.discard(damaged.path, damaged.error, "it is recomputed")
            for suffix in (".parquet", ".npy"):
                (self.folder / f"{name}{suffix}").unlink(missing_ok=True)
            if self._arrays.pop(name, None):
                index = self.index()
                self._index = index[index["shard"] != name]


def mapped(path: Path) -> np.ndarray:
    """Return a shard's array, memory-mapped.

    Raises:
        DamagedShard: the array does not exist or is not what was written.
    """
    try:
        return sealed.mapped(path, _name(path))
    except (OSError, ValueError) as error:
        raise DamagedShard(path, error) from None


@dataclass(frozen=True)
class ShardSlices(Sequence):
    """Values that are parts of shards. Each is read from its shard when it is accessed, and is not kept.

    Attributes:
        paths: files of the shards.
        shards: number of each value's shard in `paths`.
        starts, lengths: position of each value in its shard.
    """

    paths: list[Path]
    shards: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, number):
        """Return one value; or the same sequence of fewer values for a slice or an array of numbers.

        Raises:
            DamagedShard: the shard is not what was written.
        """
        if not isinstance(number, int | np.integer):
            names = [one.name for one in fields(self) if one.name != "paths"]
            return replace(self, **{name: getattr(self, name)[number] for name in names})
        path, start, length = self.paths[self.shards[number]], self.starts[number], self.lengths[number]
        stored = self._mapped(path)[start : start + length]
        if len(stored) < length:
            raise DamagedShard(path, ValueError(f"{len(stored)} of {length} entries from {start} on"))
        return self._value(stored, number)

    @abstractmethod
    def _mapped(self, path: Path) -> np.ndarray:
        """Return the array of a shard."""

    def _value(self, stored: np.ndarray, number: int) -> np.ndarray:
        """Return the value of a number from what is stored of it."""
        return stored


def _name(path: Path) -> str:
    """Return the name with which a file is sealed. The name of its folder identifies the specification."""
    return f"{path.parent.name}/{path.name}"
