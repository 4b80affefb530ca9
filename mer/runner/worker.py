"""`python -m mer.runner.worker SPEC.json`: run one notebook and render its page.

Standard output carries events, one JSON object per line; standard error is the step's log. The
worker stops when its standard input closes, so it never outlives the runner.
"""

import _thread
import json
import os
import re
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from mer.runner import steps
from mer.runner.execute import DIED, kill_group

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Failure(Exception):
    """A notebook that did not come to its end: `kind` and a message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Worker:
    """One notebook, its kernel and the pipe to the runner."""

    def __init__(self, spec: dict) -> None:
        self.spec = spec
        self.cells = steps.cells_of(Path(spec["notebook"]))
        self.headings = steps.headings(self.cells)
        self.managers: list[Any] = []
        # C libraries and kernels inherit descriptor 1: give them the log, keep the pipe for events
        self._pipe = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        os.dup2(2, 1)
        sys.stderr.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)

    def say(self, event: str, **facts: Any) -> None:
        """Tell the runner."""
        self._pipe.write(json.dumps({"event": event, **facts}) + "\n")
        self._pipe.flush()

    def run(self) -> int:
        """Execute, render, put both in place; return the exit code."""
        try:
            self._execute()
        except KeyboardInterrupt:
            return 130
        except Failure as failure:
            self.say("failed", kind=failure.kind, message=str(failure))
            return 1
        except Exception as error:
            traceback.print_exc()
            self.say("failed", kind="error", message=f"{type(error).__name__}: {error}")
            return 1
        self.say("done")
        return 0

    def stop_with_parent(self) -> None:
        """Wait for the end of standard input; then end the kernel and this process."""
        while os.read(0, 1):
            pass
        kill_group(self._kernel())
        if os.name == "posix":
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        else:
            _thread.interrupt_main()

    def _execute(self) -> None:
        # a kernel of this very interpreter, whatever kernelspecs the user has registered
        write_kernelspec(Path(self.spec["private"], "jupyter", "kernels", "python3"))
        book = self._papermill()
        from mer.runner import html

        page = Path(self.spec["html"])
        html.render(book, page.with_suffix(".partial"), self.spec["title"])
        Path(self.spec["partial"]).replace(self.spec["ipynb"])
        page.with_suffix(".partial").replace(page)

    def _papermill(self) -> Any:
        import papermill
        from nbclient.exceptions import CellTimeoutError, DeadKernelError

        try:
            book = papermill.execute_notebook(
                self.spec["notebook"], self.spec["partial"], self.spec["parameters"], kernel_name="python3",
                progress_bar=False, stdout_file=sys.stderr, stderr_file=sys.stderr, start_timeout=120,
                execution_timeout=self.spec["timeout"], coalesce_streams=True, on_cell_start=self._on_cell,
                kernel_manager_class=private_kernel(Path(self.spec["private"]), self.managers),
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            print(ANSI.sub("", "\n".join(error.traceback)), file=sys.stderr)
            raise Failure("error", ANSI.sub("", f"{error.ename}: {error.evalue}")) from error
        except DeadKernelError as error:
            raise Failure("died", DIED) from error
        except CellTimeoutError as error:
            raise Failure("timeout", f"a cell was not finished after {self.spec['timeout']:g} seconds") from error
        # papermill takes sys.exit(0) for the end; the cells below it did not run
        if any(cell.metadata.get("papermill", {}).get("exception") for cell in book.cells):
            raise Failure("error", "SystemExit: the notebook stopped itself before its last cell")
        return book

    def _on_cell(self, cell: Any, cell_index: int) -> None:
        """Report the code cell that starts, numbered as in the source (without the injected one)."""
        if cell.cell_type != "code":
            return
        tags = [c.get("metadata", {}).get("tags", []) for c in self.cells]
        at = next((i for i, tag in enumerate(tags) if "parameters" in tag), 0)
        already = any("injected-parameters" in tag for tag in tags)
        index = cell_index - (cell_index > at and not already)
        number = sum(c.get("cell_type") == "code" for c in self.cells[: index + 1])
        self.say("cell", cell=number, heading=self.headings[index], kernel=self._kernel())

    def _kernel(self) -> int | None:
        return getattr(getattr(self.managers[-1], "provisioner", None), "pid", None) if self.managers else None


def private_kernel(folder: Path, made: list) -> type:
    """Return a kernel manager over Unix sockets in a folder of its own.

    TCP ports can race between kernels that start at once; Windows has nothing else.
    """
    from jupyter_client import AsyncKernelManager

    class PrivateKernel(AsyncKernelManager):
        def __init__(self, **options: Any) -> None:
            if os.name == "posix":
                options |= {"transport": "ipc", "ip": str(folder / "k"), "connection_file": str(folder / "c.json")}
            super().__init__(**options)
            made.append(self)

    return PrivateKernel


def write_kernelspec(folder: Path) -> None:
    """Describe a kernel that runs in this interpreter and keeps no history."""
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python", "metadata": {"debugger": True}}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def main() -> int:
    """Read the specification and run it."""
    # a runner in the background of a shell ignores Ctrl-C, and its children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # jsonschema's optional check of web addresses compiles a grammar for 1.4 s at import; notebooks have none
    sys.modules.setdefault("rfc3987_syntax", None)
    worker = Worker(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    threading.Thread(target=worker.stop_with_parent, daemon=True).start()
    return worker.run()


if __name__ == "__main__":
    sys.exit(main())
