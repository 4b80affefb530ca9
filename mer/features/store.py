"""Vectors on disk, addressed by the content they were computed from.

A store is a folder named after its extractor and the digest of its specification, so changed flags never
meet stale vectors. It grows by shards: a `.npy` array, then (last) a `.parquet` list of the keys in it. A
shard without its list is unfinished and ignored. Shards are named after their keys, so two extractors that
work at once write different files or the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files


class Store:
    """One extractor's vectors.

    Args:
        folder: of all stores.
        spec: everything that determines a vector besides its input: extractor, version, parameters.
    """

    shard = 2048
    """inputs between two savings"""

    def __init__(self, folder: Path, spec: dict) -> None:
        self.spec = spec
        self.folder = folder / f"{spec['extractor']}-{files.digest(spec)[:16]}"
        self._index: pd.DataFrame | None = None

    def index(self) -> pd.DataFrame:
        """Return columns shard, row (-1: failed), error; indexed by key."""
        if self._index is None:
            lists = [pd.read_parquet(path).assign(shard=path.stem) for path in sorted(self.folder.glob("*.parquet"))]
            empty = pd.DataFrame(
                {
                    "key": pd.Series(dtype="str"),
                    "row": pd.Series(dtype="int64"),
                    "error": pd.Series(dtype="str"),
                    "shard": pd.Series(dtype="str"),
                }
            )
            joined = pd.concat([empty, *lists], ignore_index=True) if lists else empty
            self._index = joined.drop_duplicates("key").set_index("key")
        return self._index

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return the keys that have neither a vector nor a recorded failure, each once."""
        known = self.index().index
        return [key for key in dict.fromkeys(keys) if key not in known]

    def add(self, keys: Sequence[str], vectors: Sequence[np.ndarray | None], errors: Sequence[str | None]) -> None:
        """Add one shard; a vector that is None goes with its error."""
        good = [v for v in vectors if v is not None]
        rows = np.cumsum([v is not None for v in vectors]) - 1
        listing = pd.DataFrame(
            {
                "key": list(keys),
                "row": [int(r) if v is not None else -1 for r, v in zip(rows, vectors, strict=True)],
                "error": pd.Series(errors, dtype="str"),
            }
        )
        name = files.digest(list(keys))[:24]
        with files.replacing(self.folder / f"{name}.npy") as partial:
            np.save(
                partial,
                np.stack(good).astype(np.float32) if good else np.empty((0, 0), np.float32),
                allow_pickle=False,
            )
        files.write_json(self.folder / "spec.json", self.spec)
        with files.replacing(self.folder / f"{name}.parquet") as partial:
            listing.to_parquet(partial, index=False)
        self._index = None

    def load(self, keys: Sequence[str | None], width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors of shape (len(keys), width) and which of them are present.

        A key that is None, failed or unknown gives a row of zeros marked absent.
        """
        found = self.index().reindex([key or "" for key in keys])
        rows = found["row"].fillna(-1).to_numpy(dtype=int)
        vectors = np.zeros((len(keys), width), dtype=np.float32)
        for shard in found["shard"].dropna().unique():
            mine = np.flatnonzero((found["shard"] == shard).to_numpy() & (rows >= 0))
            if len(mine):
                vectors[mine] = np.load(self.folder / f"{shard}.npy", mmap_mode="r", allow_pickle=False)[rows[mine]]
        return vectors, rows >= 0

    def errors(self, keys: Sequence[str | None]) -> list[str | None]:
        """Return why each key has no vector; None where it has one or was never tried."""
        found = self.index()["error"].reindex([key or "" for key in keys])
        return [None if pd.isna(error) else str(error) for error in found]
