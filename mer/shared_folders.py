"""Whole folders that are copied to an address and back; every file is checked by its digest.

The list of digests is written last, so a folder without it is not complete. It is read as a stranger's: its names stay
inside the folder, and nothing is put in place before every file has the digest that the list states.
"""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mer import files, foreign
from mer.shared import SharedStore

LIST = "digests.json"
"""The file with the digest of every other one."""
FORMAT = 1
"""The version of the list. Lists of other versions are refused."""
MAX_LIST_BYTES = 50_000_000
"""The largest list that is read, in bytes."""
DIGEST = re.compile(r"[0-9a-f]{64}")
"""A digest of SHA-256 in hexadecimal."""


class FolderError(ValueError):
    """A folder cannot be copied; the message says why, and what to do."""


def push(store: SharedStore, folder: Path, names: Iterable[str], facts: dict) -> int:
    """Copy files of a folder to the address of a store; return their number.

    Args:
        store: the address is that of the copy itself.
        folder: the folder.
        names: the files, relative to the folder, with `/`.
        facts: what the list says about the folder, in JSON types.

    Raises:
        FolderError: the address has another folder already, or cannot be written.
    """
    listed = {name: files.digest_file(folder / name) for name in sorted(names)}
    content = {"format": FORMAT, **facts, "files": listed}
    try:
        if (present := _read_list(store)) is not None and present != content:
            raise FolderError(f"{store.address}: has another folder already; choose another address, or delete it")
        for name in listed:
            store.put(folder / name, name)
        text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
        store.file_system.pipe_file(store.path(LIST), text.encode())
    except FolderError:
        raise
    except Exception as error:  # a file system of another package may raise anything
        raise FolderError(f"{store.address}: cannot be written ({_reason(error)})") from None
    return len(listed)


def read_list(store: SharedStore) -> dict:
    """Return what the list of a copied folder says, as from `push`.

    Raises:
        FolderError: there is no complete folder, or its list is not one that `push` writes.
    """
    try:
        content = _read_list(store)
    except FolderError:
        raise
    except Exception as error:  # as in `push`
        raise FolderError(f"{store.address}: cannot be read ({_reason(error)})") from None
    if content is None:
        raise FolderError(f"{store.address}: no complete folder is there: it has no {LIST}")
    return content


def pull(store: SharedStore, listed: dict[str, str], target: Path) -> None:
    """Copy a folder from an address; it appears in one step, and only if every file is what the list states.

    Args:
        store: the address of the copy.
        listed: file -> digest, as from `read_list`.
        target: the new folder.

    Raises:
        FolderError: the folder exists, a file is missing or is another one, or the store cannot be read.
    """
    if target.exists():
        raise FolderError(f"{files.to_root(target)}: exists already; choose another --name, or move it away")
    partial = target.with_name(f".{target.name}.pulled")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name, digest in listed.items():
            try:
                present = store.fetch(name, partial / name)
            except Exception as error:  # as in `push`
                raise FolderError(f"{store.address}/{name}: cannot be read ({_reason(error)})") from None
            if not present:
                raise FolderError(f"{store.address}/{name}: is missing; copy the folder there again with --push")
            if files.digest_file(partial / name) != digest:
                raise FolderError(
                    f"{store.address}/{name}: is not the file that was copied there: its digest "
                    "differs; copy the folder there again with --push"
                )
        partial.mkdir(parents=True, exist_ok=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read_list(store: SharedStore) -> dict | None:
    """Return the list; None if there is none.

    Raises:
        FolderError: it is not a list that `push` writes.
    """
    try:
        store.file_system.invalidate_cache()
        size = store.file_system.size(store.path(LIST))
        if size is None or size > MAX_LIST_BYTES:
            raise FolderError(f"{store.address}/{LIST}: is too large to be a list of digests")
        data = store.file_system.cat_file(store.path(LIST))
    except FileNotFoundError:
        return None
    try:
        content = foreign.load_json(data.decode("utf-8"))
    except (foreign.Malformed, UnicodeDecodeError) as error:
        raise FolderError(f"{store.address}/{LIST}: is not readable ({error})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FolderError(f"{store.address}/{LIST}: is no list of digests of format {FORMAT}")
    if problem := _problem(content.get("files")):
        raise FolderError(f"{store.address}/{LIST}: {problem}")
    return content


def _problem(listed: object) -> str | None:
    """Return what is wrong with the files of a list."""
    if not isinstance(listed, dict) or not listed:
        return "it names no files"
    for name, digest in listed.items():
        parts = PurePosixPath(name).parts
        inside = parts and not PurePosixPath(name).is_absolute() and ".." not in parts and name == "/".join(parts)
        if not inside or any(character in name for character in "\\:\0") or parts[0].startswith("."):
            return f"{files.printable(name)[:80]!r} is no name of a file inside of the folder"
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            return f"the digest of {files.printable(name)[:80]!r} is not one of SHA-256"
    return None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
