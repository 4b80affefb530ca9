"""The worker process: runs one notebook and renders its page.

It talks to the runner over a pipe, one JSON object per message, and ends when the runner says a word or
is gone. Everything it or its kernel prints goes to the unit's log.
"""

import _thread
import contextlib
import json
import math
import os
import re
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines

from mer import files
from mer.runner.execution import kernel, processes
from mer.runner.execution.execute import DIED, kill_group
from mer.runner.execution.output import Client, Log
from mer.runner.reporting import html
from mer.runner.steps import notebook

ANSI = re.compile(r"\x1b\[[0-9;]*m")
LONGEST = 2000
"""characters of an error message that reach the screen"""

STARTS = 3
"""how often a kernel is started that does not answer"""


class Failure(Exception):
    """A notebook that did not come to its end: `kind` and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Engine(NBClientEngine):
    """papermill's engine with our client, which keeps what a notebook prints within bounds."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run the notebook; the options are nbclient's."""
        options = {name: value for name, value in options.items() if name not in ("input_path", "execution_timeout")}
        options.pop("stdout_file", None), options.pop("stderr_file", None)
        Client(nb_man, kernel_name=kernel_name, startup_timeout=options.pop("start_timeout"), **options).execute()


class Worker:
    """One notebook, its kernel and the pipe to the runner."""

    def __init__(self, spec: dict, pipe: Any) -> None:
        self.spec, self.pipe = spec, pipe
        self.cells = notebook.cells_of(Path(spec["notebook"]))
        self.headings = notebook.headings(self.cells)
        self.managers: list[Any] = []
        self.peak = 0
        self._talking = threading.Lock()
        self._began = False

    def say(self, event: str, **facts: Any) -> None:
        """Tell the runner, if it is still there."""
        with self._talking, contextlib.suppress(OSError):
            self.pipe.send_bytes(json.dumps({"event": event, **facts}).encode())

    def run(self) -> int:
        """Execute, render, put both in place; return the exit code."""
        try:
            self._execute()
        except KeyboardInterrupt:
            return 130
        except Failure as failure:
            self.say("failed", kind=failure.kind, message=_short(str(failure)))
            return 1
        except Exception as error:
            traceback.print_exc()
            self.say("failed", kind="error", message=_short(f"{type(error).__name__}: {error}"))
            return 1
        self.say("done")
        return 0

    def stop_with_runner(self) -> None:
        """Wait for a word of the runner or its end; then end the kernel and this process."""
        with contextlib.suppress(EOFError, OSError):
            self.pipe.recv_bytes()
        kill_group(self._kernel())
        if os.name == "posix":
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        else:
            _thread.interrupt_main()

    def watch_memory(self) -> None:
        """Tell the runner whenever the kernel and what it started hold more memory than before."""
        while True:
            pid = self._kernel()
            held = processes.resident(pid) if pid else 0
            if held > self.peak:
                self.peak = held
                self.say("memory", peak=held)
            time.sleep(0.25)

    def _execute(self) -> None:
        # a kernel of this very interpreter, whatever kernelspecs the user has registered
        kernel.write_spec(Path(self.spec["private"], "jupyter", "kernels", "python3"))
        book = self._papermill()
        page = Path(self.spec["partial_html"])
        html.render(book, page, *(self.spec[name] for name in ("title", "subject", "home", "study", "banner")))
        Path(self.spec["partial"]).replace(self.spec["ipynb"])
        page.replace(self.spec["html"])

    def _papermill(self) -> Any:
        try:
            book = self._started()
        except papermill.PapermillExecutionError as error:
            print(ANSI.sub("", "\n".join(error.traceback)), file=sys.stderr)
            raise Failure("error", ANSI.sub("", f"{error.ename}: {error.evalue}")) from error
        except DeadKernelError as error:
            held = f"; it held up to {self.peak / 1e9:.2f} GB" if self.peak else ""
            raise Failure("died", DIED + held) from error
        except CellTimeoutError as error:
            raise Failure("timeout", f"a cell was not finished after {self.spec['timeout']:g} seconds") from error
        # papermill takes sys.exit(0) for the end; the cells below it did not run
        if any(cell.metadata.get("papermill", {}).get("exception") for cell in book.cells):
            raise Failure("error", "SystemExit: the notebook stopped itself before its last cell")
        return book

    def _started(self) -> Any:
        """Run papermill; a kernel that does not come up, as when two race for a port, is started again."""
        limit = self.spec["timeout"]
        seconds = None if limit is None else math.ceil(limit)  # nbclient takes whole ones; the runner has its own watch
        for attempt in range(1, STARTS + 1):
            try:
                return papermill.execute_notebook(
                    self.spec["notebook"], self.spec["partial"], self.spec["parameters"], kernel_name="python3",
                    engine_name="mer", progress_bar=False, start_timeout=120, timeout=seconds,
                    on_cell_start=self._on_cell, mer_log=Log(sys.stderr, self._progress, self._note),
                    kernel_manager_class=kernel.private(Path(self.spec["private"]), self._managed),
                )  # fmt: skip
            except RuntimeError as error:
                if self._began or attempt == STARTS or isinstance(error, DeadKernelError):
                    raise
                print(f"The kernel did not come up ({error}); starting another one.", file=sys.stderr)
                kill_group(self._kernel())
        raise AssertionError

    def _managed(self, manager: Any) -> None:
        self.managers.append(manager)

    def _progress(self, text: str) -> None:
        self.say("progress", text=text)

    def _note(self, text: str) -> None:
        self.say("note", text=_short(text))

    def _on_cell(self, cell: Any, cell_index: int) -> None:
        """Report the code cell that starts, numbered as in the source (without the injected one)."""
        if not self._began:
            self.say("kernel", pid=self._kernel())
        self._began = True
        if cell.cell_type != "code":
            return
        tags = [c.get("metadata", {}).get("tags", []) for c in self.cells]
        at = next((i for i, tag in enumerate(tags) if "parameters" in tag), 0)
        already = any("injected-parameters" in tag for tag in tags)
        index = cell_index - (cell_index > at and not already)
        number = sum(c.get("cell_type") == "code" for c in self.cells[: index + 1])
        self.say("cell", cell=number, heading=self.headings[index])

    def _kernel(self) -> int | None:
        return getattr(getattr(self.managers[-1], "provisioner", None), "pid", None) if self.managers else None


def _short(message: str) -> str:
    return message if len(message) <= LONGEST else f"{message[:LONGEST]} … ({len(message)} characters; see the log)"


def main(spec: dict, pipe: Any) -> None:
    """Run one notebook and leave this process."""
    # a session of its own: Ctrl-C reaches the runner alone, which then ends workers in order
    if os.name == "posix":
        os.setsid()
    # a runner in the background of a shell ignores Ctrl-C, and its children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(spec["environment"])
    os.chdir(files.ROOT)
    log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    sys.stdout = sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)
    worker = Worker(spec, pipe)
    for task in (worker.stop_with_runner, worker.watch_memory):
        threading.Thread(target=task, daemon=True).start()
    code = worker.run()
    sys.stdout.flush()
    os._exit(code)  # nothing of ours is left to be done, and a thread of a library must not keep it from ending


papermill_engines.register("mer", Engine)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    html.warm_up()
