"""The command that a study names for the end of its runs. It is not run by a shell, and its failure changes nothing."""

import os
import shutil
import subprocess
from collections.abc import Callable

from mer import files
from mer.runner.study import Study

MAX_SECONDS = 600.0
"""The time after which the command is ended, in seconds."""
LOG = "logs/on_finish.log"
"""The file in the run folder with the output of the command."""


def run_command(study: Study, code: int, print_line: Callable[[str], None]) -> None:
    """Run `study.on_finish`, with its output in `LOG`; print a line if it fails.

    The variable `MER_FINISHED_RUN` of its environment is the run folder; `MER_RESULT` is `done` or `failed`.

    Args:
        study: the study, with a command.
        code: the exit code of the run.
        print_line: function that prints the line.
    """
    problem = _problem(study, "failed" if code else "done")
    if problem:
        log = files.to_root(study.folder / LOG)
        print_line(f"  on_finish: {study.on_finish[0]!r} {problem}; its output is in {log}. The results do not change.")


def _problem(study: Study, result: str) -> str | None:
    """Run the command and return what went wrong."""
    program = shutil.which(study.on_finish[0])
    if program is None:
        return "is no program of this machine"
    environment = os.environ | {"MER_FINISHED_RUN": str(study.folder), "MER_RESULT": result}
    path = study.folder / LOG
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as log:
            finished = subprocess.run(  # noqa: S603 - the words of the user's own study, without a shell
                [program, *study.on_finish[1:]], cwd=files.ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, timeout=MAX_SECONDS, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"was ended after {MAX_SECONDS:g} seconds"
    except OSError as error:
        return f"could not be run ({error.strerror or error})"
    return f"ended with code {finished.returncode}" if finished.returncode else None
