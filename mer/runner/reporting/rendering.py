"""Render the pages of executed notebooks again, without executing them."""

from mer import files
from mer.runner import lock
from mer.runner.reporting.index import Index
from mer.runner.reporting.screen import Screen
from mer.runner.staleness import stamps
from mer.runner.steps import schedule
from mer.runner.steps.notebook import Step
from mer.runner.study import Study


def render(study: Study, screen: Screen | None = None) -> int:
    """Write the front page and the pages of all executed notebooks; return 0, or 1 if a page could not be made.

    Raises:
        StudyError: another runner uses the folder.
    """
    screen = screen or Screen()
    with lock.exclusive(study.folder, screen.print_line):
        steps = schedule.readable_steps(study)
        executed = [step for step in steps if study.place(step.name, "ipynb").exists()]
        results = [_render_checked(study, step, screen) for step in executed]
        Index(study, [], steps).write_page()
    return 0 if all(results) else 1


def render_step(study: Study, step: Step) -> None:
    """Write the page of one executed notebook."""
    import nbformat

    from mer.runner.reporting import html

    book = nbformat.read(study.place(step.name, "ipynb"), as_version=4)
    stamp = stamps.finished(study, step.name) or {}
    date = str(stamp.get("day") or stamp.get("finished", ""))[:10]
    with files.replacing(study.place(step.name, "html")) as page:
        html.render(book, page, html.PageTexts(step.title, study.title, study.banner, date))


def _render_checked(study: Study, step: Step, screen: Screen) -> bool:
    """Render a page and print a line about it; return whether it could be made."""
    import nbformat

    source = files.to_root(study.place(step.name, "ipynb"))
    if stamps.notebook_edited(study, step.name):
        screen.print_line(f"✗ {source} was changed after it ran: run step {step.number} again")
        return False
    try:
        render_step(study, step)
    except (OSError, ValueError, AttributeError, KeyError, nbformat.ValidationError) as error:
        screen.print_line(f"✗ {source} cannot be rendered ({type(error).__name__}: {error})")
        return False
    screen.print_line(f"  ✓ {files.to_root(study.place(step.name, 'html'))}")
    return True
