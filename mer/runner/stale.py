"""Whether a step has to run: what it depends on now, and what its stamp says it depended on.

A stamp is the last thing that a successful step leaves. It holds every part of the digest, so that
the reason for running again can be named.
"""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mer import files
from mer.runner import sources
from mer.runner.steps import Step
from mer.runner.study import Study


def parts(study: Study, step: Step, *, inputs: bool = True) -> dict:
    """Return everything that a step's result depends on, as digests and values."""
    constraints = files.ROOT / "constraints.txt"
    return {
        "code": files.digest([text for text in step.code if text.strip()]),
        "parameters": {name: study.params.get(name) for name in step.uses},
        "modules": sources.digests(step.code),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "constraints": files.digest_file(constraints) if constraints.is_file() else None,
        "inputs": {name: input_digest(study, name) for name in step.reads} if inputs else {},
    }


def reason(study: Study, step: Step, now: dict) -> str | None:
    """Return why a step has to run, in words; None where it does not."""
    stamp = read_stamp(study, step.name)
    if stamp is None:
        return "never run"
    if (why := _difference(stamp["parts"], now)) is not None:
        return why
    pages = [study.place(step.name, kind) for kind in ("ipynb", "html")]
    for name in [*(path.name for path in pages), *step.writes]:
        if not (study.folder / name).exists():
            return f"output {name} is missing"
    return None


def read_stamp(study: Study, step: str) -> dict | None:
    """Return a step's stamp; None where there is none, or none that can be read."""
    try:
        stamp = files.read_json(study.place(step, "stamp"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("parts"), dict) else None


def write_stamp(study: Study, step: Step, before: dict, facts: dict) -> str:
    """Seal a finished step and return its digest. `before`: its parts as they were when it started."""
    generated = [name for name in step.reads if study.external.get(name, (None, False))[1]]
    inputs = before["inputs"] | {name: input_digest(study, name) for name in generated}
    sealed = before | {"inputs": inputs}
    stamp = {"step": step.name, "digest": files.digest(sealed), **facts, "parts": sealed}
    files.write_json(study.place(step.name, "stamp"), stamp)
    return stamp["digest"]


def input_digest(study: Study, name: str) -> str | None:
    """Return the digest of a file, a folder or external data; None where it is not there."""
    if name in study.external:
        return _external(study.external[name][0])
    path = study.folder / name
    if path.is_dir():
        return files.digest([[name, _content(found)] for name, found in _below(path)])
    return _content(path) if path.is_file() else None


def _difference(then: dict, now: dict) -> str | None:
    if then.get("code") != now["code"]:
        return "code changed"
    for kind, phrase in (("parameters", "parameters {} changed"), ("modules", "{} changed")):
        if changed := _changed(then.get(kind, {}), now[kind]):
            return phrase.format(", ".join(changed[:3]) + (", …" if len(changed) > 3 else ""))
    if then.get("python") != now["python"]:
        return f"Python is {now['python']}, was {then.get('python')}"
    if then.get("constraints") != now["constraints"]:
        return "constraints.txt changed"
    changed = _changed(then.get("inputs", {}), now["inputs"])
    return f"input {', '.join(changed[:3])} changed" if changed else None


def _changed(then: dict, now: dict) -> list[str]:
    absent = object()
    return sorted(name for name in then | now if then.get(name, absent) != now.get(name, absent))


def _external(folder: Path) -> str | None:
    """Names, sizes and times of change: corpora are too large to be read through each time."""
    if not folder.is_dir():
        return None
    return files.digest([[name, (s := path.stat()).st_size, s.st_mtime_ns] for name, path in _below(folder)])


def _content(path: Path) -> str:
    stat = path.stat()
    return _digest_file(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest_file(path: Path, size: int, changed: int) -> str:
    """The digest of a file, read once per run as long as `size` and `changed` stay."""
    return files.digest_file(path)


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder in a fixed order; linked folders are followed once each.

    Hidden files are the file manager's or somebody's half-written ones.
    """
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(names):
            path = Path(place, name)
            if name[0] != "." and path.exists():
                yield path.relative_to(folder).as_posix(), path
