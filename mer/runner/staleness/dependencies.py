"""What a step depends on, and whether that differs from what its stamp says."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mer import code_dependencies, files
from mer.runner.staleness import digests, stamps
from mer.runner.steps.notebook import Step, parse
from mer.runner.study import Study

PARAMETER_PREFIX = "of "
"""The prefix in the name of an input whose path is the value of a parameter."""
SEPARATE_SECTIONS = {"data"}
"""Sections whose paths do not count: the raw data are an input of their own, and the feature store is a cache."""
UNFINISHED_REASONS = {
    "started": "was not finished", "failed": "failed last time", "interrupted": "was interrupted",
}  # fmt: skip


def step_dependencies(study: Study, step: Step) -> dict:
    """Return everything that the result of a step depends on, as digests and values."""
    code = _code(step)
    params = {name: study.params.get(name) for name in step.uses}
    if (device := study.limits_of(step.number).device) and isinstance(params.get("compute"), dict):
        params["compute"] = params["compute"] | {"device": device}
    inputs = {name: input_digest(study, name) for name in step.reads}
    inputs |= {PARAMETER_PREFIX + name: digests.digest_by_time(path) for name, path in _named_paths(study, params)}
    return {
        "study": study.name,
        "code": [files.digest(text) for text in step.code if text.strip()],
        "modules": code.digests(),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "versions": locked_versions(),
        "installed": code.libraries(),
        "parameters": params,
        "inputs": inputs,
    }


def imports(step: Step, library: str) -> bool:
    """Return whether a step imports a library, directly or by the modules that it imports."""
    return library in _code(step).libraries()


def reason_to_run(study: Study, step: Step, current: dict) -> str | None:
    """Return why a step has to run; None if it need not.

    Args:
        study: the study.
        step: the step.
        current: its `step_dependencies`.
    """
    stamp = stamps.read(study, step.name)
    if stamp is None:
        return "never run"
    if not stamp:
        return "its stamp cannot be read, or is of another version of the runner"
    if stamp["state"] != "done":
        return UNFINISHED_REASONS.get(stamp["state"], "was not finished")
    parts = stamp.get("parts")
    if not stamps.is_whole(stamp) or not isinstance(parts, dict) or files.digest(parts) != stamp.get("digest"):
        return "its stamp was edited"
    return _difference(parts, current) or _output_problem(study, step, stamp)


def input_digest(study: Study, name: str) -> str | None:
    """Return the digest of a file, a folder or external data; None if it does not exist."""
    if name in study.external:
        return digests.digest_by_time(study.external[name][0])
    return digests.run_digests(study.folder).digest(study.folder / name)


def locked_versions() -> dict[str, str]:
    """Return the locked versions by package; empty without a lock file."""
    lock = files.ROOT / "constraints.txt"
    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    matches = (re.match(r"([A-Za-z0-9][\w.-]*)\s*==\s*([^\s;#]+)", line) for line in lines)
    return {match[1]: match[2] for match in matches if match}


def _code(step: Step) -> code_dependencies.CodeDependencies:
    return code_dependencies.CodeDependencies(tree for text in step.code if (tree := parse(text)))


def _named_paths(study: Study, params: object, name: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the parameters that name an existing file or folder, whose content may change while its name stays."""
    if isinstance(params, dict):
        for key, value in params.items():
            if name or key not in SEPARATE_SECTIONS:
                yield from _named_paths(study, value, f"{name}.{key}" if name else str(key))
    elif isinstance(params, list):
        for number, value in enumerate(params):
            yield from _named_paths(study, value, f"{name}.{number}")
    elif isinstance(params, str) and (path := _existing(params)) and not study.folder.is_relative_to(path):
        yield name, path


def _existing(text: str) -> Path | None:
    try:
        path = files.from_root(text)
        return path if path.exists() else None
    except (OSError, ValueError):  # the text is no path
        return None


def _output_problem(study: Study, step: Step, stamp: dict) -> str | None:
    """Name an output that is missing, or is not what the step wrote."""
    cache, stored = digests.run_digests(study.folder), stamp.get("outputs") or {}
    for name in step.writes:
        digest = cache.digest(study.folder / name)
        if digest is None:
            return f"output {name} is missing"
        if digest != stored.get(name):
            return f"output {name} was changed by hand, or only half of it is there"
    page = study.place(step.name, "ipynb")
    if not page.exists():
        return f"output {page.name} is missing"
    if not study.place(step.name, "html").exists() and stamps.notebook_edited(study, step.name):
        return f"output {page.name} was changed by hand"
    return None


def _difference(stored: dict, current: dict) -> str | None:
    used = stored.get("installed") or {}  # a library that was installed later was not used
    current = current | {"installed": {name: version for name, version in current["installed"].items() if name in used}}
    if stored.get("study") != current["study"]:
        return f"the study was named {stored.get('study')}"
    if stored.get("code") != current["code"]:
        return "code changed"
    phrases = {
        "parameters": "parameters {} changed", "modules": "{} changed",
        "versions": "locked version of {} changed", "installed": "installed version of {} changed",
        "inputs": "input {} changed",
    }  # fmt: skip
    if stored.get("python") != current["python"]:
        return f"Python is {current['python']}, was {stored.get('python')}"
    for kind, phrase in phrases.items():
        if names := _changed_names(stored.get(kind) or {}, current[kind]):
            return phrase.format(", ".join(names[:3]) + (", …" if len(names) > 3 else ""))
    return None


def _changed_names(stored: dict, current: dict) -> list[str]:
    absent = object()
    return sorted(name for name in stored | current if stored.get(name, absent) != current.get(name, absent))
