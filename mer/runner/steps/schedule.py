"""Select the steps of a run and put them in order."""

import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

from mer import files
from mer.runner.steps import notebook
from mer.runner.steps.notebook import Step
from mer.runner.study import Study, StudyError


def parse_numbers(text: str) -> set[str]:
    """Return the numbers of the steps that a text such as `03,05-07` lists.

    Raises:
        StudyError: the text has another form.

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


def select_steps(study: Study, requested: set[str] | None = None, start: str | None = None) -> list[Step]:
    """Return the steps of a run, each after those that it depends on.

    Args:
        study: the study; its own steps are the default.
        requested: the numbers of other steps, which the study need not list.
        start: the number of the first step; steps with smaller numbers are left out.

    Raises:
        StudyError: with every problem.
    """
    paths = notebook.find(study.notebooks)
    numbers = sorted(set(study.steps) if requested is None else requested)
    problems = [_absent(study, number, requested is None, paths) for number in numbers if number not in paths]
    if start is not None and start not in numbers:
        problems.append(f"--from {start}: is not among the steps {', '.join(numbers)}")
        start = None
    steps: list[Step] = []
    for number in numbers:
        if number in paths and (start is None or number >= start):
            try:
                steps.append(notebook.read(paths[number]))
            except StudyError as error:
                problems += error.problems
    if problems := [*problems, *_unknown_sections(study, steps), *_shared_outputs(steps)]:
        raise StudyError(problems)
    return _ordered(study, steps)


def readable_steps(study: Study, without: Iterable[str] = ()) -> list[Step]:
    """Return the steps that the study lists, in order of their numbers, except for those that cannot be read.

    Args:
        study: the study.
        without: the numbers of steps that are left out.
    """
    paths = notebook.find(study.notebooks)
    steps = (_readable(paths[number]) for number in sorted(set(study.steps) & set(paths) - set(without)))
    return [step for step in steps if step is not None]


def required_steps(study: Study, steps: list[Step]) -> dict[str, set[str]]:
    """Return for each step the numbers of those steps whose files it reads.

    If the study itself writes the external data, the first step that reads them counts as the one that writes them.
    """
    writes = {step.number: set(step.writes) for step in steps}
    for name, (_, generated) in study.external.items():
        readers = sorted(step.number for step in steps if name in step.reads)
        if generated and readers:
            writes[readers[0]].add(name)
    return {
        step.number: {
            other
            for other, outputs in writes.items()
            if other != step.number and any(overlap(a, b) for a in step.reads for b in outputs)
        }
        for step in steps
    }


def overlap(a: str, b: str) -> bool:
    """Return whether two relative paths are the same, or one is inside the other.

    >>> overlap("data", "data/manifest.parquet"), overlap("data/a", "data/b")
    (True, False)
    """
    pairs = zip(PurePosixPath(a).parts, PurePosixPath(b).parts, strict=False)
    return all(x == y for x, y in pairs)


def _unknown_sections(study: Study, steps: list[Step]) -> Iterator[str]:
    known = ", ".join(study.params)
    for step in steps:
        for name in step.uses:
            if name not in study.params:
                place = files.to_root(step.path)
                yield f"{place}: uses={name!r} is no section of the parameters; the sections are {known}"


def _shared_outputs(steps: list[Step]) -> Iterator[str]:
    for at, first in enumerate(steps):
        for second in steps[at + 1 :]:
            for name in first.writes:
                if any(overlap(name, other) for other in second.writes):
                    yield f"steps {first.number} and {second.number} both write {name}; let each have its own file"


def _ordered(study: Study, steps: list[Step]) -> list[Step]:
    sorter = TopologicalSorter(required_steps(study, steps))
    by_number = {step.number: step for step in steps}
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


def _absent(study: Study, number: str, listed: bool, paths: dict[str, Path]) -> str:
    pattern = f"{files.to_root(study.notebooks)}/{number}_*.ipynb"
    reason = "the study lists it" if listed else "it was requested"
    return f"step {number}: {reason}, and there is no notebook {pattern}; there are {', '.join(paths) or 'none'}"


def _readable(path: Path) -> Step | None:
    try:
        return notebook.read(path)
    except StudyError:
        return None
