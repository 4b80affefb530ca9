"""Write files in one step, so that no reader sees half of one, and compute digests of their content."""

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository: relative paths in parameters and in messages start here."""
PARTIAL = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.partial(\..*)?")
"""The temporary names of `replacing`."""


def from_root(path: str | Path) -> Path:
    """Return `path` as an absolute path, read relative to the repository."""
    return (ROOT / path).resolve()


def to_root(path: str | Path) -> str:
    """Return `path` for messages: relative to the repository if it lies inside."""
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()


def other_clone(folder: Path) -> str | None:
    """Return a sentence if a folder lies in another clone of this repository than the package; None otherwise.

    Args:
        folder: the folder of a notebook.
    """
    package = Path(__file__).resolve().parent
    clones = (above for above in (folder, *folder.parents) if (above / "mer" / Path(__file__).name).is_file())
    clone = next(clones, None)
    if clone is None or (clone / "mer").resolve() == package:
        return None
    return (f"this notebook is in {clone}, but `import mer` takes the package of {package.parent}, where results go, "
            f"too; in a terminal: pip install -e {clone}")  # fmt: skip


def is_file(path: Path) -> bool:
    """Return whether a path is that of a file; False for a name that the system refuses, for example a too long one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


class MissingPackage(ImportError):
    """An optional package is not installed; the message names it and says how to install it."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`, and rename it to `path` when the block ends without an error.

    The temporary name contains the process id and random digits, so that two writers never share it, not even on two
    machines that write to one folder.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; the error names `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.filename is None and error.errno is not None:  # a full disk: the system does not say which file it was
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def remove_partial(path: Path) -> None:
    """Remove what killed processes have left of a file, or of the files below a folder, that they were writing.

    Nobody may be writing there.
    """
    beside = [one for one in path.parent.glob(".*") if one.name.startswith(f".{path.stem}.")]
    for one in [*beside, *path.rglob(".*")]:
        if PARTIAL.fullmatch(one.name) and one.is_file():
            one.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, in one step."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, in one step.

    Raises:
        ValueError: `value` contains NaN or an infinity, which JSON cannot express.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | Path) -> object:
    """Read a JSON file.

    Raises:
        ValueError: the file is not JSON. The message names it.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{to_root(path)}: not readable as JSON ({error}); delete it and run again") from error


def digest_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: object) -> str:
    """Return the SHA-256 of a value made of JSON types, whatever the order of its keys.

    >>> digest({"a": 1, "b": [2.5, None]}) == digest({"b": [2.5, None], "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()  # names of files need not be UTF-8


def git_state() -> dict | None:
    """Return the commit and whether files differ from it; None without git, outside of a repository, or if git hangs.

    git takes no lock: if it is ended because it takes too long, no lock of it stays behind in the user's repository.
    """
    commit = program_output("git", "rev-parse", "HEAD")
    lines = program_output("git", "--no-optional-locks", "status", "--porcelain", "--branch").splitlines()
    return {"commit": commit, "dirty": len(lines) > 1} if commit and lines else None


def program_output(program: str, *arguments: str) -> str:
    """Return the output of a program; an empty string if it does not exist, fails or hangs."""
    if (path := shutil.which(program)) is None:
        return ""
    try:
        process = subprocess.run(  # noqa: S603
            [path, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""


def printable(text: str) -> str:
    """Return text without characters that would control a terminal. Names and transcripts come from foreign files.

    >>> printable("Tüte \\x1b[31m\\u202e" + "a" * 3)
    'Tüte �[31m�aaa'
    """
    return "".join(letter if letter.isprintable() else "�" for letter in text)
