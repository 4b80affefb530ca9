"""Which steps are wanted, which of them wait for which, and which have something to do."""

import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from mer import files
from mer.runner import stale, steps
from mer.runner.steps import Step
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
    found = steps.find(study.notebooks)
    numbers = sorted(set(study.steps) if wanted is None else wanted)
    wrong = [_absent(study, number, wanted is None, found) for number in numbers if number not in found]
    if start is not None and start not in numbers:
        wrong.append(f"--from {start}: is not among the steps {', '.join(numbers)}")
        start = None
    chosen: list[Step] = []
    for number in numbers:
        if number in found and (start is None or number >= start):
            try:
                chosen.append(steps.read(found[number]))
            except StudyError as error:
                wrong += error.problems
    known = ", ".join(study.params)
    wrong += [
        f"{files.to_root(step.path)}: uses={name!r} is no section of the parameters; there are {known}"
        for step in chosen
        for name in step.uses
        if name not in study.params
    ]
    if wrong:
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
            if other != step.number and any(_overlap(a, b) for a in step.reads for b in written)
        }
        for step in chosen
    }


def survey(study: Study) -> list[Row]:
    """Return what a run would do, step by step, without doing it."""
    found = steps.find(study.notebooks)
    readable, rows = {}, []
    for number, path in found.items():
        try:
            readable[number] = steps.read(path)
        except StudyError as error:
            rows.append(Row(number, path.stem, "", "unreadable", str(error)))
    listed = [readable[number] for number in sorted(set(study.steps)) if number in readable]
    needs, active = dependencies(study, listed), set()
    for step in listed:
        why = stale.reason(study, step, stale.parts(study, step))
        before = sorted(needs[step.number] & active)
        if why or before:
            active.add(step.number)
        state = "will run" if why else "may run" if before else "unchanged"
        reason = why or (f"if {', '.join(before)} changes what it reads" if before else "")
        rows.append(Row(step.number, step.name, step.title, state, reason))
    rows += [Row(n, "", "", "absent", "the study lists it") for n in set(study.steps) - set(found)]
    others = [step for number, step in readable.items() if number not in study.steps]
    rows += [Row(s.number, s.name, s.title, "not listed", f"run it with --steps {s.number}") for s in others]
    return sorted(rows, key=lambda row: row.number)


def _overlap(a: str, b: str) -> bool:
    """Whether two names are the same file or folder, or one lies in the other."""
    a, b = a.rstrip("/"), b.rstrip("/")
    return a == b or a.startswith(b + "/") or b.startswith(a + "/")


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
