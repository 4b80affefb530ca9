"""A step that is executed on a worker of a dask cluster, as the runner controls it.

The runner and the step's process exchange the messages of a local step, through two files of the run folder: the
process appends its events to one, and ends when the other appears, or when its dask worker has ended. dask starts the
step again on another worker if its worker dies; the step then goes on with what is stored. It also does if its worker
does not answer for minutes, and such a worker may still be alive: a third file names the process that was started last,
and all others end.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from mer import files
from mer.runner import processes
from mer.runner.execution.execute import Execution, worker_spec
from mer.runner.steps.notebook import Step
from mer.runner.study import Study
from mer.temporary import TemporaryFolder

POLL_SECONDS = 0.25
"""The time between two looks at a file, in seconds."""
KILLED = -9
"""The exit code of a step whose workers were killed."""


class RemoteExecution(Execution):
    """A step on a dask worker; see `Execution`."""

    def handle(self, event: dict) -> Any:
        """Handle an event as `Execution.handle` does; a kernel's number is that of another machine."""
        return None if event["event"] == "kernel" else super().handle(event)

    def kill(self) -> None:
        """End the step at once, as far as a cluster can."""
        self._ask_to_end()
        self._future.cancel()

    def _spawn(self, jobs: int) -> None:
        from mer.pools import dask_cluster

        place = self.study.folder / "logs"
        for kind in ("log", "ipynb"):
            self.study.place(self.step.name, kind).parent.mkdir(parents=True, exist_ok=True)
        token = uuid.uuid4().hex
        self._events, self._stop_file = (place / f".{self.step.name}.{token}.{kind}" for kind in ("events", "stop"))
        self._events.touch()
        connection = dask_cluster.client(self.study.dask)
        self._future = connection.submit(
            run_step, self.study, self.step, jobs, self.attempt, self._events, self._stop_file, pure=False,
            key=f"{self.step.name}-{token}", workers=self._places(dask_cluster.workers(connection)), priority=10,
        )  # fmt: skip

    def _places(self, workers: dict[str, dict]) -> list[str] | None:
        """Return the workers that may run the step: those with a GPU, if it computes on one and some declare theirs."""
        device = self.limits.device or self.study.params.get("compute", {}).get("device", "cpu")
        if not self.step.gpu or device == "cpu":
            return None
        return [name for name, one in workers.items() if "GPU" in (one.get("resources") or {})] or None

    def _listen(self) -> None:
        position = 0
        while not self._future.done():
            position = self._forward(position)
            time.sleep(POLL_SECONDS)
        self._forward(position)
        try:
            code = self._future.result()
        except Exception:  # the workers were killed, the scheduler is gone, or the step was cancelled
            code = KILLED
        self.events.put((self, {"event": "exit", "code": code}))

    def _forward(self, position: int) -> int:
        """Pass on the events that were written since `position`; return where they end."""
        with contextlib.suppress(OSError), self._events.open("rb") as file:
            file.seek(position)
            for line in file:
                if not line.endswith(b"\n"):  # it is being written
                    break
                position += len(line)
                self.events.put((self, json.loads(line)))
        return position

    def _ask_to_end(self) -> None:
        with contextlib.suppress(OSError):
            self._stop_file.touch()

    def _release(self) -> None:
        for path in (
            self._events,
            self._stop_file,
            _owner_file(self._events),
        ):  # a process that dask has given up ends without its events
            path.unlink(missing_ok=True)


class FilePipe:
    """The end of the step's process, with the two methods of a pipe that a worker uses.

    Args:
        events: the file that messages are appended to.
        stop: the file that appears when the step has to end.
        token: what this process has written to the file that names the last process.
    """

    def __init__(self, events: Path, stop: Path, token: str) -> None:
        self._events, self._stop, self._token, self._parent = events, stop, token, os.getppid()

    def send_bytes(self, message: bytes) -> None:
        """Append a message, which the runner reads as soon as the file is closed."""
        file = os.open(self._events, os.O_WRONLY | os.O_APPEND)  # does not create it, if the runner has given up
        try:
            os.write(file, message + b"\n")
        finally:
            os.close(file)

    def recv_bytes(self) -> None:
        """Wait until the runner wants the step to end, the dask worker has ended, or another one runs the step."""
        while not self._stop.exists() and self._events.exists() and os.getppid() == self._parent and self._is_last():
            time.sleep(POLL_SECONDS)

    def _is_last(self) -> bool:
        try:
            return _owner_file(self._events).read_text() == self._token
        except OSError:  # the runner removes it at the end; a file system may fail for a moment
            return True


def _owner_file(events: Path) -> Path:
    """Return the file that names the process of a step that was started last."""
    return events.with_suffix(".owner")


def run_step(study: Study, step: Step, jobs: int, attempt: int, events: Path, stop: Path) -> int:
    """Execute a step in a process of this dask worker's machine; return its exit code.

    The dask worker computes units while it waits.
    """
    from distributed import secede

    secede()
    if not events.exists():  # the runner has given up
        return KILLED
    token = uuid.uuid4().hex
    files.write_text(_owner_file(events), token)
    with TemporaryFolder() as private:
        spec = Path(private) / "spec.json"
        files.write_json(spec, worker_spec(study, step, jobs, None, private, attempt))
        words = [sys.executable, "-m", "mer.runner.execution.remote", str(spec), str(events), str(stop), token]
        try:
            return subprocess.run(words, cwd=files.ROOT, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603
        finally:
            processes.end_all(processes.EXECUTION, private)


if __name__ == "__main__":
    from mer.runner.execution import worker

    worker.main(files.read_json(sys.argv[1]), FilePipe(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]))
