"""A finished run, replayed from its own parameters, and whether every table comes out the same."""

import dataclasses
import shutil
from pathlib import Path

from mer import files
from mer.runner.compare import files as tables
from mer.runner.execution import lock, processes
from mer.runner.execution.loop import run
from mer.runner.reporting.screen import Screen
from mer.runner.staleness import differences, digests, stamps
from mer.runner.study import Study, StudyError


def scratch(folder: Path) -> Path:
    """Return where a run is replayed: a hidden folder beside it."""
    return folder.with_name(f".{folder.name}.verify")


def verify(study: Study, *, jobs: int = 1, screen: Screen | None = None) -> int:
    """Replay a finished run beside it and compare everything that its steps wrote.

    Args:
        study: the run, with the parameters of its own `params.yaml`.

    Returns:
        0 where every file is the same to the byte, 1 where one is not or a step failed, 130 after an interruption.

    Raises:
        StudyError: the run is not finished, a runner is at work in its folder, or its notebooks are not there.
    """
    screen = screen or Screen()
    with lock.held(study.folder, screen.say):
        return _replay(study, _finished(study), jobs, screen)


def _replay(study: Study, then: dict[str, dict], jobs: int, screen: Screen) -> int:
    again = dataclasses.replace(study, folder=scratch(study.folder), steps=tuple(sorted({name[:2] for name in then})))
    processes.end_all("MER_RUN_FOLDER", str(again.folder))  # a replay that was killed may have left some
    shutil.rmtree(again.folder, ignore_errors=True)
    screen.say(f"replaying {files.to_root(study.folder)} in {files.to_root(again.folder)}")
    code = run(again, jobs=jobs, screen=screen)
    if code:
        for line in _since(study, again, then) if code == 1 else ():
            screen.say(line)
        screen.say(f"{files.to_root(study.folder)} could not be replayed")
        return code
    compared = _compare(study, again, then)
    different = [line for line in compared if line[1]]
    for name, difference in compared:
        screen.say(f"  differs  {name}: {difference}" if difference else f"  same     {name}")
    for line in _since(study, again, then):
        screen.say(line)
    if different:
        screen.say(
            f"{len(different)} of {len(compared)} files differ; the replay stays in {files.to_root(again.folder)}"
        )
        return 1
    shutil.rmtree(again.folder, ignore_errors=True)
    screen.say(f"all {len(compared)} files are the same to the byte")
    return 0


def _finished(study: Study) -> dict[str, dict]:
    """The stamps of a run, all of them of units that ended well."""
    places = sorted((study.folder / "stamps").rglob("*.json"))
    names = [path.relative_to(study.folder / "stamps").with_suffix("").as_posix() for path in places]
    found = {name: stamps.finished(study, name) for name in names}
    wrong = [f"{name} is not finished" for name, stamp in found.items() if stamp is None]
    where = files.to_root(study.folder)
    if not found:
        wrong = ["it has no finished step"]
    if wrong:
        raise StudyError([f"{where} cannot be verified: {'; '.join(wrong[:3])}; finish the run first"])
    return found


def _compare(study: Study, again: Study, then: dict[str, dict]) -> list[tuple[str, str | None]]:
    names = sorted({name for stamp in then.values() for name in stamp.get("outputs") or {}})
    return tables.everything(study.folder, again.folder, names)


def _since(study: Study, again: Study, then: dict[str, dict]) -> list[str]:
    """What is not as it was: code, parameters, data, versions, and outputs that were changed by hand."""
    lines: list[str] = []
    for name, stamp in then.items():
        if now := (stamps.read(again, name) or {}).get("parts"):  # none where the replay did not get that far
            lines += [f"  {name}: {line}" for line in differences.changes(stamp.get("parts") or {}, now)]
        lines += [f"  {name}: {line}" for line in _by_hand(study, stamp)]
    lines += _machine(study.folder, again.folder)
    return (
        ["what has changed since that run:", *dict.fromkeys(lines)] if lines else ["nothing has changed since that run"]
    )


def _by_hand(study: Study, stamp: dict) -> list[str]:
    known = digests.run_digests(study.folder)
    outputs = (stamp.get("outputs") or {}).items()
    return [
        f"{name} is not what the step wrote" for name, digest in outputs if known.digest(study.folder / name) != digest
    ]


def _machine(a: Path, b: Path) -> list[str]:
    """Installed versions and hardware, which the stamps do not hold."""
    try:
        then, now = (files.read_json(folder / "run.json") for folder in (a, b))
    except (OSError, ValueError):
        return ["  run.json of that run cannot be read, so versions and hardware are unknown"]
    before, after = then.get("packages") or {}, now.get("packages") or {}
    lines = [
        f"  installed {name} is {after.get(name, 'absent')}, was {before.get(name, 'absent')}"
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]
    hardware = (then.get("hardware") or {}, now.get("hardware") or {})
    return lines + [
        f"  {name} is {hardware[1].get(name)}, was {hardware[0].get(name)}"
        for name in sorted(hardware[0] | hardware[1])
        if hardware[0].get(name) != hardware[1].get(name)
    ]
