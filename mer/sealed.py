"""Files that hold a digest of their content and of what they are; who reads one checks it first.

A bit that a disk flips, a value that somebody edits or a file that has taken another's name would otherwise be read as
if it were what was written. The digest stands inside the file, so that both take their place in one step, and the
file stays what its ending says: in a table and in tensors it is among the metadata, after an array it is the end.
"""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from mer import files

MARK = b"mer-sha256:"
DIGITS = 64
BLANK = MARK.decode() + "0" * DIGITS
"""what a writer puts into a file, once; the digits take the place of the zeros"""
ENDS = 2**16
"""bytes that are searched for it: at the end, where arrays and tables have it, then at the beginning"""
BLOCK = 2**20
"""bytes that are read at once"""

_whole: dict[Path, tuple] = {}
"""files that this process has checked, as they were then"""


class Altered(ValueError):
    """A file is not what was written under its name."""


@contextlib.contextmanager
def replacing(path: Path, name: str) -> Iterator[Path]:
    """Yield a temporary path, as `files.replacing` does; what was written there is sealed when the block ends.

    Args:
        name: says what the file is: a reader that expects something else takes it for altered.
    """
    with files.replacing(path) as partial:
        yield partial
        if path.suffix == ".npy":  # readers of arrays leave alone what comes after the numbers
            with partial.open("ab") as file:
                file.write(BLANK.encode())
        with partial.open("r+b") as file:
            at, said = _said(file)
            if said != b"0" * DIGITS:
                raise ValueError(f"{files.to_root(path)}: holds {MARK.decode()} besides what seals it")
            digest = _digest(file, at, name)
            file.seek(at)
            file.write(digest)


def check(path: Path, name: str) -> None:
    """Read a whole file.

    Args:
        name: what it should be, as it was told to `replacing`.

    Raises:
        Altered: it is another one, or is not as it was written.
        OSError: it is not there, or cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        at, said = _said(file)
        if said != _digest(file, at, name):
            raise Altered("its content is not what was written")


def check_once(path: Path, name: str) -> None:
    """As `check`, and nothing where this process has checked the file and it has not been written since."""
    found = path.stat()
    now = (name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    if _whole.get(path) != now:
        check(path, name)
        _whole[path] = now


def told(path: Path) -> str:
    """Return the digest that a file says it has, in hexadecimal, without checking it.

    Raises:
        Altered: it says none.
        OSError: it is not there, or cannot be read.
    """
    with path.open("rb") as file:
        return _said(file)[1].decode("ascii", "replace")


def mapped(path: Path, name: str) -> np.ndarray:
    """Return a sealed array, mapped: it is read once to check it, and after that where it is touched.

    Raises:
        Altered, OSError: as from `check`.
    """
    check_once(path, name)
    return np.asarray(np.lib.format.open_memmap(path, mode="r"))


def write_table(path: Path, name: str, frame: pd.DataFrame) -> None:
    """Write a table as Parquet, without its index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    with replacing(path, name) as partial:
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, "seal": BLANK}), partial)


def read_table(path: Path, name: str) -> pd.DataFrame:
    """Read what `write_table` wrote.

    Raises:
        Altered, OSError: as from `check`.
    """
    check(path, name)
    return pd.read_parquet(path)


def reason(error: Exception) -> str:
    """Return what an error says, without the path that an error of the system repeats."""
    return getattr(error, "strerror", None) or str(error)


def throw_away(path: Path, error: Exception, instead: str) -> None:
    """Delete a file that is not what was written, with a warning.

    Args:
        instead: what is done about it.
    """
    with contextlib.suppress(OSError):  # gone, or another user's: it is not read either way
        path.unlink()
    warnings.warn(f"thrown away: {files.to_root(path)}: damaged ({reason(error)}); {instead}", stacklevel=3)


def _said(file: BinaryIO) -> tuple[int, bytes]:
    """Where the digits of a file's digest begin, and the digits."""
    size = file.seek(0, os.SEEK_END)
    for first in (max(0, size - ENDS), 0):
        file.seek(first)
        part = file.read(ENDS)
        at = part.find(MARK) if size > ENDS and first == 0 else part.rfind(MARK)
        if at >= 0 and len(digits := part[at + len(MARK) : at + len(MARK) + DIGITS]) == DIGITS:
            return first + at + len(MARK), digits
    raise Altered("it is empty" if not size else "it is cut off, or something else: it holds no digest")


def _digest(file: BinaryIO, at: int, name: str) -> bytes:
    """The SHA-256 of a name and of all bytes but the digits."""
    found, size = hashlib.sha256(f"{name}\0".encode()), file.seek(0, os.SEEK_END)
    for first, end in ((0, at), (at + DIGITS, size)):
        file.seek(first)
        while (left := end - file.tell()) > 0 and (block := file.read(min(BLOCK, left))):
            found.update(block)
    return found.hexdigest().encode()
