"""One notebook in one worker process, seen from the runner."""

import json
import multiprocessing
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mer.runner.execution import processes
from mer.runner.steps.notebook import INJECTED
from mer.runner.steps.units import Unit
from mer.runner.study import Study

GRACE = 10.0
"""Seconds that a worker has for putting its kernel away."""

LONGEST_FOLDER = 60
"""characters"""

DIED = "the kernel died, most likely because memory ran out; the log may say more"


@dataclass(frozen=True)
class Outcome:
    """How a unit ended.

    Attributes:
        kind: done, error, died, timeout or interrupted.
        message: `ename: evalue` or a sentence.
        cell: number of the code cell, counted from 1.
        heading: the heading above it.
    """

    kind: str
    seconds: float
    message: str = ""
    cell: int | None = None
    heading: str = ""


class Execution:
    """A running worker. Its events arrive in `events` as `(execution, event)`; the last one is `exit`.

    Attributes:
        cell: number of the code cell that runs, counted from 1.
        progress: what the last progress bar said, `37/429`.
        peak: most memory that the kernel and what it started held at once, in bytes.
    """

    def __init__(self, study: Study, unit: Unit, jobs: int, gpu: str | None, events: queue.Queue) -> None:
        self.study, self.unit, self.gpu, self.events = study, unit, gpu, events
        self.cell: int | None = None
        self.heading = self.progress = ""
        self.peak = 0
        self._last: dict = {}
        self._kernel: int | None = None
        self._stopped: tuple[str, float] | None = None
        for kind in ("ipynb", "html", "failed", "partial", "partial_html", "notices"):
            study.place(unit.name, kind).unlink(missing_ok=True)
        # IPC sockets have names of at most about 100 characters: keep the prefix short
        self._private = tempfile.TemporaryDirectory(prefix="mer-", ignore_cleanup_errors=True)
        self._started = time.monotonic()
        self._spawn(jobs)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return time.monotonic() - self._started

    def take(self, event: dict) -> Outcome | None:
        """Note an event; return the outcome with the last one."""
        match event["event"]:
            case "kernel":
                self._kernel = event["pid"]
            case "cell":
                self.cell, self.heading, self.progress = event["cell"], event["heading"], ""
            case "progress":
                self.progress = event["text"]
            case "memory":
                self.peak = event["peak"]
            case "done":
                self._last = event
            case "failed" if self._stopped is None:  # what a worker says that was told to stop is only an echo
                self._last = event
            case "exit":
                return self._close(event["code"])
        return None

    def watch(self) -> None:
        """Stop a worker that took too long, and kill one that does not stop."""
        if self._stopped is None:
            if self.study.timeout is not None and self.seconds > self.study.timeout:
                self.stop("timeout")
        elif time.monotonic() > self._stopped[1] + GRACE:
            self.kill()

    def stop(self, kind: str) -> None:
        """Ask the worker to end."""
        if self._stopped is None:
            self._stopped = (kind, time.monotonic())
            try:
                self._pipe.send_bytes(b"stop")
            except OSError:  # it is gone already
                return

    def kill(self) -> None:
        """End the worker and its kernel at once."""
        kill_group(self._kernel)
        self._process.kill()

    def _spawn(self, jobs: int) -> None:
        place, name = self.study.place, self.unit.name
        for kind in ("log", "ipynb"):
            place(name, kind).parent.mkdir(parents=True, exist_ok=True)
        spec = {
            "notebook": str(self.unit.step.path),
            "title": self.unit.step.title,
            "subject": self.unit.subject,
            "home": self.unit.home,
            "study": self.study.title,
            "banner": self.study.banner,
            "private": self._private.name,
            "parameters": {INJECTED: str(self.study.folder / "params.yaml"), **self.unit.item},
            "timeout": self.study.timeout,
            "environment": environment(self.study, self.unit, jobs, self.gpu, Path(self._private.name)),
            **{kind: str(place(name, kind)) for kind in ("partial", "partial_html", "ipynb", "html", "log")},
        }
        context = _context()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(spec, theirs), name=name, daemon=True)
        self._process.start()
        theirs.close()

    def _listen(self) -> None:
        while True:
            try:
                self.events.put((self, json.loads(self._pipe.recv_bytes())))
            except (EOFError, OSError):  # the worker is gone
                break
        self._process.join()
        self.events.put((self, {"event": "exit", "code": self._process.exitcode}))

    def _close(self, code: int | None) -> Outcome:
        kill_group(self._kernel)
        processes.end_all(processes.UNIT, self._private.name)
        self._pipe.close()
        self._private.cleanup()
        outcome = self._outcome(code)
        partial, failed = (self.study.place(self.unit.name, kind) for kind in ("partial", "failed"))
        self.study.place(self.unit.name, "partial_html").unlink(missing_ok=True)
        if outcome.kind in ("done", "interrupted"):
            partial.unlink(missing_ok=True)
        elif left := next((p for p in (partial, self.study.place(self.unit.name, "ipynb")) if p.exists()), None):
            left.replace(failed)
        if outcome.kind != "done":
            for kind in ("ipynb", "html"):
                self.study.place(self.unit.name, kind).unlink(missing_ok=True)
        return outcome

    def _outcome(self, code: int | None) -> Outcome:
        where = {"seconds": self.seconds, "cell": self.cell, "heading": self.heading}
        if self._last.get("event") == "failed":
            return Outcome(kind=self._last["kind"], message=self._last["message"], **where)
        if self._last.get("event") != "done":
            kind, limit = self._stopped[0] if self._stopped else "died", self.study.timeout
            messages = {
                "died": f"the worker ended without a word, code {code}; see the log",
                "timeout": f"not finished after {limit:g} seconds" if limit else "",
            }
            return Outcome(kind=kind, message=messages.get(kind, ""), **where)
        missing = [name for name in self.unit.writes if not (self.study.folder / name).exists()]
        if missing:
            message = f"the notebook declares {', '.join(missing)} in writes=(…) and did not write it"
            return Outcome(kind="error", seconds=self.seconds, message=message)
        return Outcome(kind="done", seconds=self.seconds)


def _context() -> multiprocessing.context.BaseContext:
    """Workers are copies of a process that has imported Jupyter once, where the system can have one.

    Windows cannot, nor can a temporary folder whose name is too long for the socket to that process.
    """
    if os.name != "posix" or len(tempfile.gettempdir()) > LONGEST_FOLDER:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "mer.runner.execution.worker"])
    return context


# jsonschema's optional check of web addresses compiles a grammar for 1.4 s when a worker imports it
sys.modules.setdefault("rfc3987_syntax", None)


def warm_up() -> None:
    """Let the process that workers are copies of start importing, while there is something else to do."""
    if _context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


def _work(spec: dict, pipe: object) -> None:
    """Where a worker process begins; what it needs is imported there, not here."""
    from mer.runner.execution import worker

    worker.main(spec, pipe)


def environment(study: Study, unit: Unit, jobs: int, gpu: str | None, private: Path) -> dict[str, str]:
    """Return the environment of a worker and of its kernel: ours, without anybody's personal start-up files."""
    env = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "PYTHONSTARTUP")}
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
                 "NUMEXPR_NUM_THREADS")  # fmt: skip
    env |= dict.fromkeys(libraries, str(study.threads))
    jupyter = os.pathsep.join(filter(None, (str(private / "jupyter"), env.get("JUPYTER_PATH"))))
    env |= {"CUDA_VISIBLE_DEVICES": gpu} if gpu not in (None, "mps") else {}
    return env | {
        "MER_RUN_FOLDER": str(study.folder),
        "MER_NOTICES": str(study.place(unit.name, "notices")),
        "MER_JOBS": str(jobs),
        processes.UNIT: str(private),
        "PYTHONHASHSEED": "0",
        "JUPYTER_PATH": jupyter,
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "IPYTHONDIR": str(private / "ipython"),
    }


def kill_group(pid: int | None) -> None:
    """Kill a kernel and what it started; one that is gone is fine. Windows' kernels follow their parent."""
    if pid and os.name == "posix":
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
