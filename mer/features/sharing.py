"""Shards of feature vectors that are copied from and to a shared store (mer/shared.py)."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mer import files, shared
from mer.features.store import Store
from mer.shared import SharedStore
from mer.temporary import TemporaryFolder

FOLDER = "features"
"""The folder of all vectors in a shared store; it has a folder for each specification."""
LIST = re.compile(r"[0-9a-f]{24}\.parquet")
"""The name of the list of a shard."""


def fetch(store: Store, keys: Sequence[str]) -> None:
    """Copy the shards that have vectors of missing keys from the shared store, if there is one.

    A shard that is damaged there is deleted here, with a warning, and its vectors are computed.
    """
    source = shared.current() if store.is_shared else None
    if source is None or not (missing := store.missing(keys)):
        return
    names = shared.attempt(source, "names", _folder(store), otherwise=set())
    own = {path.name for path in store.folder.glob("*.parquet")}
    wanted, copied = set(missing), []
    with TemporaryFolder() as place:
        for name in sorted(name for name in names - own if LIST.fullmatch(name)):
            listing = Path(place) / name
            found = wanted.intersection(_keys(source, f"{_folder(store)}/{name}", listing))
            if found and _copy_shard(source, store, listing):
                copied += found
                wanted -= found
    store.repair(copied)


def put(store: Store, keys: Sequence[str]) -> None:
    """Copy the shards that have these keys into the shared store, if there is one that lacks them."""
    target = shared.current() if store.is_shared else None
    if target is None:
        return
    shards = store.index()["shard"].reindex(pd.Index(keys, dtype="str")).dropna().unique()
    present = shared.attempt(target, "names", _folder(store), otherwise=None)
    for shard in shards if present is not None else ():
        if f"{shard}.parquet" not in present:
            for suffix in (".npy", ".parquet"):  # a shard without a list is ignored
                shared.attempt(target, "put", store.folder / f"{shard}{suffix}", f"{_folder(store)}/{shard}{suffix}")


def _folder(store: Store) -> str:
    return f"{FOLDER}/{store.folder.name}"


def _keys(source: SharedStore, name: str, target: Path) -> list[str]:
    """Copy a list and return its keys; none if it cannot be read. They are checked when the shard is complete."""
    if not shared.attempt(source, "fetch", name, target, otherwise=False):
        return []
    try:
        return pd.read_parquet(target, columns=["key"])["key"].tolist()
    except (OSError, ValueError, KeyError):
        return []


def _copy_shard(source: SharedStore, store: Store, listing: Path) -> bool:
    """Copy the array of a shard, then its list."""
    array = store.folder / f"{listing.stem}.npy"
    if not shared.attempt(source, "fetch", f"{_folder(store)}/{array.name}", array, otherwise=False):
        return False
    if not (store.folder / "spec.json").exists():
        files.write_json(store.folder / "spec.json", store.spec)
    with files.replacing(store.folder / listing.name) as partial:
        partial.write_bytes(listing.read_bytes())
    return True
