"""Measure the overhead of the runner: per notebook, and for a study in which nothing has changed.

    python benchmarks/runner.py [--notebooks 10] [--repeats 5]

Each notebook does nothing. `kernel and cells` is nbclient in a warm process: start a kernel, run the cells, end the
kernel. `papermill + nbconvert` are the two commands that a user would type for each notebook instead. The runner's own
start is excluded: the time is that for all notebooks minus that for one, divided by the number of the others.
Wall-clock times of whole processes, medians; the limits are 0.5 s for a notebook and 3 s for 100 unchanged stamps.
"""

import argparse
import asyncio
import io
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import toy_notebooks
from mer.runner import Study
from mer.runner.execution.loop import run
from mer.runner.reporting.screen import Screen
from mer.runner.staleness import dependencies, stamps
from mer.runner.steps import notebook

ROOT = Path(__file__).resolve().parents[1]
PINNED = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
PROGRAM = """import sys
from pathlib import Path, PosixPath, WindowsPath
from mer.runner import Study
from mer.runner.execution.loop import RunOptions, run
if __name__ == "__main__":
    sys.exit(run({study!r}, RunOptions(jobs={jobs!r})))
"""


def seconds(*command: str) -> float:
    """Return the wall-clock seconds of a command; an error ends the benchmark."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=PINNED, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def runner(study: Study, folder: Path) -> float:
    """Return the wall-clock seconds of one run in a process of its own."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(study=study, jobs=1), encoding="utf-8")
    return seconds(sys.executable, str(program))


def per_notebook(folder: Path, count: int) -> float:
    """Return the seconds that the runner takes for a notebook, without its own start."""
    numbers = tuple(f"{at:02d}" for at in range(1, count + 1))
    times = [runner(toy_notebooks.study(folder, steps, f"run{len(steps)}-{time.time_ns()}"), folder)
             for steps in (numbers[:1], numbers)]  # fmt: skip
    return (times[1] - times[0]) / (count - 1)


def kernel_and_cells(path: Path) -> float:
    """Return the seconds for a kernel's start, the cells and its end."""
    import nbformat
    from nbclient import NotebookClient

    os.environ["MER_RUN_FOLDER"] = str(path.parent)
    book = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    asyncio.run(NotebookClient(book, kernel_name="python3").async_execute())
    return time.perf_counter() - start


def two_commands(path: Path, folder: Path) -> float:
    """Return the seconds for papermill and nbconvert as commands."""
    out = folder / "out.ipynb"
    os.environ["MER_RUN_FOLDER"] = str(folder)
    PINNED["MER_RUN_FOLDER"] = str(folder)
    return seconds(
        sys.executable, "-m", "papermill", str(path), str(out), "-k", "python3", "-p", "params_file", "x"
    ) + seconds(sys.executable, "-m", "nbconvert", "--to", "html", str(out))


def unchanged(folder: Path) -> float:
    """Return the wall-clock seconds of a run of 100 unchanged steps."""
    numbers = tuple(f"{at:02d}" for at in range(100))
    study = toy_notebooks.study(folder, numbers)
    for at, number in enumerate(numbers):
        reads = (f"data/{at - 1:02d}",) if at else ()
        path = study.notebooks / f"{number}_do_nothing.ipynb"
        toy_notebooks.write_notebook(
            path, "from mer import dataset, features, training", reads=reads, writes=(f"data/{number}",)
        )
        (study.folder / "data").mkdir(parents=True, exist_ok=True)
        (study.folder / "data" / number).write_text(number)
        step = notebook.read(path)
        for kind in ("ipynb", "html"):
            study.place(step.name, kind).write_text("{}")
        stamps.seal(study, step, dependencies.step_dependencies(study, step), {"seconds": 1.0})
    assert run(study, screen=Screen(io.StringIO())) == 0
    return statistics.median(runner(study, folder) for _ in range(5))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notebooks", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    repeats = arguments.repeats
    times: dict[str, list[float]] = {"runner": [], "kernel and cells": [], "papermill + nbconvert": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for at in range(1, arguments.notebooks + 1):
            toy_notebooks.write_notebook(folder / "notebooks" / f"{at:02d}_do_nothing.ipynb", "x = 1")
        first = folder / "notebooks" / "01_do_nothing.ipynb"
        kernel_and_cells(first)  # imports
        for _ in range(repeats):
            times["kernel and cells"].append(kernel_and_cells(first))
            times["papermill + nbconvert"].append(two_commands(first, folder))
            times["runner"].append(per_notebook(folder, arguments.notebooks))
    with tempfile.TemporaryDirectory() as place:
        unchanged_seconds = unchanged(Path(place))
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {repeats} repeats")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:22} {medians[name]:6.2f} s  (min {min(values):.2f}, max {max(values):.2f})")
    print(f"overhead of the runner {medians['runner'] - medians['kernel and cells']:6.2f} s  (limit 0.50)")
    print(f"papermill + nbconvert / runner {medians['papermill + nbconvert'] / medians['runner']:.2f}")
    print(f"100 unchanged stamps   {unchanged_seconds:6.2f} s  (limit 3)")


if __name__ == "__main__":
    main()
