"""The loop: look at each step when what it waits for is finished, run it where something changed."""

import queue
import time
from pathlib import Path

from mer import files
from mer.runner import schedule, stale, steps
from mer.runner.execute import Execution, Outcome
from mer.runner.index import Index, Record, now
from mer.runner.screen import Screen, clock
from mer.runner.steps import Step
from mer.runner.study import Study, StudyError

FINISHED = ("done", "unchanged")
LOST = ("failed", "skipped", "interrupted")
PATIENCE = 20.0
"""Seconds after Ctrl-C in which workers put their kernels away."""

FATE = {"error": "failed", "died": "died", "timeout": "timed out"}


def run(
    study: Study,
    *,
    steps: set[str] | None = None,
    start: str | None = None,
    force: bool = False,
    jobs: int = 1,
    screen: Screen | None = None,
) -> int:
    """Bring a study up to date.

    Args:
        study: what to run.
        steps: the numbers to look at, those of the study by default.
        start: leaves out the steps before this number.
        force: runs steps that nothing changed for.
        jobs: how many steps may run at once, and how many processes each of them may use.
        screen: where to print.

    Returns:
        0 where every step is up to date, 1 where one failed, 130 after an interruption.

    Raises:
        StudyError: with every problem; nothing was run.
    """
    chosen = schedule.choose(study, steps, start)
    retry = f" --steps {','.join(sorted(steps))}" if steps is not None else ""
    retry += " --force" if force else ""
    return _Session(study, chosen, force, max(1, jobs), screen or Screen(), retry, start).run()


class _Session:
    """One call of `run`."""

    def __init__(
        self, study: Study, chosen: list[Step], force: bool, jobs: int, screen: Screen, retry: str, start: str | None
    ) -> None:
        self.study, self.force, self.jobs, self.screen, self.retry = study, force, jobs, screen, retry
        self.again = retry + (f" --from {start}" if start else "")
        self.records = {step.number: Record(step) for step in chosen}
        self.needs = schedule.dependencies(study, chosen)
        self.running: dict[str, tuple[Execution, dict]] = {}
        self.failures: list[tuple[Record, Outcome]] = []
        self.events: queue.Queue = queue.Queue()
        self.index = Index(study, list(self.records.values()), self._others())
        self.worked = False

    def run(self) -> int:
        params = self.study.folder / "params.yaml"
        if not params.is_file() or params.read_text(encoding="utf-8") != self.study.text:
            files.write_text(params, self.study.text)
        self.screen.begin(record.step.name for record in self.records.values())
        self.screen.say(f"{self.study.name}: {_count(len(self.records))}, {files.to_root(self.study.folder)}")
        began = time.monotonic()
        try:
            while self._advance():
                self._listen()
        except KeyboardInterrupt:
            self._interrupt()
            return 130
        state = "failed" if self.failures else "done"
        if self.worked or self.failures or not self.index.complete:
            self.index.write(state)
        self._close(time.monotonic() - began)
        return 1 if self.failures else 0

    def _advance(self) -> bool:
        """Settle what can be settled, start what can be started; say whether anything runs."""
        batch: list[tuple[Record, dict]] = []
        settled = True
        while settled:
            settled = False
            for record in self.records.values():
                if record.state == "waiting" and all(record is not other for other, _ in batch):
                    settled |= self._settle(record, batch)
        for record, before in batch:
            self._start(record, before)
        return bool(self.running)

    def _settle(self, record: Record, batch: list) -> bool:
        """Decide about one waiting step; say whether that may let others go on."""
        before = {number: self.records[number].state for number in self.needs[record.step.number]}
        lost = sorted(number for number, state in before.items() if state in LOST)
        if lost:
            self._end(record, "skipped", f"needs {', '.join(lost)}")
            return True
        if any(state not in FINISHED for state in before.values()) or len(self.running) + len(batch) >= self.jobs:
            return False
        try:
            record.step = steps.read(record.step.path)  # it may have been edited while others ran
        except StudyError as error:
            self._fail(record, Outcome("error", 0.0, str(error)))
            return True
        now = stale.parts(self.study, record.step)
        record.reason = "forced" if self.force else stale.reason(self.study, record.step, now) or ""
        if record.reason:
            batch.append((record, now))
            return False
        self._end(record, "unchanged", "")
        return True

    def _start(self, record: Record, before: dict) -> None:
        # Each may use all processes: a share would stay small after the others have finished.
        self.worked, record.state = True, "running"
        self.running[record.step.number] = Execution(self.study, record.step, self.jobs, self.events), before
        self.screen.step(record.step.name, "running", record.reason)
        self.index.write("running")

    def _listen(self) -> None:
        """Wait for one event, or for a moment."""
        try:
            execution, event = self.events.get(timeout=0.25)
        except queue.Empty:
            pass
        else:
            if (outcome := execution.take(event)) is not None:
                self._finish(execution, outcome)
        for execution, _ in self.running.values():
            execution.watch()
        self.screen.running((e.step.name, e.seconds, e.heading) for e, _ in self.running.values())

    def _finish(self, execution: Execution, outcome: Outcome) -> None:
        record = self.records[execution.step.number]
        _, before = self.running.pop(record.step.number)
        record.seconds = outcome.seconds
        if outcome.kind == "interrupted":
            self._end(record, "interrupted", clock(outcome.seconds))
        elif outcome.kind != "done":
            self._fail(record, outcome)
        else:
            facts = {"seconds": round(outcome.seconds, 2), "finished": now()}
            record.digest = stale.write_stamp(self.study, record.step, before, facts)
            self._end(record, "done", clock(outcome.seconds))

    def _fail(self, record: Record, outcome: Outcome) -> None:
        record.error = outcome.message
        self.failures.append((record, outcome))
        self._end(record, "failed", clock(outcome.seconds))

    def _end(self, record: Record, state: str, fact: str) -> None:
        record.state = state
        if state == "skipped":
            record.reason = fact
        self.screen.step(record.step.name, state, fact)
        if self.worked:
            self.index.write("running")

    def _interrupt(self) -> None:
        """End the workers, kill those that do not end; a second Ctrl-C kills them at once."""
        for execution, _ in self.running.values():
            execution.stop("interrupted")
        until = time.monotonic() + PATIENCE
        while self.running and time.monotonic() < until:
            try:
                self._listen()
            except KeyboardInterrupt:
                for execution, _ in self.running.values():
                    execution.kill()
        if self.worked:
            self.index.write("interrupted")
        self.screen.say("interrupted; finished steps are kept. Go on with:")
        self.screen.say(f"  python run_all.py {self.study.source}{self.again}")

    def _close(self, seconds: float) -> None:
        for record, outcome in self.failures:
            self._explain(record, outcome)
        states = [record.state for record in self.records.values()]
        counts = [f"{states.count(s)} {s}" for s in ("done", "unchanged", "failed", "skipped") if s in states]
        self.screen.say(f"{', '.join(counts)} in {clock(seconds)}  {files.to_root(self.study.folder / 'index.html')}")

    def _explain(self, record: Record, outcome: Outcome) -> None:
        step, place = record.step, self.study.place
        where = f" in “{outcome.heading}”" if outcome.heading else ""
        where += f", code cell {outcome.cell}" if outcome.cell else ""
        lost = sorted(
            n for n, other in self.records.items() if other.state == "skipped" and step.number in self._above(n)
        )
        lines = {
            "notebook": files.to_root(step.path),
            "open": files.to_root(place(step.name, "failed")) if place(step.name, "failed").exists() else "",
            "log": files.to_root(place(step.name, "log")) if place(step.name, "log").exists() else "",
            "skipped": f"{', '.join(lost)}, waiting for what {step.number} writes" if lost else "",
            "retry": f"python run_all.py {self.study.source}{self.retry} --from {step.number}",
        }
        self.screen.say()
        self.screen.say(f"✗ {step.name} {FATE[outcome.kind]}{where}, after {clock(outcome.seconds)}")
        self.screen.say(f"  {outcome.message}")
        for name, text in lines.items():
            if text:
                self.screen.say(f"  {name:<9} {text}")
        self.screen.say()

    def _above(self, number: str) -> set[str]:
        """The steps that a step waits for, directly or not."""
        direct = self.needs[number]
        return direct.union(*(self._above(other) for other in direct))

    def _others(self) -> list[Step]:
        """The study's steps that this run does not look at."""
        found = steps.find(self.study.notebooks)
        numbers = [number for number in self.study.steps if number in found and number not in self.records]
        return [step for number in numbers if (step := _readable(found[number])) is not None]


def _readable(path: Path) -> Step | None:
    try:
        return steps.read(path)
    except StudyError:
        return None


def _count(number: int) -> str:
    return f"{number} step{'s' if number != 1 else ''}"
