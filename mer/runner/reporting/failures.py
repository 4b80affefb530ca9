"""What the runner says about a failure: where, why, what to open and what to type."""

from pathlib import Path

from mer import files
from mer.runner.reporting.screen import clock
from mer.runner.reporting.states import Record, StepRecord
from mer.runner.study import Study

FATE = {"error": "failed", "died": "died", "timeout": "timed out"}
ADVICE = {
    "died": "where memory is short, use fewer processes (--jobs 1) or smaller batches",
    "timeout": "raise or remove timeout_minutes in the study's parameters, if it only needs longer",
}


def explain(study: Study, record: Record, retry: str) -> list[str]:
    """Return the lines about one failed unit."""
    unit, outcome = record.unit, record.outcome
    where = f" in “{outcome.heading}”" if outcome.heading else ""
    where += f", code cell {outcome.cell}" if outcome.cell else ""
    open_, log = study.place(unit.name, "failed"), study.place(unit.name, "log")
    facts = {
        "notebook": files.to_root(unit.step.path),
        "open": _there(open_),
        "log": _there(log),
        "try": ADVICE.get(outcome.kind, ""),
        "retry": retry,
    }
    lines = ["", f"✗ {unit.name} {FATE[outcome.kind]}{where}, after {clock(outcome.seconds)}", f"  {outcome.message}"]
    return [*lines, *_facts(facts), ""]


def stopped(study: Study, what: str, retry: str) -> list[str]:
    """Return the lines about a run that came to no end: interrupted, or unable to write."""
    facts = {"open": _there(study.folder / "index.html"), "retry": retry}
    return ["", f"✗ {what}; what is finished is kept", *_facts(facts)]


def left_out(records: list[StepRecord], needs: dict[str, set[str]], keep_going: bool) -> list[str]:
    """Return the lines about what was not run, and why."""
    failed = {record.step.number for record in records if record.state in ("failed", "interrupted")}
    lines, idle = [], []
    for record in records:
        if not (record.lost == "skipped" or record.count("skipped")):
            continue
        number = record.step.number
        guilty = sorted(failed & _above(number, needs))
        if guilty:
            lines.append(f"  skipped   {number}, waiting for what {', '.join(guilty)} {_verb(guilty)}")
        else:
            idle.append(number)
    if idle and not keep_going:
        lines.append(f"  skipped   {', '.join(idle)}; --keep-going runs what does not need {', '.join(sorted(failed))}")
    return lines


def _there(path: Path) -> str:
    return files.to_root(path) if path.exists() else ""


def _facts(facts: dict[str, str]) -> list[str]:
    return [f"  {name:<9} {text}" for name, text in facts.items() if text]


def _verb(guilty: list[str]) -> str:
    return "writes" if len(guilty) == 1 else "write"


def _above(number: str, needs: dict[str, set[str]]) -> set[str]:
    """The steps that a step waits for, directly or not."""
    return needs[number].union(*(_above(other, needs) for other in needs[number]))
