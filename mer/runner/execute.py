"""One notebook in one worker process, seen from the runner."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mer import files
from mer.runner.steps import INJECTED, Step
from mer.runner.study import Study

GRACE = 10.0
"""Seconds that a worker has for putting its kernel away."""

DIED = "the kernel died, most likely because memory ran out; the log may say more"


@dataclass(frozen=True)
class Outcome:
    """How a step ended.

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
    """A running worker. Its events arrive in `events` as `(execution, event)`; the last one is `exit`."""

    def __init__(self, study: Study, step: Step, jobs: int, events: queue.Queue) -> None:
        self.study, self.step, self.events = study, step, events
        self.cell: int | None = None
        self.heading = ""
        self._last: dict = {}
        self._kernel: int | None = None
        self._stopped: tuple[str, float] | None = None
        for kind in ("stamp", "ipynb", "html", "failed", "partial"):
            study.place(step.name, kind).unlink(missing_ok=True)
        # IPC sockets have names of at most about 100 characters: keep the prefix short
        self._private = tempfile.TemporaryDirectory(prefix="mer-", ignore_cleanup_errors=True)
        self._started = time.monotonic()
        self._process = self._spawn(jobs)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return time.monotonic() - self._started

    def take(self, event: dict) -> Outcome | None:
        """Note an event; return the outcome with the last one."""
        if event["event"] == "cell":
            self.cell, self.heading, self._kernel = event["cell"], event["heading"], event["kernel"]
        elif event["event"] == "done" or (event["event"] == "failed" and self._stopped is None):
            self._last = event  # what a worker says that was told to stop is only an echo of that
        return self._close(event["code"]) if event["event"] == "exit" else None

    def watch(self) -> None:
        """Stop a worker that took too long, and kill one that does not stop."""
        if self._stopped is None:
            if self.study.timeout is not None and self.seconds > self.study.timeout:
                self.stop("timeout")
        elif time.monotonic() > self._stopped[1] + GRACE:
            self.kill()

    def stop(self, kind: str) -> None:
        """Ask the worker to end. It does so when its standard input closes, on every platform."""
        if self._stopped is None:
            self._stopped = (kind, time.monotonic())
            self._process.stdin.close()

    def kill(self) -> None:
        """End the worker and its kernel at once."""
        kill_group(self._kernel)
        self._process.kill()

    def _spawn(self, jobs: int) -> subprocess.Popen:
        place, name = self.study.place, self.step.name
        spec = Path(self._private.name, "spec.json")
        kinds = ("partial", "ipynb", "html")
        files.write_json(spec, {
            "notebook": str(self.step.path),
            "title": self.step.title,
            "private": self._private.name,
            "parameters": {INJECTED: str(self.study.folder / "params.yaml")},
            "timeout": self.study.timeout,
            **{kind: str(place(name, kind)) for kind in kinds},
        })  # fmt: skip
        # a session of its own: Ctrl-C reaches the runner alone, which then ends workers in order
        own = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x200}
        log = place(name, "log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "mer.runner.worker", str(spec)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, cwd=files.ROOT,
                env=environment(self.study, jobs, Path(self._private.name)), **own,
            )  # fmt: skip

    def _listen(self) -> None:
        for line in self._process.stdout:
            try:
                self.events.put((self, json.loads(line)))
            except ValueError:  # a library printed before the worker took hold of its output
                continue
        self.events.put((self, {"event": "exit", "code": self._process.wait()}))

    def _close(self, code: int) -> Outcome:
        kill_group(self._kernel)
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()
        self._private.cleanup()
        outcome = self._outcome(code)
        partial, failed = (self.study.place(self.step.name, kind) for kind in ("partial", "failed"))
        if outcome.kind in ("done", "interrupted"):
            partial.unlink(missing_ok=True)
        elif left := next((p for p in (partial, self.study.place(self.step.name, "ipynb")) if p.exists()), None):
            left.replace(failed)
        if outcome.kind != "done":
            self.study.place(self.step.name, "html").unlink(missing_ok=True)
        return outcome

    def _outcome(self, code: int) -> Outcome:
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
        missing = [name for name in self.step.writes if not (self.study.folder / name).exists()]
        if missing:
            message = f"the notebook declares {', '.join(missing)} in writes=(…) and did not write it"
            return Outcome(kind="error", seconds=self.seconds, message=message)
        return Outcome(kind="done", seconds=self.seconds)


def environment(study: Study, jobs: int, private: Path) -> dict[str, str]:
    """Return the environment of a worker and of its kernel: ours, without anybody's personal start-up files."""
    env = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "PYTHONSTARTUP")}
    env |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(study.threads))
    jupyter = os.pathsep.join(filter(None, (str(private / "jupyter"), env.get("JUPYTER_PATH"))))
    return env | {
        "MER_RUN_FOLDER": str(study.folder),
        "MER_JOBS": str(jobs),
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
