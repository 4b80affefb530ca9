"""The loop of a run: check each step when the steps before it have finished, and run it if something has changed."""

import contextlib
import queue
import time
from dataclasses import dataclass

from mer import files, pools
from mer.runner import lock, processes
from mer.runner.execution import hook, kernel_source, retries
from mer.runner.execution.execute import Execution, warm_up
from mer.runner.execution.kernel_source import KernelSource
from mer.runner.execution.remote import RemoteExecution
from mer.runner.reporting import failures, rendering
from mer.runner.reporting.index import Index, now
from mer.runner.reporting.screen import Screen, clock, size
from mer.runner.reporting.states import LOST, Outcome, StepState
from mer.runner.staleness import dependencies, digests, edited_outputs, stamps, status
from mer.runner.steps import notebook, schedule
from mer.runner.steps.notebook import Step
from mer.runner.study import Study, StudyError

INTERRUPTED = 130
"""The exit code after Ctrl-C or a signal."""
STOP_SECONDS = 20.0
"""The time that workers have after Ctrl-C to end their kernels, in seconds."""


@dataclass(frozen=True)
class RunOptions:
    """What a run does with a study.

    Attributes:
        steps: the numbers of the steps to check; None checks those of the study.
        start: the number of the first step to check.
        force: whether steps are run in which nothing has changed.
        keep_going: whether, after a failure, steps are run that do not need its results.
        jobs: the number of notebooks that may run at once, and of processes that one notebook may use.
    """

    steps: set[str] | None = None
    start: str | None = None
    force: bool = False
    keep_going: bool = False
    jobs: int = 1

    @property
    def arguments(self) -> str:
        """The options that belong to a command that tries a failed run again."""
        text = f" --steps {','.join(sorted(self.steps))}" if self.steps is not None else ""
        text += f" --from {self.start}" if self.start else ""
        return text + (" --keep-going" if self.keep_going else "")


def run(study: Study, options: RunOptions | None = None, screen: Screen | None = None) -> int:
    """Bring a study up to date.

    Args:
        study: the study.
        options: which steps are run, and how.
        screen: where lines are printed.

    Returns:
        0 if every step is up to date, 1 if one failed, 130 after an interruption.

    Raises:
        StudyError: with every problem; nothing was run.
    """
    options, screen = options or RunOptions(), screen or Screen()
    steps = status.select_steps(study, options.steps, options.start)
    lock.refuse_other_study(study.folder, study.source_name)
    with lock.exclusive(study.folder, screen.print_line):
        code = _StudyRun(study, steps, options, screen).run()
        if study.on_finish and code != INTERRUPTED:
            hook.run_command(study, code, screen.print_line)
        return code


class _StudyRun:
    """One call of `run`."""

    def __init__(self, study: Study, steps: list[Step], options: RunOptions, screen: Screen) -> None:
        self.study, self.options, self.screen = study, options, screen
        self.retry = f"python run_all.py {study.source}{options.arguments}"
        self.states = {step.number: StepState(step) for step in steps}
        self.required = schedule.required_steps(study, steps)
        self.running: list[tuple[StepState, Execution]] = []
        self.gpus = list(study.gpus)
        self.events: queue.Queue = queue.Queue()
        others = schedule.readable_steps(study, without=self.states)
        self.index = Index(study, list(self.states.values()), others)
        self.any_started = self.failed = False
        self.kernel_source: KernelSource | None = None

    def run(self) -> int:
        started = time.monotonic()
        try:
            self._begin()
            while self._advance():
                self._listen()
            self._close(time.monotonic() - started)
        except KeyboardInterrupt:
            self._stop("interrupted")
            self._print_lines(failures.stop_lines(self.study, "interrupted", self.retry))
            return INTERRUPTED
        except OSError as error:  # the disk is full, or the folder cannot be written any more
            self._stop("failed")
            place = error.filename2 or error.filename or files.to_root(self.study.folder)
            reason = f"{error.strerror or error}: {place}"
            self._print_lines(failures.stop_lines(self.study, reason, self.retry))
            return 1
        finally:
            if self.kernel_source:
                self.kernel_source.close()
            self.screen.end()
        return 1 if self.failed else 0

    def _begin(self) -> None:
        params = self.study.folder / "params.yaml"
        if not params.is_file() or params.read_bytes() != self.study.text.encode():  # damaged bytes may be no text
            files.write_text(params, self.study.text)
        steps = [state.step for state in self.states.values()]
        self.screen.set_columns(step.name for step in steps)
        count = f"{len(steps)} step{'s' if len(steps) != 1 else ''}"
        if not self.screen.quiet:
            self.screen.print_line(f"{self.study.name}: {count}, {files.to_root(self.study.folder)}")
        for note in status.notes_on_stale_results(self.study, steps):
            self.screen.print_line(f"  {note}")

    def _advance(self) -> bool:
        """Check the steps that can be checked, start those that can be started; return whether any step runs."""
        while sum(self._settle(state) for state in self.states.values() if not state.settled):
            continue
        for state in [state for state in self.states.values() if state.state == "waiting"]:
            if len(self.running) >= self.options.jobs:
                break
            if not self._uses_gpu(state.step) or self.gpus:
                self._start(state)
        return bool(self.running)

    def _settle(self, state: StepState) -> bool:
        """Skip or check a step if that is possible now; return whether other steps may advance because of it."""
        required = self.required[state.step.number]
        lost = sorted(number for number in required if self.states[number].state in LOST)
        if lost or (self.failed and not self.options.keep_going):
            return self._skip(state, f"needs {', '.join(lost)}" if lost else "after a failure")
        if state.state != "unchecked" or not all(self.states[number].finished for number in required):
            return False
        try:
            state.step = notebook.read(state.step.path)  # it may have been edited while others ran
        except StudyError as error:
            self._fail(state, Outcome("error", 0.0, str(error)))
            return True
        self._check(state)
        return state.finished

    def _check(self, state: StepState) -> None:
        """Find out whether a step has to run."""
        step = state.step
        state.started_with = dependencies.step_dependencies(self.study, step)
        state.last_duration = stamps.last_duration(self.study, step)
        reason = "forced" if self.options.force else None
        reason = reason or dependencies.reason_to_run(self.study, step, state.started_with)
        if reason:
            state.state, state.reason = "waiting", reason
            return
        if not self.study.place(step.name, "html").exists():
            rendering.render_step(self.study, step)
        state.state = "unchanged"
        self.screen.step(step.name, "unchanged")
        self._print_notices(step)

    def _skip(self, state: StepState, reason: str) -> bool:
        """Give up a step that has not started; a step that runs goes on."""
        if state.state == "running":
            return False
        state.state, state.reason = "skipped", reason
        self.screen.step(state.step.name, "skipped", reason)
        return True

    def _start(self, state: StepState) -> None:
        if not self.any_started and not self.study.dask:
            warm_up()
        self.any_started, state.state = True, "running"
        for name in edited_outputs.move_aside(self.study, state.step):
            target = files.to_root(self.study.folder / edited_outputs.MOVED_FOLDER / name)
            self.screen.print_line(f"  {name} was changed by hand: it was moved to {target}, and nothing of it is used")
        for name in state.step.writes:
            files.remove_partial(self.study.folder / name)
        stamps.write(self.study, state.step, "started")
        self._execute(state)
        self.screen.step(state.step.name, "running", state.reason)
        self.index.refresh()

    def _execute(self, state: StepState) -> None:
        gpu = self.gpus.pop(0) if self._uses_gpu(state.step) and self.gpus else None
        jobs = pools.fewer(retries.processes(self.study, state.step, self.options.jobs), state.attempt)
        kind = RemoteExecution if self.study.dask else Execution
        execution = kind(self.study, state.step, jobs, gpu, self.events, state.attempt, self._kernels())
        self.running.append((state, execution))

    def _kernels(self) -> str:
        """Return the address of the process that kernels are copies of, once a step is left that gains by it."""
        if self.kernel_source is None and not self.study.dask and kernel_source.are_possible():
            left = [one.step for one in self.states.values() if one.state in ("unchecked", "waiting")]
            if any(dependencies.imports(step, kernel_source.LARGEST) for step in left):
                with contextlib.suppress(OSError):  # the machine is short of memory or space
                    self.kernel_source = KernelSource(self.study.folder, self.study.threads)
        return self.kernel_source.address if self.kernel_source else ""

    def _uses_gpu(self, step: Step) -> bool:
        return (
            step.gpu
            and bool(self.study.gpus)
            and not self.study.dask
            and self.study.limits_of(step.number).device != "cpu"
        )

    def _listen(self) -> None:
        """Wait a moment for an event, and handle all events that have arrived."""
        try:
            arrived = [self.events.get(timeout=0.25)]
            while not self.events.empty():
                arrived.append(self.events.get())
        except queue.Empty:
            arrived = []
        for execution, event in arrived:
            if event["event"] == "note":
                self.screen.print_line(f"  {execution.step.name}: {event['text']}")
            if (outcome := execution.handle(event)) is not None:
                self._finish(execution, outcome)
        for _, execution in self.running:
            execution.watch()
        self.screen.show(self._live_lines())
        self.index.refresh()

    def _finish(self, execution: Execution, outcome: Outcome) -> None:
        state = next(state for state, other in self.running if other is execution)
        self.running.remove((state, execution))
        if execution.gpu is not None:
            self.gpus.append(execution.gpu)
        state.seconds, state.peak = outcome.seconds, execution.peak
        facts = {"seconds": round(outcome.seconds, 2), "peak_mb": round(execution.peak / 1e6), "finished": now(),
                 "day": execution.day}  # fmt: skip
        step = state.step
        if outcome.kind == "done":
            state.digest = stamps.seal(self.study, step, state.started_with, facts)
            state.state = "done"
            self.screen.step(step.name, "done", clock(outcome.seconds), size(state.peak) if state.peak else "")
            self._print_notices(step)
        elif outcome.kind == "interrupted":
            state.state = "interrupted"
            stamps.write(self.study, step, "interrupted")
            self.screen.step(step.name, "interrupted", clock(outcome.seconds))
        elif outcome.lacks_memory and state.attempt < pools.MAX_RETRIES:
            state.attempt += 1
            self.screen.print_line(retries.line(self.study, state, outcome, self.options.jobs))
            self._execute(state)
        else:
            stamps.write(self.study, step, "failed", error=outcome.message, parts=state.started_with)
            self._fail(state, outcome)

    def _fail(self, state: StepState, outcome: Outcome) -> None:
        self.failed = True
        state.state, state.outcome = "failed", outcome
        self.screen.step(state.step.name, "failed", clock(outcome.seconds))
        self._print_lines(failures.failure_lines(self.study, state, self.retry))

    def _stop(self, state: str) -> None:
        """End the workers, and kill those that do not end; a second Ctrl-C kills them at once."""
        for _, execution in self.running:
            execution.stop("interrupted")
        until = time.monotonic() + STOP_SECONDS
        while self.running and time.monotonic() < until:
            try:
                self._listen()
            except KeyboardInterrupt:
                for _, execution in self.running:
                    execution.kill()
            except OSError:  # as in `run`: the stamps of steps that are ended here are not needed
                continue
        processes.end_all("MER_RUN_FOLDER", str(self.study.folder))
        try:
            if self.any_started:
                self.index.write(state)
        except OSError:  # a page that cannot be replaced describes another run
            self.index.remove()

    def _close(self, seconds: float) -> None:
        if self.any_started or self.failed or not self.index.complete:
            self.index.write("failed" if self.failed else "done")
        digests.run_digests(self.study.folder).save()
        states = list(self.states.values())
        self._print_lines(failures.skipped_lines(states, self.required, self.options.keep_going))
        counts = {name: sum(state.state == name for state in states) for name in ("done", "unchanged", *LOST)}
        summary = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        if self.screen.quiet:
            self._print_lines([f"{state.step.number} {text}" for state in states if state.finished
                               for text in stamps.notices(self.study, state.step.name)])  # fmt: skip
        page = files.to_root(self.study.folder / "index.html")
        self.screen.print_line(f"{summary} in {clock(seconds)}; open {page}")

    def _print_notices(self, step: Step) -> None:
        if not self.screen.quiet:
            self._print_lines([f"       {text}" for text in stamps.notices(self.study, step.name)])

    def _print_lines(self, lines: list[str]) -> None:
        for line in lines:
            self.screen.print_line(line)

    def _live_lines(self) -> list[tuple[str, str, str]]:
        """Return (state, name, facts) of the steps that run, with their progress, and of those that wait."""
        executions = {state.step.number: execution for state, execution in self.running}
        lines = []
        for number, state in self.states.items():
            if state.settled:
                continue
            if number in executions:
                lines.append(("running", state.step.name, _progress(executions[number], state.last_duration)))
                continue
            required = sorted(other for other in self.required[number] if not self.states[other].finished)
            lines.append(("waiting", state.step.name, "waits" + (f" for {', '.join(required)}" if required else "")))
        return lines


def _progress(execution: Execution, last_duration: float | None) -> str:
    """Return the time, heading, progress bar and estimated time left of a step that runs."""
    left = f"about {clock(max(0.0, last_duration - execution.seconds))} left" if last_duration else ""
    facts = [clock(execution.seconds), execution.heading, execution.progress, left]
    return "  ".join(fact for fact in facts if fact)
