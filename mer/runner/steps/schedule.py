"""Which steps are wanted, which of them wait for which, and which have something to do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter

from mer import files
from mer.params import fan_out
from mer.runner.staleness import dependencies as stale
from mer.runner.staleness import differences, edited_outputs, stamps
from mer.runner.steps import notebook, units
from mer.runner.steps.notebook import Step
from mer.runner.study import Study, StudyError


@dataclass(frozen=True)
class Row:
    """One line of `--list`."""

    number: str
    name: str
    title: str
    state: str
    """unchanged, will run, may run, absent, unreadable or not listed"""
    reason: str = ""
    changed: list[str] = field(default_factory=list)
    """everything that differs from the last time, for `--explain`"""


def parse_numbers(text: str) -> set[str]:
    """Return the steps that `03,05-07` names.

    Raises:
        StudyError: it does not read like that.

    >>> sorted(parse_numbers("03,5-7"))
    ['03', '05', '06', '07']
    """
    numbers: set[str] = set()
    for item in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,2})(?:-(\d{1,2}))?\s*", item)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise StudyError([f"--steps {text}: {item.strip()!r} is neither a step nor a range; write 03,05-07"])
        numbers |= {f"{number:02d}" for number in range(first, last + 1)}
    return numbers


def choose(study: Study, wanted: set[str] | None = None, start: str | None = None) -> list[Step]:
    """Return the steps to look at, each after those that it depends on.

    Args:
        study: the study; its own steps are the default.
        wanted: the numbers of other steps, which need not be listed by the study.
        start: leaves out the steps with smaller numbers.

    Raises:
        StudyError: with every problem.
    """
    found = notebook.find(study.notebooks)
    numbers = sorted(set(study.steps) if wanted is None else wanted)
    wrong = [_absent(study, number, wanted is None, found) for number in numbers if number not in found]
    if start is not None and start not in numbers:
        wrong.append(f"--from {start}: is not among the steps {', '.join(numbers)}")
        start = None
    chosen: list[Step] = []
    for number in numbers:
        if number in found and (start is None or number >= start):
            try:
                chosen.append(notebook.read(found[number]))
            except StudyError as error:
                wrong += error.problems
    known = ", ".join(study.params)
    wrong += [
        f"{files.to_root(step.path)}: uses={name!r} is no section of the parameters; there are {known}"
        for step in chosen
        for name in step.uses
        if name not in study.params
    ]
    wrong += [
        f"steps {one.number} and {two.number} both write {a}; let each have its own file"
        for at, one in enumerate(chosen)
        for two in chosen[at + 1 :]
        for a in one.writes
        for b in two.writes
        if _overlap(a, b)
    ]
    if wrong := wrong or _altered(study, chosen):
        raise StudyError(wrong)
    return _ordered(study, chosen)


def problems(study: Study, wanted: set[str] | None = None, start: str | None = None) -> list[str]:
    """Return what keeps a study from being run, one line per problem."""
    try:
        choose(study, wanted, start)
    except StudyError as error:
        return error.problems
    return []


def dependencies(study: Study, chosen: list[Step]) -> dict[str, set[str]]:
    """Return for each step the numbers of those whose files it reads.

    Where the study itself writes the external data, its first reader is who writes them.
    """
    writes = {step.number: set(step.writes) for step in chosen}
    for name, (_, generated) in study.external.items():
        readers = sorted(step.number for step in chosen if name in step.reads)
        if generated and readers:
            writes[readers[0]].add(name)
    return {
        step.number: {
            other
            for other, written in writes.items()
            if other != step.number and any(_overlap(a, b) for a in _inputs(step) for b in written)
        }
        for step in chosen
    }


def unsettled(study: Study, chosen: list[Step]) -> Iterator[str]:
    """Yield a warning for each step outside of `chosen` whose results are used and are not up to date."""
    for step in _used(study, chosen):
        if why := _look(study, step)[1]:
            yield f"note: {step.number} is used as it stands, though it would run ({why})"


def survey(study: Study) -> list[Row]:
    """Return what a run would do, step by step, without doing it."""
    found = notebook.find(study.notebooks)
    readable, rows = {}, []
    for number, path in found.items():
        try:
            readable[number] = notebook.read(path)
        except StudyError as error:
            rows.append(Row(number, path.stem, "", "unreadable", str(error)))
    listed = [readable[number] for number in sorted(set(study.steps)) if number in readable]
    needs, active = dependencies(study, listed), set()
    for step in listed:
        changed, why = _look(study, step)
        before = sorted(needs[step.number] & active)
        if why or before:
            active.add(step.number)
        state = "will run" if why else "may run" if before else "unchanged"
        reason = why or (f"if {', '.join(before)} changes what it reads" if before else "")
        rows.append(Row(step.number, step.name, step.title, state, reason, changed))
    rows += [Row(n, "", "", "absent", "the study lists it") for n in set(study.steps) - set(found)]
    others = [step for number, step in readable.items() if number not in study.steps]
    rows += [Row(s.number, s.name, s.title, "not listed", f"run it with --steps {s.number}") for s in others]
    return sorted(rows, key=lambda row: row.number)


def _look(study: Study, step: Step) -> tuple[list[str], str]:
    """Return all that changed for a step since it last ran, and in short why it would run; units are summed up."""
    try:
        found = units.expand(study, step)
    except StudyError as error:
        return error.problems, "its fan-out is not known yet"
    common, lines, reasons = stale.shared(study, step), [], []
    for unit in found:
        now = stale.parts(study, unit, common)
        if not (why := stale.reason(study, unit, now)):
            continue
        reasons.append(why)
        then = (stamps.finished(study, unit.name) or {}).get("parts")
        told = differences.changes(then, now) if isinstance(then, dict) else []
        lines += [f"{unit.name}: {line}" if unit.item else line for line in told or [why]]
    some = f" ({len(reasons)} of {len(found)})" if step.fan_out and reasons else ""
    return lines, "; ".join(dict.fromkeys(reasons)) + some


def _altered(study: Study, chosen: list[Step]) -> list[str]:
    """Say which results of other steps are read and are not what those steps wrote.

    A step that is out of date tells of an earlier state of the study. This tells of none.
    """
    lines, wanted = [], [name for step in chosen for name in _inputs(step)]
    for step in _used(study, chosen):
        try:
            found = units.expand(study, step)
        except StudyError:
            continue
        names = [name for unit in found for name in edited_outputs.changed(study, unit)]
        lines += [
            f"{name} was changed by hand after step {step.number} wrote it; run step {step.number}, too"
            for name in names
            if any(_overlap(name, other) for other in wanted)
        ]
    return lines


def _used(study: Study, chosen: list[Step]) -> list[Step]:
    """The study's steps outside of `chosen` whose results are read."""
    found, numbers = notebook.find(study.notebooks), {step.number for step in chosen}
    others = []
    for number in set(study.steps) & set(found) - numbers:
        try:
            others.append(notebook.read(found[number]))
        except StudyError:
            continue
    needs = dependencies(study, [*chosen, *others])
    used = set().union(*(needs[number] for number in numbers))
    return sorted((step for step in others if step.number in used), key=lambda step: step.number)


def _inputs(step: Step) -> list[str]:
    """What a step reads, and what it needs to know its units."""
    return [*step.reads, *filter(fan_out.in_folder, step.fan_out.values())]


def _overlap(a: str, b: str) -> bool:
    """Whether two names can be the same file or folder, or one lie in the other; `{key}` stands for anything."""
    pairs = zip(*(re.sub(r"\{\w+\}", "*", name).rstrip("/").split("/") for name in (a, b)), strict=False)
    return all(fnmatchcase(x, y) or fnmatchcase(y, x) for x, y in pairs)


def _ordered(study: Study, chosen: list[Step]) -> list[Step]:
    sorter = TopologicalSorter(dependencies(study, chosen))
    by_number = {step.number: step for step in chosen}
    order: list[Step] = []
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise StudyError(
            [f"steps {circle} wait for each other: check reads=(…) and writes=(…) of their setup cells"]
        ) from None
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += [by_number[number] for number in ready]
        sorter.done(*ready)
    return order


def _absent(study: Study, number: str, listed: bool, found: dict) -> str:
    where = f"{files.to_root(study.notebooks)}/{number}_*.ipynb"
    said = "the study lists it" if listed else "it was asked for"
    return f"step {number}: {said}, and there is no notebook {where}; there are {', '.join(found) or 'none'}"
