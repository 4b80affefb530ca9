"""The feature store: vectors on disk, addressed by the content that they were computed from."""

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
"""The largest number of views. A view holds the rows of one study, and is a copy that is rebuilt in seconds."""
BLOCK = 4096
"""The number of rows of a view that are gathered at once."""


class MissingVectors(ValueError):
    """A store has neither vector nor reason for some keys. Extraction stores one of the two for each key."""

    def __init__(self, folder: Path, missing: int, requested: int) -> None:
        super().__init__(
            f"{files.to_root(folder)}: {missing:,} of {requested:,} vectors are missing; run step 02 again, which "
            "recomputes them: --steps 02 --force"
        )


def stored_form(spec: dict) -> tuple[dict, int]:
    """Return the specification of what is stored for an input, and the first column of its vectors there.

    The vectors of all layers of an encoder are stored together, so that inputs that read different layers of it share
    one extraction. An input that reads one layer has `stored_layers` in its specification: the number of layers that
    are stored. Its own vectors are the columns of its layer. The modality is left out, because it follows from the
    extractor.

    >>> stored_form({"modality": "audio", "layer": -1, "width": 10, "stored_layers": 4})
    ({'layer': 'all', 'width': 40, 'layers': 4}, 30)
    >>> stored_form({"modality": "audio", "layer": "all", "width": 40, "layers": 4})
    ({'layer': 'all', 'width': 40, 'layers': 4}, 0)
    """
    own = {name: value for name, value in spec.items() if name not in ("modality", "stored_layers")}
    if "stored_layers" not in spec:
        return own, 0
    count, width = spec["stored_layers"], spec["width"]
    return own | {"layer": "all", "width": count * width, "layers": count}, spec["layer"] % count * width


class Store(Shards):
    """The vectors of one extractor with one set of parameters.

    Args:
        folder: folder of all stores.
        spec: everything that determines a vector except what it is computed from: extractor, version and parameters.
    """

    shard = 2048
    """The largest number of vectors per shard. Vectors are saved shard by shard."""
    more: ClassVar[dict[str, str]] = {}
    """Further columns of the lists, with their types."""
    is_shared: ClassVar[bool] = True
    """Whether shards are copied from and to a shared store (mer/features/sharing.py)."""

    def __init__(self, folder: Path, spec: dict) -> None:
        columns = {"row": "int64", **self.more}
        determining, self.first_column = stored_form(spec)
        self.number_type = np.dtype(np.float16 if "frames" in spec else np.float32)
        super().__init__(folder, spec["extractor"], determining, columns)

    def add(self, keys: Sequence[str], vectors: Sequence[np.ndarray | None], errors: Sequence[str | None]) -> None:
        """Add one shard; a vector that is None has an error instead, and the row -1."""
        computed = [v for v in vectors if v is not None]
        present = np.array([v is not None for v in vectors])
        rows = np.where(present, np.cumsum(present) - 1, -1)
        array = (
            np.stack(computed).astype(self.number_type, copy=False) if computed else np.empty((0, 0), self.number_type)
        )
        listing = pd.DataFrame({"key": list(keys), "row": rows, "error": pd.Series(errors, dtype="str")})
        self.append(listing, lambda path: np.save(path, array, allow_pickle=False))

    def load(self, keys: Sequence[str | None], width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors of shape (len(keys), width) and which of them are present.

        A key that is None or has failed gives a row of zeros that is not present. The vectors are memory-mapped and
        read-only. The first call for these keys writes their vectors, in this order, into one file: a view. Reading
        rows from one array is many times faster than gathering them from shards.

        Raises:
            MissingVectors: a key has neither a vector nor a reason why there is none.
            DamagedShard: a shard is not what was written.
        """
        entries = self.index().reindex([key or "" for key in keys])
        requested = np.array([bool(key) for key in keys], bool)
        if missing := int((requested & entries["shard"].isna().to_numpy()).sum()):
            raise MissingVectors(self.folder, missing, int(requested.sum()))
        rows = entries["row"].fillna(-1).to_numpy(dtype=np.int64)
        if not len(rows):
            return np.zeros((0, width), self.number_type), np.zeros(0, bool)
        of_shard, names = pd.factorize(entries["shard"])
        content = hashlib.sha256(repr((self.first_column, width, [self.digest(name) for name in names])).encode())
        content.update(rows.tobytes() + of_shard.astype(np.int64).tobytes())
        path = self.folder / "views" / f"{content.hexdigest()[:24]}.npy"
        view = self._view(path, names, of_shard, rows, width)
        self._delete_views()
        return view, rows >= 0

    def _view(self, path: Path, names: Sequence[str], of_shard: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
        name = f"{self.folder.name}/views/{path.name}"
        try:
            return _opened(path, name, (len(rows), width), self.number_type)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            sealed.discard(path, error, "it is rebuilt from the vectors")
        self._write_view(path, name, names, of_shard, rows, width)
        return _opened(path, name, (len(rows), width), self.number_type)

    def _write_view(
        self, path: Path, name: str, names: Sequence[str], of_shard: np.ndarray, rows: np.ndarray, width: int
    ) -> None:
        header = {"descr": self.number_type.str, "fortran_order": False, "shape": (len(rows), width)}
        with sealed.replacing(path, name) as partial, partial.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, len(rows), BLOCK):
                block = slice(first, first + BLOCK)
                file.write(self._gathered(names, of_shard[block], rows[block], width))

    def _gathered(self, names: Sequence[str], of_shard: np.ndarray, rows: np.ndarray, width: int) -> np.ndarray:
        block = np.zeros((len(rows), width), self.number_type)
        for number in np.unique(of_shard[rows >= 0]):
            positions = np.flatnonzero((of_shard == number) & (rows >= 0))
            array = self.array(names[number])[:, self.first_column : self.first_column + width]
            try:
                block[positions] = array[rows[positions]]
            except (IndexError, ValueError) as error:  # another array than the one in the list
                raise DamagedShard(self.folder / f"{names[number]}.npy", error) from None
        return block

    def _delete_views(self) -> None:
        """Delete all views except those that were used last. Processes that have mapped a view can still read it."""
        by_use = sorted(self.folder.glob("views/[!.]*.npy"), key=_last_use)
        for path in by_use[:-VIEWS]:
            with contextlib.suppress(OSError):  # some systems do not delete files that are open
                path.unlink()


def _opened(path: Path, name: str, shape: tuple[int, int], number_type: np.dtype) -> np.ndarray:
    view = sealed.mapped(path, name)
    if view.shape != shape or view.dtype != number_type:
        raise ValueError(f"contains {view.dtype} of shape {view.shape}, not {shape}")
    with contextlib.suppress(OSError):  # it may belong to another user
        path.touch()
    return view


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process has deleted it
        return 0.0
