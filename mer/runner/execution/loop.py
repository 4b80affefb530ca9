"""The loop: look at each step when what it waits for is finished, run it where something changed."""

import queue
import time
from pathlib import Path

from mer import files
from mer.runner.execution import lock, processes
from mer.runner.execution.execute import Execution, Outcome, warm_up
from mer.runner.reporting import failures, rendering
from mer.runner.reporting.index import Index, now
from mer.runner.reporting.screen import Screen, clock, size
from mer.runner.reporting.states import LOST, Record, StepRecord
from mer.runner.staleness import dependencies, digests, edited_outputs, stamps
from mer.runner.steps import notebook as steps
from mer.runner.steps import schedule, units
from mer.runner.steps.notebook import Step
from mer.runner.study import Study, StudyError

PATIENCE = 20.0
"""Seconds after Ctrl-C in which workers put their kernels away."""


def run(
    study: Study,
    *,
    steps: set[str] | None = None,
    start: str | None = None,
    force: bool = False,
    keep_going: bool = False,
    jobs: int = 1,
    screen: Screen | None = None,
) -> int:
    """Bring a study up to date.

    Args:
        study: what to run.
        steps: the numbers to look at, those of the study by default.
        start: leaves out the steps before this number.
        force: runs steps that nothing changed for.
        keep_going: after a failure, goes on with what does not need its results.
        jobs: how many notebooks may run at once, and how many processes one that runs alone may use.
        screen: where to print.

    Returns:
        0 where every step is up to date, 1 where one failed, 130 after an interruption.

    Raises:
        StudyError: with every problem; nothing was run.
    """
    chosen = schedule.choose(study, steps, start)
    screen = screen or Screen()
    retry = f" --steps {','.join(sorted(steps))}" if steps is not None else ""
    retry += f" --from {start}" if start else ""
    retry += " --keep-going" if keep_going else ""
    lock.refuse_other_study(study.folder, study.of)
    with lock.held(study.folder, screen.say):
        return _Session(study, chosen, force, keep_going, max(1, jobs), screen, retry).run()


class _Session:
    """One call of `run`."""

    def __init__(
        self, study: Study, chosen: list[Step], force: bool, keep_going: bool, jobs: int, screen: Screen, retry: str
    ) -> None:
        self.study, self.force, self.keep_going, self.jobs, self.screen = study, force, keep_going, jobs, screen
        self.retry = f"python run_all.py {study.source}{retry}"
        self.records = {step.number: StepRecord(step) for step in chosen}
        self.needs = schedule.dependencies(study, chosen)
        self.running: list[tuple[Record, Execution]] = []
        self.gpus = list(study.gpus)
        self.events: queue.Queue = queue.Queue()
        self.index = Index(study, list(self.records.values()), self._others())
        self.worked = self.failed = False

    def run(self) -> int:
        began = time.monotonic()
        try:
            self._begin()
            while self._advance():
                self._listen()
            self._close(time.monotonic() - began)
        except KeyboardInterrupt:
            self._stop("interrupted")
            self._tell("interrupted")
            return 130
        except OSError as error:  # a disk that is full, a folder that cannot be written any more
            self._stop("failed")
            self._tell(f"{error.strerror or error}: {error.filename or files.to_root(self.study.folder)}")
            return 1
        finally:
            self.screen.end()
        return 1 if self.failed else 0

    def _begin(self) -> None:
        params = self.study.folder / "params.yaml"
        if not params.is_file() or params.read_text(encoding="utf-8") != self.study.text:
            files.write_text(params, self.study.text)
        self.screen.begin(record.step.name for record in self.records.values())
        self.screen.say(f"{self.study.name}: {_count(len(self.records))}, {files.to_root(self.study.folder)}")
        for warning in schedule.unsettled(self.study, [record.step for record in self.records.values()]):
            self.screen.say(f"  {warning}")

    def _advance(self) -> bool:
        """Settle what can be settled, start what can be started; say whether anything runs."""
        while sum(self._settle(record) for record in self.records.values() if not record.settled):
            continue
        for record in [one for step in self.records.values() for one in step.units or () if one.state == "waiting"]:
            if len(self.running) >= self.jobs:
                break
            if not record.unit.step.gpu or not self.study.gpus or self.gpus:
                self._start(record)
        return bool(self.running)

    def _settle(self, record: StepRecord) -> bool:
        """Find out what a step has to run, when that can be known; say whether that may let others go on."""
        lost = sorted(n for n in self.needs[record.step.number] if self.records[n].state in LOST)
        if lost or (self.failed and not self.keep_going):
            return self._skip(record, f"needs {', '.join(lost)}" if lost else "after a failure")
        if record.units is not None or any(not self.records[n].finished for n in self.needs[record.step.number]):
            return False
        try:
            step = record.step = steps.read(record.step.path)  # it may have been edited while others ran
            found = units.expand(self.study, step)
        except StudyError as error:
            record.lost, record.reason = "failed", str(error)
            self._fail(Record(units.Unit(step, step.name)), Outcome("error", 0.0, str(error)))
            return True
        units.retire(self.study, step, found)
        common = dependencies.shared(self.study, step)
        record.units = [self._look(unit, common) for unit in found]
        if unchanged := record.count("unchanged"):
            self._say_unchanged(record, unchanged)
        return record.finished

    def _look(self, unit: units.Unit, common: dict) -> Record:
        before = dependencies.parts(self.study, unit, common)
        why = "forced" if self.force else dependencies.reason(self.study, unit, before)
        if not why and not self.study.place(unit.name, "html").exists():
            rendering.render_unit(self.study, unit)
        return Record(
            unit, "waiting" if why else "unchanged", why or "", before=before, last=stamps.took(self.study, unit)
        )

    def _say_unchanged(self, record: StepRecord, unchanged: int) -> None:
        everything = unchanged == len(record.units)
        count = f"{unchanged} of {len(record.units)}" if record.step.fan_out and not everything else ""
        self.screen.step(record.step.name, "unchanged", count)
        for one in record.units:
            if one.state == "unchanged":
                self._say_notices(one)

    def _say_notices(self, record: Record) -> None:
        for text in stamps.notices(self.study, record.unit.name):
            self.screen.say(f"       {text}")

    def _skip(self, record: StepRecord, why: str) -> bool:
        """Give up what of a step has not begun; what runs goes on."""
        waiting = [one for one in record.units or () if one.state == "waiting"]
        if record.units is not None and not waiting:
            return False
        for one in waiting:
            one.state, one.reason = "skipped", why
        record.reason = why
        if record.units is None:
            record.lost = "skipped"
        self.screen.step(record.step.name, "skipped", why)
        return True

    def _start(self, record: Record) -> None:
        if not self.worked:
            warm_up()
        self.worked, record.state = True, "running"
        for name in edited_outputs.put_away(self.study, record.unit):
            where = files.to_root(self.study.folder / edited_outputs.AWAY / name)
            self.screen.say(f"  {name} was changed by hand: it now lies in {where}, and nothing of it is used")
        stamps.write(self.study, record.unit, "started")
        gpu = self.gpus.pop(0) if record.unit.step.gpu and self.gpus else None
        self.running.append((record, Execution(self.study, record.unit, self._share(record), gpu, self.events)))
        self.screen.step(record.unit.name, "running", record.reason)
        self.index.refresh()

    def _share(self, record: Record) -> int:
        """How many processes a notebook may use: those of a fan-out share them, others may use all.

        A share would stay small after the others have finished.
        """
        if not record.unit.step.fan_out:
            return self.jobs
        siblings = sum(one.state in ("waiting", "running") for one in self.records[record.unit.step.number].units)
        return max(1, self.jobs // max(1, siblings))

    def _listen(self) -> None:
        """Wait for one event, or for a moment; then take what else has come."""
        try:
            arrived = [self.events.get(timeout=0.25)]
            while not self.events.empty():
                arrived.append(self.events.get())
        except queue.Empty:
            arrived = []
        for execution, event in arrived:
            if event["event"] == "note":
                self.screen.say(f"  {execution.unit.name}: {event['text']}")
            if (outcome := execution.take(event)) is not None:
                self._finish(execution, outcome)
        for _, execution in self.running:
            execution.watch()
        self.screen.show(self._rows())
        self.index.refresh()

    def _finish(self, execution: Execution, outcome: Outcome) -> None:
        record = next(record for record, other in self.running if other is execution)
        self.running.remove((record, execution))
        if execution.gpu is not None:
            self.gpus.append(execution.gpu)
        record.seconds, record.peak = outcome.seconds, execution.peak
        facts = {"seconds": round(outcome.seconds, 2), "peak_mb": round(execution.peak / 1e6), "finished": now()}
        if outcome.kind == "done":
            record.digest = stamps.seal(self.study, record.unit, record.before, facts)
            record.state = "done"
            self.screen.step(record.unit.name, "done", clock(outcome.seconds), size(record.peak) if record.peak else "")
            self._say_notices(record)
        elif outcome.kind == "interrupted":
            record.state = "interrupted"
            stamps.write(self.study, record.unit, "interrupted")
            self.screen.step(record.unit.name, "interrupted", clock(outcome.seconds))
        else:
            stamps.write(self.study, record.unit, "failed", error=outcome.message, parts=record.before)
            self._fail(record, outcome)

    def _fail(self, record: Record, outcome: Outcome) -> None:
        self.failed = True
        record.state, record.outcome = "failed", outcome
        self.screen.step(record.unit.name, "failed", clock(outcome.seconds))
        for line in failures.explain(self.study, record, self.retry):
            self.screen.say(line)

    def _stop(self, state: str) -> None:
        """End the workers, kill those that do not end; a second Ctrl-C kills them at once."""
        for _, execution in self.running:
            execution.stop("interrupted")
        until = time.monotonic() + PATIENCE
        while self.running and time.monotonic() < until:
            try:
                self._listen()
            except KeyboardInterrupt:
                for _, execution in self.running:
                    execution.kill()
            except OSError:  # as above: the stamps of what is ended here are not needed
                continue
        processes.end_all("MER_RUN_FOLDER", str(self.study.folder))
        try:
            if self.worked:
                self.index.write(state)
        except OSError:  # a page that cannot be written anew tells of another run
            self.index.remove()

    def _tell(self, what: str) -> None:
        for line in failures.stopped(self.study, what, self.retry):
            self.screen.say(line)

    def _close(self, seconds: float) -> None:
        if self.worked or self.failed or not self.index.complete:
            self.index.write("failed" if self.failed else "done")
        digests.run_digests(self.study.folder).save()
        for line in failures.left_out(list(self.records.values()), self.needs, self.keep_going):
            self.screen.say(line)
        counts = []
        for state in ("done", "unchanged", "failed", "skipped"):
            if number := sum(record.state == state for record in self.records.values()):
                counts.append(f"{number} {state}")
        self.screen.say(f"{', '.join(counts)} in {clock(seconds)}  {files.to_root(self.study.folder / 'index.html')}")

    def _rows(self) -> list[tuple[str, str, str]]:
        """The live lines: what runs with its heading, progress and time left, and what waits for what."""
        at_work = {record.unit.name: execution for record, execution in self.running}
        rows = []
        for record in self.records.values():
            if record.settled:
                continue
            here = [at_work[one.unit.name] for one in record.units or () if one.unit.name in at_work]
            facts = "  ".join(_facts(execution, record) for execution in here)
            if record.units is not None and record.step.fan_out:
                facts = f"{record.count('done', 'unchanged')}/{len(record.units)}  {facts}"
            waits = sorted(n for n in self.needs[record.step.number] if not self.records[n].finished)
            told = facts or ("waits" + (f" for {', '.join(waits)}" if waits else ""))
            rows.append(("running" if here else "waiting", record.step.name, told))
        return rows

    def _others(self) -> list[Step]:
        """The study's steps that this run does not look at."""
        found = steps.find(self.study.notebooks)
        numbers = [number for number in self.study.steps if number in found and number not in self.records]
        return [step for number in numbers if (step := _readable(found[number])) is not None]


def _facts(execution: Execution, record: StepRecord) -> str:
    last = next((one.last for one in record.units or () if one.unit is execution.unit), None)
    left = f"about {clock(max(0.0, last - execution.seconds))} left" if last else ""
    facts = [execution.unit.subject, clock(execution.seconds), execution.heading, execution.progress, left]
    return "  ".join(fact for fact in facts if fact)


def _readable(path: Path) -> Step | None:
    try:
        return steps.read(path)
    except StudyError:
        return None


def _count(number: int) -> str:
    return f"{number} step{'s' if number != 1 else ''}"
