"""Check files of a run folder against the stamp of the step that wrote them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mer import files


class OutputChanged(ValueError):
    """A file differs from what its step wrote."""


def check(folder: Path, name: str) -> None:
    """Compare a file of a run folder with the stamp of the step that wrote it, if that step ended well.

    Args:
        folder: the run folder.
        name: the file, relative to `folder`. Folders are not checked: their files have digests of their own.

    Raises:
        OutputChanged: the file was changed after the step ended.
    """
    path = folder / name
    if not path.is_file():
        return
    for step, digest in _written(folder, name):
        if digest != files.digest_file(path):
            raise OutputChanged(f"{files.to_root(path)}: was changed after {step} wrote it; run step {step[:2]} again")


def refuse_removed(folder: Path, name: str) -> None:
    """Refuse to do without a file that does not exist, if a step that ended well wrote it.

    Args:
        folder: the run folder.
        name: the file, relative to `folder`.

    Raises:
        OutputChanged: the file was removed after the step ended.
    """
    for step, _ in _written(folder, name):
        raise OutputChanged(
            f"{files.to_root(folder / name)}: was removed after {step} wrote it; run step {step[:2]} again"
        )


def _written(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    """Yield the steps that wrote a file and ended well, with the digest of what they wrote."""
    for stamp in sorted((folder / "stamps").rglob("*.json")):
        state = stamp.stat()
        digest = _outputs(stamp, (state.st_mtime_ns, state.st_ino, state.st_size)).get(name)
        if digest is not None:
            yield stamp.relative_to(folder / "stamps").with_suffix("").as_posix(), digest


@cache
def _outputs(stamp: Path, state: tuple[int, ...]) -> dict[str, str]:
    """Return the digests of a step's outputs by name; `state` makes the cache notice a new stamp."""
    try:
        content = files.read_json(stamp)
    except (OSError, ValueError):
        return {}
    outputs = content.get("outputs") if isinstance(content, dict) and content.get("state") == "done" else None
    return outputs if isinstance(outputs, dict) else {}
