"""Finished runs that are copied to an address and back (`--push`, `--pull`)."""

import re
from pathlib import Path
from typing import TextIO

from mer import files, shared_folders
from mer.runner import lock
from mer.runner.staleness import digests, stamps
from mer.runner.study import Study, StudyError
from mer.shared import SharedStore, UnreachableStore
from mer.shared_folders import FolderError

LEFT_OUT = ("interactive", "changed")
"""The folders of a run folder that belong to one person: they are not copied."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""The name of a run folder."""


def push(study: Study, address: str, out: TextIO) -> int:
    """Copy a finished run to an address; return the exit code.

    Raises:
        StudyError: the run is not finished, its files were changed, or the address cannot be used.
    """
    folder = study.folder
    with lock.exclusive(folder, lambda line: print(line, file=out)):
        _refuse_unfinished(study)
        names = [name for name, _ in digests.files_below(folder) if name.split("/")[0] not in LEFT_OUT]
        try:
            count = shared_folders.push(SharedStore(address), folder, names, {"run": folder.name})
        except (FolderError, UnreachableStore) as error:
            raise StudyError([str(error)]) from None
    print(f"{count} files of {files.to_root(folder)} are at {address}", file=out)
    return 0


def pull(address: str, outputs: Path, name: str | None, out: TextIO) -> int:
    """Copy a run from an address into a new run folder, with the digests of all files checked; return the exit code.

    Args:
        outputs: the folder of all run folders.
        name: the name of the new folder; None for the one that it had.

    Raises:
        StudyError: there is no complete run, a file is another one, or the folder exists.
    """
    try:
        store = SharedStore(address)
        content = shared_folders.read_list(store)
        name = content.get("run") if name is None else name
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise FolderError(f"{address}: the run has no name that a folder can have; give one with --name")
        if "params.yaml" not in content["files"]:
            raise FolderError(f"{address}: is no run: it has no params.yaml")
        outputs.mkdir(parents=True, exist_ok=True)
        shared_folders.pull(store, content["files"], outputs / name)
    except (FolderError, UnreachableStore) as error:
        raise StudyError([str(error)]) from None
    count, folder = len(content["files"]), files.to_root(outputs / name)
    print(f"{count} files are in {folder}, all as they were copied to {address}; open {folder}/index.html", file=out)
    return 0


def _refuse_unfinished(study: Study) -> None:
    """Refuse a run with a step that did not end well, or whose files are not those that its steps wrote.

    Raises:
        StudyError: with every problem.
    """
    cache, problems = digests.run_digests(study.folder), []
    names = sorted(path.stem for path in (study.folder / "stamps").glob("*.json"))
    if not names:
        problems.append("no step is finished")
    for name in names:
        if (stamp := stamps.finished(study, name)) is None:
            problems.append(f"{name} is not finished")
            continue
        outputs = (stamp.get("outputs") or {}).items()
        problems += [f"{path} is not what {name} wrote" for path, digest in outputs
                     if cache.digest(study.folder / path) != digest]  # fmt: skip
    if problems:
        place = files.to_root(study.folder)
        raise StudyError([f"{place} is not copied: {problem}; run the study again first" for problem in problems])
