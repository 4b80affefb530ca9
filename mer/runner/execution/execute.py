"""The execution of one step in a worker process, as the runner controls it."""

import contextlib
import dataclasses
import datetime
import json
import multiprocessing
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from mer import pools
from mer.runner import processes
from mer.runner.execution import kernel_source
from mer.runner.execution.kernel_source import MAX_FOLDER_CHARS
from mer.runner.reporting.states import Outcome
from mer.runner.steps.notebook import INJECTED, Step
from mer.runner.study import Study
from mer.temporary import TemporaryFolder

GRACE_SECONDS = 10.0
"""The time that a worker has to end its kernel, in seconds."""

DIED = "the kernel died, most likely because memory ran out; the log may say more"


class Execution:
    """A running worker. Its events arrive in `events` as `(execution, event)`; the last one is `exit`.

    Attributes:
        code_cell: the number of the code cell that runs, counted from 1.
        heading: the heading above the code cell.
        progress: the last progress bar, such as `train 37/429, ready in 02:10`.
        day: the day on which it started, as YYYY-MM-DD, or that of the run which it replays.
        peak: the most memory that the kernel and its descendants used at once, in bytes.

    Args:
        jobs: the number of processes that the step may use.
        attempt: how often the step has run out of memory before: it uses fewer processes and smaller batches.
        kernels: the address of the process that the kernel is a copy of (kernel_source.py); empty if there is none.
    """

    def __init__(
        self, study: Study, step: Step, jobs: int, gpu: str | None, events: queue.Queue, attempt: int = 0,
        kernels: str = "",
    ) -> None:  # fmt: skip
        self.day = study.days.get(step.name) or datetime.date.today().isoformat()
        self.study = dataclasses.replace(study, days={**study.days, step.name: self.day})
        self.step, self.gpu, self.events = step, gpu, events
        self.limits, self.attempt, self._kernels = study.limits_of(step.number), attempt, kernels
        self.code_cell: int | None = None
        self.heading = self.progress = ""
        self.peak = 0
        self._last: dict = {}
        self._kernel: int | None = None
        self._stopped: tuple[str, float] | None = None
        for kind in ("ipynb", "html", "failed", "partial", "partial_html", "notices"):
            study.place(step.name, kind).unlink(missing_ok=True)
        self._private = TemporaryFolder()
        self._started = time.monotonic()
        self._spawn(jobs)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return time.monotonic() - self._started

    def handle(self, event: dict) -> Outcome | None:
        """Handle an event of the worker; return the outcome with the last one."""
        match event["event"]:
            case "kernel":
                self._kernel = event["pid"]
            case "cell":
                self.code_cell, self.heading, self.progress = event["cell"], event["heading"], ""
            case "progress":
                self.progress = event["text"]
            case "memory":
                self.peak = event["peak"]
                if self.limits.memory is not None and self.peak > self.limits.memory:
                    self.stop("memory")
            case "done":
                self._last = event
            case "failed" if self._stopped is None:  # a failure of a worker that was stopped is a consequence
                self._last = event
            case "exit":
                return self._close(event["code"])
        return None

    def watch(self) -> None:
        """Stop a worker that exceeds the time limit, and kill one that does not stop."""
        if self._stopped is None:
            if self.limits.timeout is not None and self.seconds > self.limits.timeout:
                self.stop("timeout")
        elif time.monotonic() > self._stopped[1] + GRACE_SECONDS:
            self.kill()

    def stop(self, kind: str) -> None:
        """Tell the worker to end."""
        if self._stopped is None:
            self._stopped = (kind, time.monotonic())
            self._ask_to_end()

    def kill(self) -> None:
        """End the worker and its kernel at once."""
        kill_group(self._kernel)
        self._process.kill()

    def _ask_to_end(self) -> None:
        with contextlib.suppress(OSError):  # it has ended already
            self._pipe.send_bytes(b"stop")

    def _release(self) -> None:
        kill_group(self._kernel)
        self._pipe.close()

    def _spawn(self, jobs: int) -> None:
        for kind in ("log", "ipynb"):
            self.study.place(self.step.name, kind).parent.mkdir(parents=True, exist_ok=True)
        spec = worker_spec(self.study, self.step, jobs, self.gpu, self._private.name, self.attempt, self._kernels)
        context = _context()
        self._pipe, worker_end = context.Pipe()
        self._process = context.Process(target=_work, args=(spec, worker_end), name=self.step.name, daemon=True)
        with _uninterrupted():  # or the process that forks workers prints that it was sent half a message
            self._process.start()
        worker_end.close()

    def _listen(self) -> None:
        while True:
            try:
                self.events.put((self, json.loads(self._pipe.recv_bytes())))
            except (EOFError, OSError):  # the worker has ended
                break
        self._process.join()
        self.events.put((self, {"event": "exit", "code": self._process.exitcode}))

    def _close(self, code: int | None) -> Outcome:
        self._release()
        processes.end_all(processes.EXECUTION, self._private.name)
        self._private.cleanup()
        outcome = self._outcome(code)
        with contextlib.suppress(OSError):  # a folder that cannot be written is named by what writes the stamp
            self._tidy(outcome)
        return outcome

    def _tidy(self, outcome: Outcome) -> None:
        """Remove unfinished files; keep the notebook of a failed step under another name."""
        partial, failed = (self.study.place(self.step.name, kind) for kind in ("partial", "failed"))
        self.study.place(self.step.name, "partial_html").unlink(missing_ok=True)
        if outcome.kind in ("done", "interrupted"):
            partial.unlink(missing_ok=True)
        elif rest := next((p for p in (partial, self.study.place(self.step.name, "ipynb")) if p.exists()), None):
            rest.replace(failed)
        if outcome.kind != "done":
            for kind in ("ipynb", "html"):
                self.study.place(self.step.name, kind).unlink(missing_ok=True)

    def _outcome(self, code: int | None) -> Outcome:
        location = {"seconds": self.seconds, "code_cell": self.code_cell, "heading": self.heading}
        if self._last.get("event") == "failed":
            return Outcome(kind=self._last["kind"], message=self._last["message"], **location)
        if self._last.get("event") != "done":
            kind, limit = self._stopped[0] if self._stopped else "died", self.limits.timeout
            messages = {
                "died": f"the worker ended without a message, code {code}; see the log",
                "memory": f"used {self.peak / 1e9:.2f} GB, more than its memory_gb allows",
                "timeout": f"not finished after {limit:g} seconds" if limit else "",
            }
            return Outcome(kind=kind, message=messages.get(kind, ""), **location)
        missing = [name for name in self.step.writes if not (self.study.folder / name).exists()]
        if missing:
            message = f"the notebook declares {', '.join(missing)} in writes=(…) and did not write it"
            return Outcome(kind="error", seconds=self.seconds, message=message)
        return Outcome(kind="done", seconds=self.seconds)


def worker_spec(
    study: Study, step: Step, jobs: int, gpu: str | None, private: str, attempt: int, kernels: str = ""
) -> dict:
    """Return what a worker process is told about its step, in JSON types.

    Args:
        private: the temporary folder of the worker.
        attempt, kernels: as for `Execution`.
    """
    places = {kind: str(study.place(step.name, kind)) for kind in ("partial", "partial_html", "ipynb", "html", "log")}
    return {
        "notebook": str(step.path),
        "title": step.title,
        "study": study.title,
        "banner": study.banner,
        "date": study.days[step.name],
        "private": private,
        "kernels": kernels,
        "parameters": {INJECTED: str(study.folder / "params.yaml")},
        "timeout": study.limits_of(step.number).timeout,
        "environment": environment(study, step, jobs, gpu, Path(private)) | {pools.ATTEMPT: str(attempt)},
        **places,
    }


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C and termination until the block ends. A process that is started in it has to unblock them."""
    if os.name != "posix":
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _context() -> multiprocessing.context.BaseContext:
    """Return how processes are started: as copies of a process that has imported Jupyter once, if possible.

    It is not possible on Windows, nor if the name of the temporary folder is too long for a socket to that process.
    """
    if os.name != "posix" or len(tempfile.gettempdir()) > MAX_FOLDER_CHARS:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "mer.runner.execution.worker"])
    return context


# jsonschema's optional check of web addresses compiles a grammar for 1.4 s when a worker imports it
sys.modules.setdefault("rfc3987_syntax", None)


def warm_up() -> None:
    """Start the process that workers are copies of; it imports Jupyter in the background."""
    if _context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


def _work(spec: dict, pipe: object) -> None:
    """Run a worker process, which imports what it needs."""
    from mer.runner.execution import worker

    worker.main(spec, pipe)


def environment(study: Study, step: Step, jobs: int, gpu: str | None, private: Path) -> dict[str, str]:
    """Return the environment of a worker and of its kernel: that of the runner without personal start-up files."""
    env = kernel_source.environment(study.folder, study.threads)
    jupyter = os.pathsep.join(filter(None, (str(private / "jupyter"), env.get("JUPYTER_PATH"))))
    if device := study.limits_of(step.number).device:
        env["MER_DEVICE"] = device
    if study.dask:
        env[pools.CLUSTER] = study.dask
    if study.shared:
        env["MER_SHARED"] = study.shared
    env |= {"CUDA_VISIBLE_DEVICES": gpu} if gpu not in (None, "mps") else {}
    if os.name == "posix" and len(str(private)) <= MAX_FOLDER_CHARS:  # what a killed kernel leaves is removed with it
        env["TMPDIR"] = str(private)
    return env | {
        "MER_NOTICES": str(study.place(step.name, "notices")),
        "MER_JOBS": str(jobs),
        "MER_DAY": study.days.get(step.name, ""),
        processes.EXECUTION: str(private),
        "JUPYTER_PATH": jupyter,
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "IPYTHONDIR": str(private / "ipython"),
    }


def kill_group(pid: int | None) -> None:
    """Kill a kernel and its descendants, if they still run. On Windows a kernel ends with its parent."""
    if pid and os.name == "posix":
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
