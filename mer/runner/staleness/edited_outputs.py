"""Outputs that were changed after their step wrote them: no step reads them, and their step runs again without them."""

import shutil
from pathlib import Path

from mer.runner.staleness import digests, stamps
from mer.runner.steps.notebook import Step
from mer.runner.study import Study

MOVED_FOLDER = "changed"
"""The folder of the run folder that edited outputs are moved to."""


def edited_outputs(study: Study, step: Step) -> list[str]:
    """Return the outputs of a finished step that exist and differ from those that it wrote."""
    stored = (stamps.finished(study, step.name) or {}).get("outputs") or {}
    cache = digests.run_digests(study.folder)
    current = {name: cache.digest(study.folder / name) for name in step.writes if name in stored}
    return [name for name, digest in current.items() if digest not in (None, stored[name])]


def missing_outputs(study: Study, step: Step) -> list[str]:
    """Return the outputs that a finished step wrote and that do not exist any more."""
    stored = (stamps.finished(study, step.name) or {}).get("outputs") or {}
    return [name for name in step.writes if stored.get(name) is not None and not (study.folder / name).exists()]


def move_aside(study: Study, step: Step) -> list[str]:
    """Move the edited outputs of a step that is about to run to another folder, and return their names.

    Among its outputs, a step may keep results for its next run, such as finished trainings. It reuses such a folder
    only if its digest equals the one in the stamp, or if the step was interrupted.
    """
    names = edited_outputs(study, step)
    for name in names:
        target = study.folder / MOVED_FOLDER / name
        _remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        (study.folder / name).replace(target)
    return names


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
