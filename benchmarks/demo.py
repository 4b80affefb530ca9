"""Measure how long a new user waits: for the demo, an unchanged second run, and --list.

    python benchmarks/demo.py [--repeats 3]

Wall-clock times of whole processes, medians. Each demo starts from an empty run folder, raw folder and feature store.
The unchanged run and --list are repeated, because the first of them may read source files that later ones need not.
The limits are for two cores: 90 s, 1.5 s and 0.5 s.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"demo": 90.0, "unchanged": 1.5, "--list": 0.5}
"""The longest accepted time of each command, in seconds."""
REPEATS = 7
"""The number of unchanged runs and of --list after each demo."""


def seconds(*arguments: str) -> float:
    """Return the wall-clock seconds of one `run_all.py` process; an error ends the benchmark."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "run_all.py", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def once(name: str) -> dict[str, list[float]]:
    """Run the demo from empty folders, then unchanged; return the seconds of each command."""
    with tempfile.TemporaryDirectory() as place:
        sets = ["--set", f"data.raw={place}/raw", "--set", f"data.store={place}/store", "--name", name]
        times = {"demo": [seconds(*sets)], "unchanged": [], "--list": []}
        for _ in range(REPEATS):
            times["unchanged"].append(seconds(*sets))
            times["--list"].append(seconds("--list", *sets))
    shutil.rmtree(ROOT / "outputs" / name)
    return times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    runs = [once(f"benchmark-{os.getpid()}") for _ in range(repeats)]
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {repeats} repeats")
    for command, limit in LIMITS.items():
        values = [value for run in runs for value in run[command]]
        median = statistics.median(values)
        print(
            f"{command:10}  median {median:6.2f} s  (min {min(values):.2f}, max {max(values):.2f}; limit {limit:g} s)"
        )


if __name__ == "__main__":
    main()
