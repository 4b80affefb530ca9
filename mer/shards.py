"""Folders of arrays that grow by shards and are addressed by what they were made from.

A folder is named after the digest of its specification, so what was made in another way never meets it. A shard is a
`.npy` array, then (last) a `.parquet` list of the keys in it. A shard without its list is unfinished and ignored.
Shards are named after their keys, so two processes that work at once write different files or the same bytes.
Both files are sealed (mer/sealed.py): a list by its name and by its array, an array by its name and checked when it is
first read. So neither can stand for another one.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files, sealed

FORMAT = 2
"""of the files; those of another one are not looked at"""
LEFT_OVER_SECONDS = 24 * 3600
"""what was being written and has not changed since belongs to a process that was killed"""


class Damaged(ValueError):
    """A shard that cannot be read, or is not what was written."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(
            f"{files.to_root(path)}: damaged ({sealed.reason(error)}); run step 02 again, which makes it anew: "
            "--steps 02 --force"
        )
        self.path, self.error = path, error


class Shards:
    """What a folder holds, by key.

    Args:
        folder: of all such folders.
        kind: what the values are; the folder's name begins with it.
        spec: everything that determines a value besides its key.
        columns: of a list, besides `key` and `error`, and their types.
    """

    def __init__(self, folder: Path, kind: str, spec: dict, columns: dict[str, str]) -> None:
        self.folder, self.spec = folder / f"{kind}-{files.digest([FORMAT, spec])[:16]}", spec
        self.columns = {"key": "str", **columns, "error": "str"}
        self._arrays: dict[str, str] = {}  # name of a shard -> digest of its array
        self._lists: list[pd.DataFrame] = []  # what is not in the index yet
        self._index = pd.DataFrame(columns=[*self.columns, "shard"]).astype({**self.columns, "shard": "str"})
        self._index = self._index.set_index("key")
        self._late: set[str] = set()

    def index(self) -> pd.DataFrame:
        """Return the columns of the lists and `shard`, indexed by key.

        Raises:
            Damaged: an array or a list is cut off or is something else.
        """
        if not self._arrays:
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
        """Return a shard's array, mapped: what is not touched is read only to check it.

        Raises:
            Damaged: it is not what was written, or gone.
        """
        return mapped(self.folder / f"{name}.npy")

    def digest(self, name: str) -> str:
        """Return the digest of a shard's array, as its list confirms it."""
        return self._arrays[name]

    def repair(self, keys: Iterable[str] = ()) -> None:
        """Throw away damaged shards, with a warning, and what killed processes left: it will be made anew.

        Args:
            keys: whose arrays are going to be read, and are checked; of other shards only the lists are.
        """
        for partial in self.folder.glob(".*.partial.*"):
            try:
                if time.time() - partial.stat().st_mtime > LEFT_OVER_SECONDS:
                    partial.unlink()
            except FileNotFoundError:  # its process finished it
                pass
        for name in self._unread():
            self._keep_or_throw(name, self._read)
        for name in self.index()["shard"].reindex(pd.Index(keys, dtype="str")).dropna().unique():
            self._keep_or_throw(name, self.array)

    def put(self, listing: pd.DataFrame, write: Callable[[Path], None]) -> None:
        """Add a shard.

        Args:
            listing: its list, without `shard`.
            write: puts the `.npy` array where it is told to.
        """
        listing = listing.astype(self.columns)
        name = files.digest(listing["key"].tolist())[:24]
        array, place = self.folder / f"{name}.npy", self.folder / f"{name}.parquet"
        with sealed.replacing(array, _name(array)) as partial:
            write(partial)
        if not (self.folder / "spec.json").exists():
            files.write_json(self.folder / "spec.json", self.spec)
        digest = sealed.told(array)
        sealed.write_table(place, f"{_name(place)} of {digest}", listing)
        self._keep(name, listing, digest)

    def _unread(self) -> list[str]:
        names = (path.stem for path in self.folder.glob("[!.]*.parquet"))  # a dot: still being written
        return sorted(name for name in names if name not in self._arrays)

    def _look(self) -> list[pd.DataFrame]:
        """Read the lists that are new, and return them."""
        return [self._read(name) for name in self._unread()]

    def _read(self, name: str) -> pd.DataFrame:
        path = self.folder / f"{name}.npy"
        try:
            digest = sealed.told(path)
            path = path.with_suffix(".parquet")
            listing = sealed.read_table(path, f"{_name(path)} of {digest}")[list(self.columns)].astype(self.columns)
        except (OSError, ValueError, KeyError) as error:
            raise Damaged(path, error) from None
        return self._keep(name, listing, digest)

    def _keep(self, name: str, listing: pd.DataFrame, digest: str) -> pd.DataFrame:
        self._arrays[name] = digest
        self._lists.append(listing.assign(shard=pd.Series(name, listing.index, dtype="str")))
        return self._lists[-1]

    def _keep_or_throw(self, name: str, read: Callable[[str], object]) -> None:
        """Read a part of a shard; where it is damaged, nothing of the shard stays."""
        try:
            read(name)
        except Damaged as damaged:
            sealed.throw_away(damaged.path, damaged.error, "it is made anew")
            for suffix in (".parquet", ".npy"):
                (self.folder / f"{name}{suffix}").unlink(missing_ok=True)
            if self._arrays.pop(name, None):
                index = self.index()
                self._index = index[index["shard"] != name]


def mapped(path: Path) -> np.ndarray:
    """Return a shard's array, mapped.

    Raises:
        Damaged: it is not what was written, or gone.
    """
    try:
        return sealed.mapped(path, _name(path))
    except (OSError, ValueError) as error:
        raise Damaged(path, error) from None


def _name(path: Path) -> str:
    """What a file is: the folder says how it was made."""
    return f"{path.parent.name}/{path.name}"
