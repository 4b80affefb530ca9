"""Files of a run folder, against what the step that wrote them says in its stamp."""

from functools import cache
from pathlib import Path

from mer import files


class Altered(ValueError):
    """A file is not what its step wrote."""


def check(folder: Path, name: str) -> None:
    """Compare a file of a run folder with the stamp of the step that wrote it, if that ended well.

    Args:
        name: of the file, below `folder`. Folders are not looked at: what lies in them is bound otherwise.

    Raises:
        Altered: somebody or something changed it afterwards.
    """
    path = folder / name
    if not path.is_file():
        return
    for stamp in sorted((folder / "stamps").rglob("*.json")):
        found = stamp.stat()
        digest = _outputs(stamp, (found.st_mtime_ns, found.st_ino, found.st_size)).get(name)
        if digest is not None and digest != files.digest_file(path):
            step = stamp.relative_to(folder / "stamps").with_suffix("").as_posix()
            raise Altered(f"{files.to_root(path)}: was changed after {step} wrote it; run step {step[:2]} again")


@cache
def _outputs(stamp: Path, version: tuple[int, ...]) -> dict[str, str]:
    """What a step wrote, by name; `version` is there for the cache to see."""
    try:
        told = files.read_json(stamp)
    except (OSError, ValueError):
        return {}
    outputs = told.get("outputs") if isinstance(told, dict) and told.get("state") == "done" else None
    return outputs if isinstance(outputs, dict) else {}
