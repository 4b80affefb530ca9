"""How long a new user waits: the demo from a warm install, an unchanged second run, and --list.

    python benchmarks/demo.py [--repeats 3]

Whole processes on the wall clock, medians; each demo starts from an empty run folder, raw folder and store.
The limits are those of the design on two cores: 90 s, 3 s and 1 s.
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
LIMITS = {"demo": 90.0, "unchanged": 3.0, "--list": 1.0}


def seconds(*arguments: str) -> float:
    """Wall time of one `run_all.py` process; an error ends the benchmark."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "run_all.py", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def once(name: str) -> dict[str, float]:
    """One demo from nothing, then what costs nothing."""
    with tempfile.TemporaryDirectory() as place:
        sets = ["--set", f"data.raw={place}/raw", "--set", f"data.store={place}/store", "--name", name]
        times = {"demo": seconds(*sets), "unchanged": seconds(*sets), "--list": seconds("--list", *sets)}
    shutil.rmtree(ROOT / "outputs" / name)
    return times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    runs = [once(f"benchmark-{os.getpid()}") for _ in range(repeats)]
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {repeats} repeats")
    for what, limit in LIMITS.items():
        values = [run[what] for run in runs]
        middle = statistics.median(values)
        print(f"{what:10}  median {middle:6.2f} s  (min {min(values):.2f}, max {max(values):.2f}; limit {limit:.0f} s)")


if __name__ == "__main__":
    main()
