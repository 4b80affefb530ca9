"""Results of a run that a notebook in JupyterLab reuses instead of computing them again."""

import contextlib
import os
import shutil
from pathlib import Path

from mer import files

LINKED = ".safetensors"
"""The suffix of files that are linked instead of copied: they can be large, and are replaced but never edited."""
UNFINISHED = (".unfinished", ".partial")
"""The suffixes of files that a running step is still writing."""
LOG = "log.txt"
"""The file that a step appends to, so that each has its own."""


def add(source: Path, target: Path) -> None:
    """Add to a folder the files of another one that it lacks, or has in an older version.

    Args:
        source: a folder of the run; no error if it does not exist.
        target: the folder in which the notebook works.
    """
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        relative = path.relative_to(source)
        of_other_use = path.name == LOG or path.suffix in UNFINISHED or any(p.startswith(".") for p in relative.parts)
        if of_other_use or path.is_symlink():
            continue
        with contextlib.suppress(FileNotFoundError):  # a step that is running may delete it
            if path.is_file() and not _is_as_new(target / relative, path):
                _link_or_copy(path, target / relative)


def _is_as_new(place: Path, path: Path) -> bool:
    """Whether a file exists and is at least as new as another one."""
    return place.exists() and place.stat().st_mtime_ns >= path.stat().st_mtime_ns


def _link_or_copy(path: Path, place: Path) -> None:
    with files.replacing(place) as partial:
        if path.suffix == LINKED:
            with contextlib.suppress(OSError):  # another file system, or one without links
                os.link(path, partial)
                return
        shutil.copy2(path, partial)
