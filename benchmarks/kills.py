"""Random kills: what the next run does, and whether its results are those of an undisturbed one.

    python benchmarks/kills.py [--kills 50] [--seed 0]

A study of a chain and a fan-out is run again and again; each run is killed at a random moment: the runner, the worker,
the kernel, or everything at once as when a machine goes down. When a run comes to its end, its files are compared
with those of an undisturbed run, byte by byte, and the next one starts from nothing.
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import toys
from benchmarks.runner import PROGRAM, ROOT

OUTPUTS = ("data/a", "parts/0", "parts/1", "parts/2", "tables/all.csv")
BODY = """import time
inputs = [path for name in {reads!r} for path in sorted([folder / name, *(folder / name).glob('*')]) if path.is_file()]
for name in {writes!r}:
    path = folder / name{fill}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:  # slowly and in place: a kill leaves half of it
        for line in range(20):
            file.write(f'{{name}} {{line}} ' + ' '.join(p.read_text()[-40:] for p in inputs) + '\\n')
            file.flush()
            time.sleep(0.03)
"""


def make(folder: Path) -> None:
    """Write the notebooks."""
    chain = [
        ("01_make_data", (), ("data/a",), {}),
        ("02_train", ("data/a",), ("parts/{seed}",), {"seed": "evaluation.seeds"}),
        ("03_gather", ("parts",), ("tables/all.csv",), {}),
    ]
    for name, reads, writes, fan_out in chain:
        fill = ".replace('{seed}', str(seed))" if fan_out else ""
        body = BODY.format(reads=reads, writes=writes, fill="").replace("folder / name\n", f"folder / name{fill}\n", 1)
        toys.notebook(folder / "notebooks" / f"{name}.ipynb", body, reads=reads, writes=writes, fan_out=fan_out)


def start(folder: Path, run: str) -> subprocess.Popen:
    """Start a run."""
    program = folder / "program.py"
    study = toys.study(folder, ("01", "02", "03"), run)
    program.write_text(PROGRAM.format(study=study).replace("run(Study", "run(jobs=2, study=Study"), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(program)], cwd=ROOT, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def kill(runner: subprocess.Popen, what: str) -> bool:
    """Kill the runner, a worker, a kernel or all of them; say whether there was one."""
    below = psutil.Process(runner.pid).children(recursive=True)
    kernels = [p for p in below if any("kernelapp" in word for word in _words(p))]
    workers = [p.parent() for p in kernels]
    chosen = {"runner": [], "kernel": kernels[:1], "worker": workers[:1], "machine": below}[what]
    hit = False
    for process in ([psutil.Process(runner.pid)] if what in ("runner", "machine") else []) + chosen:
        try:
            process.send_signal(signal.SIGKILL)
            hit = True
        except psutil.Error:
            continue
    return hit


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def contents(folder: Path) -> list[bytes]:
    """The files that the study wrote."""
    return [(folder / name).read_bytes() for name in OUTPUTS]


def states(folder: Path) -> str:
    """What was finished when the run was killed, in a word each."""
    found = []
    for path in sorted((folder / "stamps").rglob("*.json")):
        try:
            found.append(f"{path.stem.removeprefix('seed=')}:{json.loads(path.read_text())['state']}")
        except ValueError:
            found.append(f"{path.stem}:unreadable")
    return " ".join(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder)
        begun = time.monotonic()
        assert start(folder, "undisturbed").wait() == 0
        whole = time.monotonic() - begun
        wanted = contents(folder / "undisturbed")
        print(f"undisturbed: {whole:.1f} s")
        count = runs = wrong = 0
        totals: collections.Counter = collections.Counter()
        while count < given.kills:
            runner = start(folder, f"run{runs}")
            what, after = chance.choice(["runner", "worker", "kernel", "machine"]), chance.uniform(0.2, whole)
            try:
                runner.wait(timeout=after)
            except subprocess.TimeoutExpired:
                if kill(runner, what):
                    count += 1
                    totals[what] += 1
            screen, _ = runner.communicate(timeout=60)
            if runner.returncode == 0:
                same = contents(folder / f"run{runs}") == wanted
                wrong += not same
                print(f"            run {runs} finished: files {'the same' if same else 'DIFFERENT'}")
                runs += 1
                continue
            print(
                f"{count:3} {what:8} after {after:4.1f} s  exit {runner.returncode:3}  {states(folder / f'run{runs}')}"
            )
            assert "Traceback" not in screen, screen
        while (runner := start(folder, f"run{runs}")).wait() != 0:
            print(runner.stdout.read())
        wrong += contents(folder / f"run{runs}") != wanted
        print(f"{count} kills ({', '.join(f'{n} {what}' for what, n in sorted(totals.items()))}), "
              f"{runs + 1} runs came to their end, {wrong} with other files than the undisturbed one")  # fmt: skip
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
