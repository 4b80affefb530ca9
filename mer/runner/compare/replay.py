"""Replay a finished run from its own parameters, and compare every file that it wrote."""

import dataclasses
import re
import shutil
from pathlib import Path

from mer import files
from mer.runner import lock, processes
from mer.runner.compare import files as tables
from mer.runner.execution.loop import RunOptions, run
from mer.runner.reporting.screen import Screen
from mer.runner.staleness import differences, digests, stamps
from mer.runner.study import Study, StudyError

DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
"""The day in the stamp of a step. Pages bear it, so that a replay gives the same bytes on another day."""


def scratch(folder: Path) -> Path:
    """Return the folder in which a run is replayed: a hidden one next to it."""
    return folder.with_name(f".{folder.name}.verify")


def verify(study: Study, *, jobs: int = 1, screen: Screen | None = None) -> int:
    """Replay a finished run in a folder next to it and compare all files that its steps wrote.

    Args:
        study: the run, with the parameters of its own `params.yaml`.

    Returns:
        0 if every file is the same to the byte, 1 if one is not or a step failed, 130 after an interruption.

    Raises:
        StudyError: the run is not finished, a runner uses its folder, or its notebooks are missing.
    """
    screen = screen or Screen()
    with lock.exclusive(study.folder, screen.print_line):
        return _replay(study, _finished(study), jobs, screen)


def _replay(study: Study, original: dict[str, dict], jobs: int, screen: Screen) -> int:
    days = {name: str(stamp["day"]) for name, stamp in original.items() if DAY.fullmatch(str(stamp.get("day")))}
    replayed = dataclasses.replace(
        study, folder=scratch(study.folder), steps=tuple(sorted({name[:2] for name in original})), on_finish=(),
        days=days,
    )  # fmt: skip
    processes.end_all("MER_RUN_FOLDER", str(replayed.folder))  # a replay that was killed may have left some
    shutil.rmtree(replayed.folder, ignore_errors=True)
    screen.print_line(f"replaying {files.to_root(study.folder)} in {files.to_root(replayed.folder)}")
    screen.print_line(f"  with the notebooks and the code of {files.ROOT}; of that run only the parameters are used")
    code = run(replayed, RunOptions(jobs=jobs), screen)
    if code:
        for line in _changes_since(study, replayed, original) if code == 1 else ():
            screen.print_line(line)
        screen.print_line(f"{files.to_root(study.folder)} could not be replayed")
        return code
    compared = _compare(study, replayed, original)
    different = [line for line in compared if line[1]]
    for name, difference in compared:
        screen.print_line(f"  differs  {name}: {difference}" if difference else f"  same     {name}")
    for line in _changes_since(study, replayed, original):
        screen.print_line(line)
    if different:
        screen.print_line(
            f"{len(different)} of {len(compared)} files differ; the replay stays in {files.to_root(replayed.folder)}"
        )
        return 1
    shutil.rmtree(replayed.folder, ignore_errors=True)
    screen.print_line(f"all {len(compared)} files are the same to the byte")
    return 0


def _finished(study: Study) -> dict[str, dict]:
    """Return the stamps of a run, in which every step ended well."""
    places = sorted((study.folder / "stamps").rglob("*.json"))
    names = [path.relative_to(study.folder / "stamps").with_suffix("").as_posix() for path in places]
    finished = {name: stamps.finished(study, name) for name in names}
    problems = [f"{name} is not finished" for name, stamp in finished.items() if stamp is None]
    if not finished:
        problems = ["it has no finished step"]
    if problems:
        folder = files.to_root(study.folder)
        raise StudyError([f"{folder} cannot be verified: {'; '.join(problems[:3])}; finish the run first"])
    return finished


def _compare(study: Study, replayed: Study, original: dict[str, dict]) -> list[tuple[str, str | None]]:
    names = sorted({name for stamp in original.values() for name in stamp.get("outputs") or {}})
    return tables.compare_files(study.folder, replayed.folder, names)


def _changes_since(study: Study, replayed: Study, original: dict[str, dict]) -> list[str]:
    """Return the changes of code, parameters, data and versions, and the outputs that were changed by hand."""
    lines: list[str] = []
    for name, stamp in original.items():
        if current := (stamps.read(replayed, name) or {}).get("parts"):  # none if the replay stopped before
            lines += [f"  {name}: {line}" for line in differences.difference_lines(stamp.get("parts") or {}, current)]
        lines += [f"  {name}: {line}" for line in _edited(study, stamp)]
    lines += _machine(study.folder, replayed.folder)
    return (
        ["what has changed since that run:", *dict.fromkeys(lines)] if lines else ["nothing has changed since that run"]
    )


def _edited(study: Study, stamp: dict) -> list[str]:
    cache = digests.run_digests(study.folder)
    outputs = (stamp.get("outputs") or {}).items()
    return [
        f"{name} is not what the step wrote" for name, digest in outputs if cache.digest(study.folder / name) != digest
    ]


def _machine(a: Path, b: Path) -> list[str]:
    """Return the changes of installed versions and hardware, which the stamps do not hold."""
    try:
        stored, current = (files.read_json(folder / "run.json") for folder in (a, b))
    except (OSError, ValueError):
        return ["  run.json of that run cannot be read, so versions and hardware are unknown"]
    before, after = stored.get("packages") or {}, current.get("packages") or {}
    lines = [
        f"  installed {name} is {after.get(name, 'absent')}, was {before.get(name, 'absent')}"
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]
    hardware = (stored.get("hardware") or {}, current.get("hardware") or {})
    return lines + [
        f"  {name} is {hardware[1].get(name)}, was {hardware[0].get(name)}"
        for name in sorted(hardware[0] | hardware[1])
        if hardware[0].get(name) != hardware[1].get(name)
    ]
