"""Files that hold a digest of their own content and name. Readers check the digest before they use the content.

The check finds a bit that a disk flipped, a value that was edited, and a file that has another file's name. The digest
lies inside the file, so that both are replaced in one step and the file keeps its format: tables and tensors hold the
digest among their metadata, arrays hold it after the numbers.
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

SEAL_PREFIX = b"mer-sha256:"
"""The bytes before the digest."""
DIGITS = 64
"""The number of hexadecimal digits of a digest."""
BLANK = SEAL_PREFIX.decode() + "0" * DIGITS
"""The text that a writer puts into a file once. The digest replaces its zeros."""
TAIL_BYTES = 2**16
"""The number of bytes that are searched for the digest: at the end of a file (arrays, tables), then at its start."""
BLOCK = 2**20
"""The number of bytes that are read at once."""

_checked: dict[Path, tuple] = {}
"""Maps each file that this process has checked to its state at that time."""


class DamagedFile(ValueError):
    """A file whose content is not what was written under its name."""


@contextlib.contextmanager
def replacing(path: Path, name: str) -> Iterator[Path]:
    """Yield a temporary path, as `files.replacing` does, and seal the file when the block ends.

    Args:
        path: file to write or replace.
        name: name that readers have to give. A reader that gives another name gets `DamagedFile`.
    """
    with files.replacing(path) as partial:
        yield partial
        if path.suffix == ".npy":  # readers of arrays ignore what comes after the numbers
            with partial.open("ab") as file:
                file.write(BLANK.encode())
        with partial.open("r+b") as file:
            position, digits = _find_digest(file)
            if digits != b"0" * DIGITS:
                raise ValueError(f"{files.to_root(path)}: contains {SEAL_PREFIX.decode()} apart from its own seal")
            digest = _digest(file, position, name)
            file.seek(position)
            file.write(digest)


def check(path: Path, name: str) -> None:
    """Read a whole file and compare it with its digest.

    Args:
        path: sealed file.
        name: name with which the file was sealed.

    Raises:
        DamagedFile: the content or the name differs from what was written.
        OSError: the file does not exist or cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        position, digits = _find_digest(file)
        if digits != _digest(file, position, name):
            raise DamagedFile("its content is not what was written")


def check_once(path: Path, name: str) -> None:
    """Check a file as `check` does, unless this process has checked it since it was last written."""
    stat = path.stat()
    state = (name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    if _checked.get(path) != state:
        check(path, name)
        _checked[path] = state


def stored_digest(path: Path) -> str:
    """Return the digest that a file holds, in hexadecimal, without checking it.

    Raises:
        DamagedFile: the file holds no digest.
        OSError: the file does not exist or cannot be read.
    """
    with path.open("rb") as file:
        return _find_digest(file)[1].decode("ascii", "replace")


def mapped(path: Path, name: str) -> np.ndarray:
    """Return a sealed array, memory-mapped. It is read once for the check, and later only where it is accessed.

    Raises:
        DamagedFile, OSError: as from `check`.
    """
    check_once(path, name)
    return np.asarray(np.lib.format.open_memmap(path, mode="r"))


def write_table(path: Path, name: str, frame: pd.DataFrame) -> None:
    """Write a table as sealed Parquet, without its index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    with replacing(path, name) as partial:
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, "seal": BLANK}), partial)


def read_table(path: Path, name: str) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Raises:
        DamagedFile, OSError: as from `check`.
    """
    check(path, name)
    return pd.read_parquet(path)


def reason(error: Exception) -> str:
    """Return the message of an error, without the path that errors of the operating system repeat."""
    return getattr(error, "strerror", None) or str(error)


def discard(path: Path, error: Exception, remedy: str) -> None:
    """Delete a damaged file, with a warning.

    Args:
        path: damaged file.
        error: error that its reader raised.
        remedy: what is done instead, for the warning.
    """
    with contextlib.suppress(OSError):  # it is gone or belongs to another user; it is not read in either case
        path.unlink()
    warnings.warn(f"deleted: {files.to_root(path)}: damaged ({reason(error)}); {remedy}", stacklevel=3)


def _find_digest(file: BinaryIO) -> tuple[int, bytes]:
    """Return the position of a file's digest, in bytes, and its digits."""
    size = file.seek(0, os.SEEK_END)
    for first in (max(0, size - TAIL_BYTES), 0):
        file.seek(first)
        block = file.read(TAIL_BYTES)
        at = block.find(SEAL_PREFIX) if size > TAIL_BYTES and first == 0 else block.rfind(SEAL_PREFIX)
        begin = at + len(SEAL_PREFIX)
        if at >= 0 and len(digits := block[begin : begin + DIGITS]) == DIGITS:
            return first + begin, digits
    raise DamagedFile("it is empty" if not size else "it is cut off, or something else: it holds no digest")


def _digest(file: BinaryIO, position: int, name: str) -> bytes:
    """Return the SHA-256 of a name and of all bytes of a file except the digits at `position`."""
    digest, size = hashlib.sha256(f"{name}\0".encode()), file.seek(0, os.SEEK_END)
    for first, end in ((0, position), (position + DIGITS, size)):
        file.seek(first)
        while (left := end - file.tell()) > 0 and (block := file.read(min(BLOCK, left))):
            digest.update(block)
    return digest.hexdigest().encode()
