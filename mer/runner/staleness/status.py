"""What a run of a study would do, and which results of other steps it would use."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mer.runner.staleness import differences, edited_outputs, stamps
from mer.runner.staleness.dependencies import reason_to_run, step_dependencies
from mer.runner.steps import notebook, schedule
from mer.runner.steps.notebook import Step
from mer.runner.study import Study, StudyError


@dataclass(frozen=True)
class StepStatus:
    """One line of `--list`."""

    number: str
    name: str
    title: str
    state: str
    """One of unchanged, will run, may run, absent, unreadable and not listed."""
    reason: str = ""
    changes: list[str] = field(default_factory=list)
    """Everything that differs from the last run of the step, for `--explain`."""


def status_rows(study: Study) -> list[StepStatus]:
    """Return what a run would do, step by step; nothing is run."""
    paths = notebook.find(study.notebooks)
    readable, rows = {}, []
    for number, path in paths.items():
        try:
            readable[number] = notebook.read(path)
        except StudyError as error:
            rows.append(StepStatus(number, path.stem, "", "unreadable", str(error)))
    listed = [readable[number] for number in sorted(set(study.steps)) if number in readable]
    required, active = schedule.required_steps(study, listed), set()
    for step in listed:
        rows.append(_status(study, step, sorted(required[step.number] & active)))
        if rows[-1].state != "unchanged":
            active.add(step.number)
    rows += [StepStatus(n, "", "", "absent", "the study lists it") for n in set(study.steps) - set(paths)]
    others = [step for number, step in readable.items() if number not in study.steps]
    rows += [StepStatus(s.number, s.name, s.title, "not listed", f"run it with --steps {s.number}") for s in others]
    return sorted(rows, key=lambda row: row.number)


def problems(study: Study, requested: set[str] | None = None, start: str | None = None) -> list[str]:
    """Return the reasons why a study cannot be run, one line per problem."""
    try:
        select_steps(study, requested, start)
    except StudyError as error:
        return error.problems
    return []


def select_steps(study: Study, requested: set[str] | None = None, start: str | None = None) -> list[Step]:
    """Return the steps of a run as `schedule.select_steps` does, if the results that they use are unedited.

    Raises:
        StudyError: with every problem.
    """
    steps = schedule.select_steps(study, requested, start)
    if lines := list(_edited_results(study, steps)):
        raise StudyError(lines)
    return steps


def notes_on_stale_results(study: Study, steps: list[Step]) -> Iterator[str]:
    """Yield a note for each step outside of `steps` whose results are used and are not up to date."""
    for step in _used(study, steps):
        if reason := _changes(study, step)[1]:
            yield f"note: {step.number} is used as it is, although it would run ({reason})"


def _status(study: Study, step: Step, active: list[str]) -> StepStatus:
    """Return the status of a listed step; `active` are the steps before it that may run."""
    changes, reason = _changes(study, step)
    state = "will run" if reason else "may run" if active else "unchanged"
    reason = reason or (f"if {', '.join(active)} changes what it reads" if active else "")
    return StepStatus(step.number, step.name, step.title, state, reason, changes)


def _changes(study: Study, step: Step) -> tuple[list[str], str]:
    """Return everything that has changed since a step last ran, and in short why it would run."""
    current = step_dependencies(study, step)
    if not (reason := reason_to_run(study, step, current)):
        return [], ""
    stored = (stamps.finished(study, step.name) or {}).get("parts")
    lines = differences.difference_lines(stored, current) if isinstance(stored, dict) else []
    return lines or [reason], reason


def _edited_results(study: Study, steps: list[Step]) -> Iterator[str]:
    """Name the results of other steps that are read and were changed or removed after those steps wrote them.

    Results of a step that is out of date belong to an earlier state of the study. Edited results belong to none. A step
    that takes a file for optional would silently leave it out if it was removed.
    """
    inputs = [name for step in steps for name in step.reads]
    for step in _used(study, steps):
        changed = dict.fromkeys(edited_outputs.edited_outputs(study, step), "was changed by hand")
        changed |= dict.fromkeys(edited_outputs.missing_outputs(study, step), "was removed")
        for name, what in changed.items():
            if any(schedule.overlap(name, other) for other in inputs):
                yield f"{name} {what} after step {step.number} wrote it; run step {step.number}, too"


def _used(study: Study, steps: list[Step]) -> list[Step]:
    """Return the study's steps outside of `steps` whose results are read."""
    numbers = {step.number for step in steps}
    others = schedule.readable_steps(study, without=numbers)
    required = schedule.required_steps(study, [*steps, *others])
    used = set().union(*(required[number] for number in numbers))
    return [step for step in others if step.number in used]
