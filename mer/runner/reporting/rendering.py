"""Rendering again what was executed, without executing it."""

import contextlib
import json

from mer import files
from mer.runner.execution import lock
from mer.runner.reporting.index import Index
from mer.runner.reporting.screen import Screen
from mer.runner.staleness import stamps
from mer.runner.steps import notebook, units
from mer.runner.study import Study, StudyError


def render(study: Study, screen: Screen | None = None) -> int:
    """Write the pages of all executed notebooks and the front page anew; return 0, or 1 where one could not be made.

    Raises:
        StudyError: another runner is at work in the folder.
    """
    import nbformat

    screen = screen or Screen()
    failed = 0
    with lock.held(study.folder, screen.say):
        chosen = _readable(study)
        for unit in (unit for step in chosen for unit in _units(study, step)):
            source = study.place(unit.name, "ipynb")
            if not source.exists():
                continue
            if stamps.page_altered(study, unit.name):
                failed += 1
                screen.say(f"✗ {files.to_root(source)} was changed after it ran: run step {unit.name[:2]} again")
                continue
            try:
                render_unit(study, unit)
            except (OSError, ValueError, AttributeError, KeyError, nbformat.ValidationError) as error:
                failed += 1
                screen.say(f"✗ {files.to_root(source)} cannot be rendered ({type(error).__name__}: {error})")
            else:
                screen.say(f"  ✓ {files.to_root(study.place(unit.name, 'html'))}")
        Index(study, [], chosen).write(_state(study))
    return 1 if failed else 0


def render_unit(study: Study, unit: units.Unit) -> None:
    """Write the page of one executed notebook."""
    import nbformat

    from mer.runner.reporting import html

    book = nbformat.read(study.place(unit.name, "ipynb"), as_version=4)
    with files.replacing(study.place(unit.name, "html")) as page:
        html.render(book, page, unit.step.title, unit.subject, unit.home, study.title, study.banner)


def _state(study: Study) -> str:
    """The state that the last run left; rendering does not change it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return json.loads((study.folder / "run.json").read_text(encoding="utf-8")).get("state", "done")
    return "done"


def _readable(study: Study) -> list[notebook.Step]:
    found = []
    for number, path in notebook.find(study.notebooks).items():
        with contextlib.suppress(StudyError):
            if number in study.steps:
                found.append(notebook.read(path))
    return found


def _units(study: Study, step: notebook.Step) -> list[units.Unit]:
    with contextlib.suppress(StudyError):
        return units.expand(study, step)
    return []
