"""What the runner costs: per notebook beyond its kernel and cells, and for a study in which nothing changed.

    python benchmarks/runner.py [--notebooks 10] [--repeats 5]

Each notebook does nothing. `kernel and cells` is nbclient in a warm process: start a kernel, run the cells, shut it
down. `papermill + nbconvert` is what one would type instead, two commands for each notebook. The runner's own
start is paid once and taken out: it is the time for all notebooks minus the time for one, divided by the others.
Whole processes on the wall clock, medians; the limits are 0.5 s for a notebook and 3 s for 100 unchanged stamps.
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

from benchmarks import toys
from mer.runner import Study, run
from mer.runner.reporting.screen import Screen
from mer.runner.staleness import dependencies, stamps
from mer.runner.steps import notebook, units

ROOT = Path(__file__).resolve().parents[1]
PINNED = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
PROGRAM = """import sys
from pathlib import Path, PosixPath, WindowsPath
from mer.runner import Study, run
if __name__ == "__main__":
    sys.exit(run({study!r}))
"""


def process(*command: str) -> float:
    """Wall time of a command; an error ends the benchmark."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=PINNED, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def runner(study: Study, folder: Path) -> float:
    """Wall time of one run in a process of its own."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(study=study), encoding="utf-8")
    return process(sys.executable, str(program))


def per_notebook(folder: Path, count: int) -> float:
    """Seconds that the runner takes for a notebook, its own start taken out."""
    numbers = tuple(f"{at:02d}" for at in range(1, count + 1))
    times = [runner(toys.study(folder, chosen, f"run{len(chosen)}-{time.time_ns()}"), folder)
             for chosen in (numbers[:1], numbers)]  # fmt: skip
    return (times[1] - times[0]) / (count - 1)


def kernel_and_cells(path: Path) -> float:
    """Seconds for a kernel's start, the cells and its end."""
    import nbformat
    from nbclient import NotebookClient

    os.environ["MER_RUN_FOLDER"] = str(path.parent)
    book = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    asyncio.run(NotebookClient(book, kernel_name="python3").async_execute())
    return time.perf_counter() - start


def by_hand(path: Path, folder: Path) -> float:
    """Seconds for papermill and nbconvert as commands."""
    out = folder / "out.ipynb"
    os.environ["MER_RUN_FOLDER"] = str(folder)
    PINNED["MER_RUN_FOLDER"] = str(folder)
    return process(
        sys.executable, "-m", "papermill", str(path), str(out), "-k", "python3", "-p", "params_file", "x"
    ) + process(sys.executable, "-m", "nbconvert", "--to", "html", str(out))


def unchanged(folder: Path) -> float:
    """Wall time of a run of 100 steps with a stamp each."""
    numbers = tuple(f"{at:02d}" for at in range(100))
    study = toys.study(folder, numbers)
    for at, number in enumerate(numbers):
        reads = (f"data/{at - 1:02d}",) if at else ()
        path = study.notebooks / f"{number}_do_nothing.ipynb"
        toys.notebook(path, "from mer import dataset, features, training", reads=reads, writes=(f"data/{number}",))
        (study.folder / "data").mkdir(parents=True, exist_ok=True)
        (study.folder / "data" / number).write_text(number)
        [unit] = units.expand(study, step := notebook.read(path))
        for kind in ("ipynb", "html"):
            study.place(unit.name, kind).write_text("{}")
        stamps.seal(study, unit, dependencies.parts(study, unit, dependencies.shared(study, step)), {"seconds": 1.0})
    assert run(study, screen=Screen(io.StringIO())) == 0
    return statistics.median(runner(study, folder) for _ in range(5))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notebooks", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    times: dict[str, list[float]] = {"runner": [], "kernel and cells": [], "papermill + nbconvert": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for at in range(1, given.notebooks + 1):
            toys.notebook(folder / "notebooks" / f"{at:02d}_do_nothing.ipynb", "x = 1")
        one = folder / "notebooks" / "01_do_nothing.ipynb"
        kernel_and_cells(one)  # imports
        for _ in range(given.repeats):
            times["kernel and cells"].append(kernel_and_cells(one))
            times["papermill + nbconvert"].append(by_hand(one, folder))
            times["runner"].append(per_notebook(folder, given.notebooks))
    with tempfile.TemporaryDirectory() as place:
        stamped = unchanged(Path(place))
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {given.repeats} repeats")
    middle = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:22} {middle[name]:6.2f} s  (min {min(values):.2f}, max {max(values):.2f})")
    print(f"overhead of the runner {middle['runner'] - middle['kernel and cells']:6.2f} s  (limit 0.50)")
    print(f"papermill + nbconvert / runner {middle['papermill + nbconvert'] / middle['runner']:.2f}")
    print(f"100 unchanged stamps   {stamped:6.2f} s  (limit 3)")


if __name__ == "__main__":
    main()
