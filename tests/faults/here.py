"""Runs whose steps need no kernel: the runner, its stamps and the notebooks are the real ones.

Each run is a copy of this process (`os.fork`), which may be killed, run out of memory or meet a full disk, and has none
of the caches of another run. A step runs inside it, so that a fault can be put at any of its writes.
"""

import os
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import nbformat

from mer import files
from mer.runner import Study, StudyError, provenance
from mer.runner.execution import loop
from mer.runner.execution.execute import Execution
from mer.runner.reporting.screen import Screen
from tests.studies import run_notebook

SECONDS = 1200.0
"""The time after which a run counts as hanging, in seconds."""


PROVENANCE = {"python": "3", "packages": {}, "git": None,
              "hardware": {"platform": "test", "cpus": 1, "memory_gb": None, "gpu": None}}  # fmt: skip
"""What a run says about the machine, which takes longer to find out than most runs here."""


class HereExecution(Execution):
    """A step that runs in this process, and has ended when the runner listens to it."""

    def _spawn(self, jobs: int) -> None:
        kept = dict(os.environ)
        notices = self.study.place(self.step.name, "notices")
        os.environ.update(MER_NOTICES=str(notices), MER_JOBS="1", MER_RUN_FOLDER=str(self.study.folder))
        try:
            for kind in ("log", "ipynb"):
                self.study.place(self.step.name, kind).parent.mkdir(parents=True, exist_ok=True)
            run_notebook(self.step.path, self.study.folder / "params.yaml")
            nbformat.write(nbformat.read(self.step.path, as_version=4), self.study.place(self.step.name, "ipynb"))
            files.write_text(self.study.place(self.step.name, "html"), "<!doctype html><title>page</title>")
        except Exception as error:
            traceback.print_exc()
            self._last = {"event": "failed", "kind": "error", "message": f"{type(error).__name__}: {error}"}
        else:
            self._last = {"event": "done"}
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def _listen(self) -> None:
        self.events.put((self, {"event": "exit", "code": 0}))

    def _release(self) -> None:
        """Nothing is held."""

    def _ask_to_end(self) -> None:
        """It has ended."""

    def kill(self) -> None:
        """It has ended."""


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, negative for a signal, and what it printed."""

    code: int
    screen: str


def nothing() -> None:
    """Do nothing."""


def run_copy(study: Study, before: Callable[[], None] = nothing, **options: object) -> Ended:
    """Run a study in a copy of this process, in which `before` is called first."""
    sys.stdout.flush(), sys.stderr.flush()
    screen, end = os.pipe()  # and no file, whose length could be limited, too
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads of libraries, which the copy does not need
        pid = os.fork()
    if pid == 0:
        _be_the_copy(study, end, before, options)
    os.close(end)
    with os.fdopen(screen, "rb", buffering=0) as pipe:
        text = _read(pipe, pid)
    return Ended(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode(errors="replace"))


def _read(pipe: BinaryIO, pid: int) -> bytes:
    """Return what a process writes until it ends."""
    text, until = b"", time.monotonic() + SECONDS
    while True:
        if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError(f"hangs: {text.decode(errors='replace')}")
        if not (piece := pipe.read(2**16)):
            return text
        text += piece


def _be_the_copy(study: Study, screen: int, before: Callable[[], None], options: dict) -> None:
    code = 99
    for descriptor in (1, 2):
        os.dup2(screen, descriptor)
    sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
    try:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        warnings.showwarning = lambda message, category, *_: print(
            f"{category.__name__}: {message}"
        )  # pytest keeps them
        before()
        code = run_here(study, **options)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def run_here(study: Study, **options: object) -> int:
    """Run a study in this process; return the exit code."""
    kept = loop.Execution, loop.warm_up, provenance.collect, files.git_state
    loop.Execution, loop.warm_up, provenance.collect = HereExecution, nothing, lambda: PROVENANCE
    files.git_state = nothing  # cards state the commit, which may change while tests run
    try:
        return loop.run(study, loop.RunOptions(**options), Screen(sys.stdout, live=False))
    except StudyError as error:
        print(error)
    except OSError as error:  # as run_all.py says it
        print(f"{error.filename2 or error.filename}: {error.strerror or error}")
    finally:
        loop.Execution, loop.warm_up, provenance.collect, files.git_state = kept
    return 2
