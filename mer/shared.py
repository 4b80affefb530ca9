"""Results that several people and machines share, at a path or an address such as `s3://bucket/folder`.

The store has files that never change: vectors of features and finished trainings, each under a name that is the digest
of everything that determines it. So two writers of one name write the same values, and nothing is ever locked. A file
appears in one step. Every file is sealed (mer/sealed.py), and the reader checks it.

What cannot be read is computed, and what cannot be written stays on this machine: a store that is out of reach stops no
run.
"""

import os
import secrets
import shutil
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from mer import files

ADDRESS = "MER_SHARED"
"""The environment variable with the address of the store. The runner sets it from `shared` of the parameters."""
WHOLE_AT_ONCE = {"arrow", "s3", "gs", "gcs", "abfs", "az", "memory"}
"""The protocols whose files appear when they have been written completely."""


class UnreachableStore(ValueError):
    """An address cannot be used; the message says why, and what to do."""


class SharedStore:
    """Files below one address.

    Args:
        address: a folder, relative to the repository, or an address that fsspec knows.

    Raises:
        UnreachableStore: no such protocol, or its package is missing.
    """

    def __init__(self, address: str) -> None:
        self.address, self.usable = address, True
        try:
            self.file_system, self.root = _file_system(address)
        except (ImportError, ValueError, OSError) as error:
            raise UnreachableStore(f"{address}: {' '.join(str(error).split())}") from None
        protocol = self.file_system.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder of this machine or of a network that is mounted here."""
        return bool(self._protocols & {"file", "local"})

    def path(self, name: str) -> str:
        """Return the full path of a file, as its file system names it."""
        return f"{self.root.rstrip('/')}/{name}"

    def names(self, folder: str) -> set[str]:
        """Return the names of the files in a folder, without the names of files that are being written.

        Raises:
            Exception: of the file system, if the store cannot be reached.
        """
        self.file_system.invalidate_cache()  # others write at the same time
        try:
            found = self.file_system.ls(self.path(folder), detail=False)
        except FileNotFoundError:
            return set()
        return {name for path in found if not (name := path.rstrip("/").rpartition("/")[2]).startswith(".")}

    def fetch(self, name: str, target: Path) -> bool:
        """Copy a file of the store to `target` in one step; return whether the store has it.

        Raises:
            Exception: of the file system, if the store cannot be reached.
        """
        try:
            with files.replacing(target) as partial:
                self.file_system.get_file(self.path(name), str(partial))
        except FileNotFoundError:
            return False
        return True

    def put(self, source: Path, name: str) -> None:
        """Copy a file into the store. It appears in one step; a file of that name is replaced.

        Raises:
            Exception: of the file system, if the store cannot be written.
        """
        if self.is_local:
            with files.replacing(self.path(name)) as partial:
                shutil.copyfile(source, partial)
            return
        folder, _, last = self.path(name).rpartition("/")
        if self._protocols & WHOLE_AT_ONCE:
            self.file_system.put_file(str(source), self.path(name))
            return
        partial = f"{folder}/.{last}.{secrets.token_hex(8)}.partial"
        self.file_system.makedirs(folder, exist_ok=True)
        self.file_system.put_file(str(source), partial)
        self.file_system.mv(partial, self.path(name))


def _file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address and the path of its root in it.

    S3 is read by pyarrow, which is installed in any case; other protocols by the packages that fsspec asks for.
    """
    if address.startswith("s3://"):
        from fsspec.implementations.arrow import ArrowFSWrapper
        from pyarrow.fs import FileSystem

        file_system, root = FileSystem.from_uri(address)
        return ArrowFSWrapper(file_system), root
    from fsspec.core import url_to_fs

    return url_to_fs(address if "://" in address else str(files.from_root(address)))


def current() -> SharedStore | None:
    """Return the store of this process; None if nothing is shared."""
    address = os.environ.get(ADDRESS)
    store = _opened(address) if address else None
    return store if store is not None and store.usable else None


@lru_cache(maxsize=4)
def _opened(address: str) -> SharedStore:
    return SharedStore(address)


def attempt(store: SharedStore, method: str, *arguments: Any, otherwise: Any = None) -> Any:
    """Return the result of a method of a store, or `otherwise` with a warning.

    After an error this process does not use the store any more, because each further attempt may take minutes.
    """
    if not store.usable:
        return otherwise
    try:
        return getattr(store, method)(*arguments)
    except Exception as error:  # a file system of another package may raise anything
        store.usable = False
        reason = " ".join(str(error).split()) or type(error).__name__
        warnings.warn(f"shared: {store.address} cannot be used ({reason}): the run goes on without it", stacklevel=2)
        return otherwise


def check(address: str) -> str | None:
    """Return why a store cannot be used; None if a file could be written to it, read and deleted."""
    name = f"checks/{secrets.token_hex(8)}.txt"
    try:
        store = SharedStore(address)
        store.file_system.makedirs(store.path("checks"), exist_ok=True)
        store.file_system.pipe_file(store.path(name), b"mer")
        written = store.file_system.cat_file(store.path(name))
        store.file_system.rm_file(store.path(name))
    except UnreachableStore as error:
        return str(error)
    except Exception as error:  # as in `attempt`
        return f"{address}: cannot be written ({' '.join(str(error).split()) or type(error).__name__})"
    return None if written == b"mer" else f"{address}: returns other content than was written"
