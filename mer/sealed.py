"""Files that hold a digest of their content and of what they are; who reads one checks it first.

A bit that a disk flips, a value that somebody edits or a file that has taken another's name would otherwise be read as
if it were what was written. The digest stands inside the file, so that both take their place in one step, and the
file stays what its ending says: in a table and in tensors it is among the metadata, after an array it is the end.
"""

import contextlib
import hashlib
import mmap
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files

MARK = b"mer-sha256:"
DIGITS = 64
BLANK = MARK.decode() + "0" * DIGITS
"""what a writer puts into a file, once; the digits take the place of the zeros"""
TAIL = 2**16
"""bytes at the end that are searched first: arrays and tables have their digest there"""

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
        with partial.open("r+b") as file, _mapped(file, mmap.ACCESS_WRITE) as content:
            at = _place(content)
            if content[at : at + DIGITS] != b"0" * DIGITS:
                raise ValueError(f"{files.to_root(path)}: holds {MARK.decode()} besides what seals it")
            content[at : at + DIGITS] = _digest(content, at, name).encode()


def check(path: Path, name: str) -> None:
    """Read a whole file.

    Args:
        name: what it should be, as it was told to `replacing`.

    Raises:
        Altered: it is another one, or is not as it was written.
        OSError: it is not there, or cannot be read.
    """
    with path.open("rb") as file, _mapped(file) as content:
        at = _place(content)
        if content[at : at + DIGITS] != _digest(content, at, name).encode():
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
    with path.open("rb") as file, _mapped(file) as content:
        at = _place(content)
        return content[at : at + DIGITS].decode("ascii", "replace")


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


def _mapped(file, access: int = mmap.ACCESS_READ) -> mmap.mmap:
    try:
        return mmap.mmap(file.fileno(), 0, access=access)
    except ValueError:  # what is empty cannot be mapped
        raise Altered("it is empty") from None


def _place(content: mmap.mmap) -> int:
    """Where the digits begin."""
    at = content.rfind(MARK, max(0, len(content) - TAIL))
    at = content.find(MARK) if at < 0 else at
    if at < 0 or at + len(MARK) + DIGITS > len(content):
        raise Altered("it is cut off, or something else: it holds no digest")
    return at + len(MARK)


def _digest(content: mmap.mmap, at: int, name: str) -> str:
    """The SHA-256 of a name and of all bytes but the digits."""
    found = hashlib.sha256(f"{name}\0".encode())
    with memoryview(content) as view:
        for part in (view[:at], view[at + DIGITS :]):
            with part:
                found.update(part)
    return found.hexdigest()
