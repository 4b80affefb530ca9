"""The worker process: runs one notebook and renders its page.

It sends messages to the runner through a pipe, one JSON object per message, and ends when the runner sends anything or
has ended. Everything that the worker or its kernel prints goes to the step's log.
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
from mer.runner import processes
from mer.runner.execution import kernel
from mer.runner.execution.execute import DIED, kill_group
from mer.runner.execution.output import Client, Log
from mer.runner.reporting import html
from mer.runner.steps import notebook

ANSI = re.compile(r"\x1b\[[0-9;]*m")
MAX_MESSAGE_CHARS = 2000
"""The number of characters of an error message that are sent to the screen."""

OUTPUT_SECONDS = 600
"""The time, in seconds, in which the output of a finished cell has to arrive. nbclient's 4 s are too few if a cell
prints much on a busy machine."""

WATCH_SECONDS = 20
"""The pause between two measurements of memory, in seconds per second of processor time that one takes."""
MAX_STARTS = 3
"""The number of times that a kernel is started if it does not respond."""


class Failure(Exception):
    """A notebook did not run to its end: `kind` and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Engine(NBClientEngine):
    """papermill's engine with a client that limits how much output a notebook stores."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run the notebook; the options are nbclient's."""
        options = {name: value for name, value in options.items() if name not in ("input_path", "execution_timeout")}
        options.pop("stdout_file", None), options.pop("stderr_file", None)
        options |= {"startup_timeout": options.pop("start_timeout"), "iopub_timeout": OUTPUT_SECONDS}
        Client(nb_man, kernel_name=kernel_name, **options).execute()


class Worker:
    """One notebook, its kernel and the pipe to the runner."""

    def __init__(self, spec: dict, pipe: Any) -> None:
        self.spec, self.pipe = spec, pipe
        self.cells = notebook.cells_of(Path(spec["notebook"]))
        self.headings = notebook.headings(self.cells)
        self.managers: list[Any] = []
        self.peak = 0
        self._sending = threading.Lock()
        self._kernel_started = False

    def send(self, event: str, **facts: Any) -> None:
        """Send a message to the runner, if it still runs."""
        with self._sending, contextlib.suppress(OSError):
            self.pipe.send_bytes(json.dumps({"event": event, **facts}).encode())

    def run(self) -> int:
        """Execute and render the notebook and put both files in place; return the exit code."""
        try:
            self._execute()
        except KeyboardInterrupt:
            return 130
        except Failure as failure:
            self.send("failed", kind=failure.kind, message=_short(str(failure)))
            return 1
        except Exception as error:
            traceback.print_exc()
            self.send("failed", kind="error", message=_short(f"{type(error).__name__}: {error}"))
            return 1
        self.send("done")
        return 0

    def stop_with_runner(self) -> None:
        """Wait until the runner sends anything or ends; then end the kernel and this process."""
        with contextlib.suppress(EOFError, OSError):
            self.pipe.recv_bytes()
        kill_group(self._kernel())
        if os.name == "posix":
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        else:
            _thread.interrupt_main()

    def watch_memory(self) -> None:
        """Send the memory of the kernel and its descendants whenever it is more than before."""
        while True:
            begin = time.thread_time()
            pid = self._kernel()
            used = processes.memory(pid, above=self.peak) if pid else 0
            if used > self.peak:
                self.peak = used
                self.send("memory", peak=used)
            # to count what large processes share, the system looks at all of their pages, for a tenth of a second
            time.sleep(max(0.25, WATCH_SECONDS * (time.thread_time() - begin)))

    def _execute(self) -> None:
        # a kernel of this very interpreter, whatever kernelspecs the user has registered
        kernel.write_spec(Path(self.spec["private"], "jupyter", "kernels", "python3"), self.spec["kernels"])
        book = self._papermill()
        page = Path(self.spec["partial_html"])
        html.render(book, page, html.PageTexts(*(self.spec[name] for name in ("title", "study", "banner", "date"))))
        Path(self.spec["partial"]).replace(self.spec["ipynb"])
        page.replace(self.spec["html"])

    def _papermill(self) -> Any:
        try:
            book = self._execute_notebook()
        except papermill.PapermillExecutionError as error:
            print(ANSI.sub("", "\n".join(error.traceback)), file=sys.stderr)
            raise Failure("error", ANSI.sub("", f"{error.ename}: {error.evalue}")) from error
        except DeadKernelError as error:
            memory = f"; it used up to {self.peak / 1e9:.2f} GB" if self.peak else ""
            raise Failure("died", DIED + memory) from error
        except CellTimeoutError as error:
            if (limit := self.spec["timeout"]) is None:
                message = f"output of a finished cell did not arrive in {OUTPUT_SECONDS} s: the machine is overloaded"
                raise Failure("error", message) from error
            raise Failure("timeout", f"a cell was not finished after {limit:g} seconds") from error
        # papermill takes sys.exit(0) for success; the cells below it did not run
        if any(cell.metadata.get("papermill", {}).get("exception") for cell in book.cells):
            raise Failure("error", "SystemExit: the notebook stopped itself before its last cell")
        return book

    def _execute_notebook(self) -> Any:
        """Run papermill; a kernel that does not start, for example because two race for a port, is started again."""
        limit = self.spec["timeout"]
        seconds = None if limit is None else math.ceil(limit)  # nbclient takes whole seconds
        for attempt in range(1, MAX_STARTS + 1):
            try:
                return papermill.execute_notebook(
                    self.spec["notebook"], self.spec["partial"], self.spec["parameters"], kernel_name="python3",
                    engine_name="mer", progress_bar=False, start_timeout=120, timeout=seconds,
                    on_cell_start=self._on_cell, mer_log=Log(sys.stderr, self._progress, self._note),
                    kernel_manager_class=kernel.private_kernel(Path(self.spec["private"]), self.managers.append),
                )  # fmt: skip
            except RuntimeError as error:
                if self._kernel_started or attempt == MAX_STARTS or isinstance(error, DeadKernelError):
                    raise
                print(f"The kernel did not start ({error}); starting another one.", file=sys.stderr)
                kill_group(self._kernel())
        raise AssertionError

    def _progress(self, text: str) -> None:
        self.send("progress", text=text)

    def _note(self, text: str) -> None:
        self.send("note", text=_short(text))

    def _on_cell(self, cell: Any, cell_index: int) -> None:
        """Send the number of the code cell that starts, counted as in the source, without the injected cell."""
        if not self._kernel_started:
            self.send("kernel", pid=self._kernel())
        self._kernel_started = True
        if cell.cell_type != "code":
            return
        tags = [c.get("metadata", {}).get("tags", []) for c in self.cells]
        at = next((i for i, tag in enumerate(tags) if "parameters" in tag), 0)
        already = any("injected-parameters" in tag for tag in tags)
        index = cell_index - (cell_index > at and not already)
        number = sum(c.get("cell_type") == "code" for c in self.cells[: index + 1])
        self.send("cell", cell=number, heading=self.headings[index])

    def _kernel(self) -> int | None:
        return getattr(getattr(self.managers[-1], "provisioner", None), "pid", None) if self.managers else None


def _short(message: str) -> str:
    if len(message) <= MAX_MESSAGE_CHARS:
        return message
    return f"{message[:MAX_MESSAGE_CHARS]} … ({len(message)} characters; see the log)"


def main(spec: dict, pipe: Any) -> None:
    """Run one notebook and leave this process."""
    # a process group of its own: Ctrl-C reaches the runner only, which then ends workers in order
    if os.name == "posix":
        os.setsid()
    # a runner in the background of a shell ignores Ctrl-C, and its children would inherit this
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if os.name == "posix":  # the runner holds both back while it starts a worker
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
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
    os._exit(code)  # nothing is left to do, and a thread of a library must not keep the process alive


papermill_engines.register("mer", Engine)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    html.warm_up()
