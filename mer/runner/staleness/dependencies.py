"""Whether a unit has to run: what it depends on now, against what its stamp says it depended on."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mer import code_dependencies, files
from mer.runner.staleness import digests, stamps
from mer.runner.steps.notebook import Step, parse
from mer.runner.steps.units import Unit
from mer.runner.study import Study

OF_PARAMETER = "of "
"""begins the name of an input that a parameter names"""
ELSEWHERE = {"data"}
"""sections whose paths do not count: the raw data are an input of their own, and the store of vectors is a cache"""
NOT_DONE = {"started": "was not finished", "failed": "failed last time", "interrupted": "was interrupted"}


def shared(study: Study, step: Step) -> dict:
    """Return the parts that all units of a step depend on, as digests and values."""
    closure = code_dependencies.CodeDependencies(tree for text in step.code if (tree := parse(text)))
    return {
        "study": study.name,
        "code": [files.digest(text) for text in step.code if text.strip()],
        "modules": closure.digests(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "versions": versions(),
        "installed": closure.libraries(),
    }


def parts(study: Study, unit: Unit, common: dict) -> dict:
    """Return everything that a unit's result depends on; `common` is what `shared` returned for its step."""
    inputs = {name: input_digest(study, name) for name in unit.reads}
    inputs |= {OF_PARAMETER + name: digests.digest_by_time(path) for name, path in _named(study, unit.params)}
    return common | {"parameters": unit.params, "item": unit.item, "inputs": inputs}


def reason(study: Study, unit: Unit, now: dict) -> str | None:
    """Return why a unit has to run, in words; None where it does not."""
    stamp = stamps.read(study, unit.name)
    if stamp is None:
        return "never run"
    if not stamp:
        return "its stamp cannot be read, or is of another version of the runner"
    if stamp["state"] != "done":
        return NOT_DONE.get(stamp["state"], "was not finished")
    if not isinstance(stamp.get("parts"), dict) or files.digest(stamp["parts"]) != stamp.get("digest"):
        return "its stamp was edited"
    return _difference(stamp["parts"], now) or _outputs(study, unit, stamp)


def input_digest(study: Study, name: str) -> str | None:
    """Return the digest of a file, a folder or external data; None where it is not there."""
    if name in study.external:
        return digests.digest_by_time(study.external[name][0])
    return digests.run_digests(study.folder).digest(study.folder / name)


def _named(study: Study, params: object, name: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the parameters that name a file or folder that is there: what lies in it may change, and its name stay."""
    if isinstance(params, dict):
        for key, value in params.items():
            if name or key not in ELSEWHERE:
                yield from _named(study, value, f"{name}.{key}" if name else str(key))
    elif isinstance(params, list):
        for number, value in enumerate(params):
            yield from _named(study, value, f"{name}.{number}")
    elif isinstance(params, str) and (path := _there(params)) and not study.folder.is_relative_to(path):
        yield name, path


def _there(text: str) -> Path | None:
    try:
        path = files.from_root(text)
        return path if path.exists() else None
    except (OSError, ValueError):  # no path at all
        return None


def versions() -> dict[str, str]:
    """Return the locked versions by package; none without a lock file."""
    lock = files.ROOT / "constraints.txt"
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    found = (re.match(r"([A-Za-z0-9][\w.-]*)\s*==\s*([^\s;#]+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def _outputs(study: Study, unit: Unit, stamp: dict) -> str | None:
    """Say which output is gone, or no longer what the unit wrote."""
    known, written = digests.run_digests(study.folder), stamp.get("outputs") or {}
    for name in unit.writes:
        found = known.digest(study.folder / name)
        if found is None:
            return f"output {name} is missing"
        if found != written.get(name):
            return f"output {name} was changed by hand, or only half of it is there"
    page = study.place(unit.name, "ipynb")
    if not page.exists():
        return f"output {page.name} is missing"
    if not study.place(unit.name, "html").exists() and stamps.page_altered(study, unit.name):
        return f"output {page.name} was changed by hand"
    return None


def _difference(then: dict, now: dict) -> str | None:
    known = then.get("installed") or {}  # what came later was not used
    now = now | {"installed": {name: version for name, version in now["installed"].items() if name in known}}
    if then.get("study") != now["study"]:
        return f"the study was named {then.get('study')}"
    if then.get("code") != now["code"]:
        return "code changed"
    phrases = {
        "item": "{} changed", "parameters": "parameters {} changed", "modules": "{} changed",
        "versions": "locked version of {} changed", "installed": "installed version of {} changed",
        "inputs": "input {} changed",
    }  # fmt: skip
    if then.get("python") != now["python"]:
        return f"Python is {now['python']}, was {then.get('python')}"
    for kind, phrase in phrases.items():
        if changed := _changed(then.get(kind) or {}, now[kind]):
            return phrase.format(", ".join(changed[:3]) + (", …" if len(changed) > 3 else ""))
    return None


def _changed(then: dict, now: dict) -> list[str]:
    absent = object()
    return sorted(name for name in then | now if then.get(name, absent) != now.get(name, absent))
