"""Outputs that were changed after their unit wrote them: no step reads them, and the unit runs again without them."""

import shutil
from pathlib import Path

from mer.runner.staleness import digests, stamps
from mer.runner.steps.units import Unit
from mer.runner.study import Study

AWAY = "changed"
"""the folder that they are put into"""


def changed(study: Study, unit: Unit) -> list[str]:
    """Return the outputs of a finished unit that are there and differ from what it sealed."""
    sealed = (stamps.finished(study, unit.name) or {}).get("outputs") or {}
    known = digests.run_digests(study.folder)
    found = {name: known.digest(study.folder / name) for name in unit.writes if name in sealed}
    return [name for name, digest in found.items() if digest not in (None, sealed[name])]


def put_away(study: Study, unit: Unit) -> list[str]:
    """Move such outputs out of the way of a unit that is about to run, and return their names.

    A step keeps results between its runs among its outputs, as trainings that are finished. What is in such a folder is
    believed where the folder is the one that was sealed, or where the step did not come to its end.
    """
    names = changed(study, unit)
    for name in names:
        target = study.folder / AWAY / name
        _remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        (study.folder / name).replace(target)
    return names


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
