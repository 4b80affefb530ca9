"""Vectors on disk, addressed by the content they were computed from."""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from mer import files, sealed
from mer.shards import DamagedShard, Shards

VIEWS = 4
"""arrays kept for studies that read a store: a copy, made again in seconds"""
BLOCK = 4096
"""rows of a view that are gathered at once"""


class MissingVectors(ValueError):
    """A store has lost what a study reads: extraction puts in a vector or a reason for everything it is asked for."""

    def __init__(self, folder: Path, gone: int, asked: int) -> None:
        super().__init__(
            f"{files.to_root(folder)}: holds nothing of {gone:,} of {asked:,} inputs; run step 02 again, which makes "
            "them anew: --steps 02 --force"
        )


class Store(Shards):
    """One extractor's vectors.

    Args:
        folder: of all stores.
        spec: everything that determines a vector besides what it is computed from: extractor, version, parameters. A
            modality in it, which follows from these, is left out.
    """

    shard = 2048
    """inputs between two savings"""
    more: ClassVar[dict[str, str]] = {}
    """columns of its lists besides"""

    def __init__(self, folder: Path, spec: dict) -> None:
        columns = {"row": "int64", **self.more}
        determining = {name: value for name, value in spec.items() if name != "modality"}
        super().__init__(folder, spec["extractor"], determining, columns)

    def add(self, keys: Sequence[str], vectors: Sequence[np.ndarray | None], errors: Sequence[str | None]) -> None:
        """Add one shard; a vector that is None goes with its error, and has the row -1."""
        good = [v for v in vectors if v is not None]
        there = np.array([v is not None for v in vectors])
        rows = np.where(there, np.cumsum(there) - 1, -1)
        array = np.stack(good).astype(np.float32, copy=False) if good else np.empty((0, 0), np.float32)
        listing = pd.DataFrame({"key": list(keys), "row": rows, "error": pd.Series(errors, dtype="str")})
        self.append(listing, lambda place: np.save(place, array, allow_pickle=False))

    def load(self, keys: Sequence[str | None], width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors of shape (len(keys), width) and which of them are present.

        A key that is None or failed gives a row of zeros marked absent. The vectors are mapped, not read, and
        cannot be changed: the first study that asks for these keys writes them in this order into one file, as rows
        that lie in one array are gathered many times faster than rows of many shards.

        Raises:
            MissingVectors: a key has neither a vector nor a reason why there is none.
            Damaged: a shard is not what was written.
        """
        found = self.index().reindex([key or "" for key in keys])
        asked = np.array([bool(key) for key in keys], bool)
        if gone := int((asked & found["shard"].isna().to_numpy()).sum()):
            raise MissingVectors(self.folder, gone, int(asked.sum()))
        rows = found["row"].fillna(-1).to_numpy(dtype=np.int64)
        if not len(rows):
            return np.zeros((0, width), np.float32), np.zeros(0, bool)
        of_shard, names = pd.factorize(found["shard"])
        content = hashlib.sha256(repr((width, [self.digest(name) for name in names])).encode())
        content.update(rows.tobytes() + of_shard.astype(np.int64).tobytes())
        path = self.folder / "views" / f"{content.hexdigest()[:24]}.npy"
        view = self._view(path, names, of_shard, rows, width)
        self._delete_views()
        return view, rows >= 0

    def _view(self, path: Path, names: Sequence[str], of_shard: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
        name = f"{self.folder.name}/views/{path.name}"
        try:
            return _opened(path, name, (len(rows), width))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            sealed.discard(path, error, "it is made anew from the vectors")
        self._write_view(path, name, names, of_shard, rows, width)
        return _opened(path, name, (len(rows), width))

    def _write_view(
        self, path: Path, name: str, names: Sequence[str], of_shard: np.ndarray, rows: np.ndarray, width: int
    ) -> None:
        header = {"descr": np.dtype(np.float32).str, "fortran_order": False, "shape": (len(rows), width)}
        with sealed.replacing(path, name) as partial, partial.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, len(rows), BLOCK):
                part = slice(first, first + BLOCK)
                file.write(self._gathered(names, of_shard[part], rows[part], width))

    def _gathered(self, names: Sequence[str], of_shard: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
        block = np.zeros((len(rows), width), np.float32)
        for number in np.unique(of_shard[rows >= 0]):
            mine = np.flatnonzero((of_shard == number) & (rows >= 0))
            array = self.array(names[number])
            try:
                block[mine] = array[rows[mine]]
            except (IndexError, ValueError) as error:  # another array than the one that was listed
                raise DamagedShard(self.folder / f"{names[number]}.npy", error) from None
        return block

    def _delete_views(self) -> None:
        """Delete all but the last views that were used; who has one open keeps it."""
        by_use = sorted(self.folder.glob("views/[!.]*.npy"), key=_last_use)
        for path in by_use[:-VIEWS]:
            with contextlib.suppress(OSError):  # another system does not delete what is open
                path.unlink()


def _opened(path: Path, name: str, shape: tuple[int, int]) -> np.ndarray:
    view = sealed.mapped(path, name)
    if view.shape != shape or view.dtype != np.float32:
        raise ValueError(f"holds {view.dtype} of shape {view.shape}, not {shape}")
    with contextlib.suppress(OSError):  # it may be somebody else's
        path.touch()
    return view


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another study forgot it
        return 0.0
