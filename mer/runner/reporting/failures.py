"""Messages about failures: the place, the reason, the files to open and the command that tries again."""

from pathlib import Path

from mer import files
from mer.runner.reporting.screen import clock
from mer.runner.reporting.states import StepState
from mer.runner.study import Study

STATE_VERBS = {"error": "failed", "died": "died", "memory": "used too much memory", "timeout": "timed out"}
ADVICE = {
    "died": "if memory is short, use fewer processes (--jobs 1) or smaller batches",
    "memory": "raise memory_gb in `resources` of the study's parameters, or use fewer processes (--jobs 1)",
    "timeout": "raise or remove timeout_minutes in the study's parameters, if it only needs longer",
}


def failure_lines(study: Study, state: StepState, retry: str) -> list[str]:
    """Return the lines about one failed step."""
    step, outcome = state.step, state.outcome
    location = f" in “{outcome.heading}”" if outcome.heading else ""
    location += f", code cell {outcome.code_cell}" if outcome.code_cell else ""
    facts = {
        "notebook": files.to_root(step.path),
        "open": _if_exists(study.place(step.name, "failed")),
        "log": _if_exists(study.place(step.name, "log")),
        "try": ADVICE.get(outcome.kind, ""),
        "retry": retry,
    }
    verb = STATE_VERBS[outcome.kind]
    lines = ["", f"✗ {step.name} {verb}{location}, after {clock(outcome.seconds)}", f"  {outcome.message}"]
    return [*lines, *_fact_lines(facts), ""]


def stop_lines(study: Study, reason: str, retry: str) -> list[str]:
    """Return the lines about a run that was interrupted or could not write."""
    facts = {"open": _if_exists(study.folder / "index.html"), "retry": retry}
    return ["", f"✗ {reason}; what is finished is kept", *_fact_lines(facts)]


def skipped_lines(states: list[StepState], required: dict[str, set[str]], keep_going: bool) -> list[str]:
    """Return the lines about the steps that were not run, with the reasons."""
    failed = {state.step.number for state in states if state.state in ("failed", "interrupted")}
    lines, independent = [], []
    for state in states:
        if state.state != "skipped":
            continue
        number = state.step.number
        if causes := sorted(failed & _all_required(number, required)):
            verb = "writes" if len(causes) == 1 else "write"
            lines.append(f"  skipped   {number}, waiting for what {', '.join(causes)} {verb}")
        else:
            independent.append(number)
    if independent and not keep_going:
        names, causes = ", ".join(independent), ", ".join(sorted(failed))
        lines.append(f"  skipped   {names}; --keep-going runs what does not need {causes}")
    return lines


def _if_exists(path: Path) -> str:
    return files.to_root(path) if path.exists() else ""


def _fact_lines(facts: dict[str, str]) -> list[str]:
    return [f"  {name:<9} {text}" for name, text in facts.items() if text]


def _all_required(number: str, required: dict[str, set[str]]) -> set[str]:
    """Return the steps that a step waits for, directly or not."""
    return required[number].union(*(_all_required(other, required) for other in required[number]))
