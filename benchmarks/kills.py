"""Random kills: what the next run does, and whether its results are those of an undisturbed one.

    python benchmarks/kills.py [--kills 50] [--seed 0]

A study of a chain and a fan-out is run again and again; each run is killed at a random moment: the runner, the worker,
the kernel, or everything at once as when a machine goes down. A row says what was finished and at work when it was
killed and what the next run began, which is then killed in its turn. When a run comes to its end, its files are
compared with those of an undisturbed run, byte by byte, and the next one starts from nothing. It is a mistake when a
file differs, is missing or too many, when something finished is run again, and when something unfinished is kept.
"""

import argparse
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks import toys
from benchmarks.runner import PROGRAM, ROOT

UNITS = {"01_make_data": "01", "02_train/seed=0": "02/0", "02_train/seed=1": "02/1", "02_train/seed=2": "02/2",
         "03_gather": "03"}  # fmt: skip
STARTED = re.compile(r"▸ (\d\d) (\S+) +started +(.*)")
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


def names(folder: Path) -> set[str]:
    """Everything that lies in a run folder: half-written files would be among it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def states(folder: Path) -> dict[str, str]:
    """What the stamp of each unit says."""
    found = {}
    for name, short in UNITS.items():
        try:
            found[short] = json.loads((folder / "stamps" / f"{name}.json").read_text())["state"]
        except FileNotFoundError:
            found[short] = ""
        except ValueError:
            found[short] = "unreadable"
    return found


def begun(screen: str) -> dict[str, str]:
    """The units that a run began, and why."""
    return {UNITS[f"{number}_{name}"]: why for number, name, why in STARTED.findall(screen)}


def cells(before: dict[str, str], code: int, screen: str) -> str:
    """What a run found, what it began and how it ended, as cells of the table."""
    kept = [short for short, state in before.items() if state == "done"]
    cut = [f"{short} {state}" for short, state in before.items() if state not in ("", "done")]
    again = [f"{short} ({why})" if why != "never run" else short for short, why in begun(screen).items()]
    end = {0: "finished", 1: "told of a kill, code 1"}.get(code, "killed")
    return f"{' '.join(kept) or '–':20} | {', '.join(cut) or '–':26} | {', '.join(again) or 'nothing':74} | {end}"


def wrong(folder: Path, undisturbed: Path, before: dict[str, str], code: int, screen: str) -> list[str]:
    """What is wrong with a run that found `before`."""
    again = begun(screen)
    found = [f"{short} was run again though it was finished" for short in again if before[short] == "done"]
    found += ["a traceback of the runner"] * ("Traceback" in screen)
    if code == 0:
        unfinished = {short for short, state in before.items() if state != "done"}
        found += [f"{short} was kept though it was not finished" for short in sorted(unfinished - set(again))]
        found += ["files differ"] * (contents(folder) != contents(undisturbed))
        found += [f"{name} is only in one of the folders" for name in sorted(names(folder) ^ names(undisturbed))]
    return found


def attempt(folder: Path, run: str, plan: tuple[str, float] | None) -> tuple[bool, int, str]:
    """Start a run and kill it as planned; return whether that hit, the exit code and what was printed."""
    runner, hit = start(folder, run), False
    if plan is not None:
        try:
            runner.wait(timeout=plan[1])
        except subprocess.TimeoutExpired:
            hit = kill(runner, plan[0])
    screen, _ = runner.communicate(timeout=60)
    return hit, runner.returncode, screen


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as place:
        folder, undisturbed = Path(place), Path(place, "undisturbed")
        make(folder)
        began = time.monotonic()
        assert attempt(folder, "undisturbed", None)[1] == 0
        whole = time.monotonic() - began
        print(f"undisturbed: {whole:.1f} s\n #  | killed  | after  | finished by then     | at work then"
              f"{'':14} | the next run began{'':56} | and it was")  # fmt: skip
        totals: collections.Counter = collections.Counter()
        nothing = dict.fromkeys(UNITS.values(), "")
        runs, mistakes, last, before = 0, 0, "", nothing
        while totals.total() < given.kills or last:
            plan = chance.choice(["runner", "worker", "kernel", "machine"]), chance.uniform(0.2, whole)
            run = folder / f"run{runs}"
            hit, code, screen = attempt(folder, run.name, plan if totals.total() < given.kills else None)
            totals[plan[0]] += hit
            if last:
                print(f"{last} | {cells(before, code, screen)}", flush=True)
            for mistake in (found := wrong(run, undisturbed, before, code, screen)):
                print(f"      WRONG: {mistake}")
            mistakes += len(found)
            last, before = f"{totals.total():3} | {plan[0]:7} | {plan[1]:4.1f} s" if hit else "", states(run)
            if code == 0:
                went_on = f"{last} | made up for in the run itself: the kernel was starting, or had done its work"
                print(f"{went_on if last else '   '} → run {runs} finished", flush=True)
                runs, last, before = runs + 1, "", nothing
    print(f"{totals.total()} kills ({', '.join(f'{n} {what}' for what, n in sorted(totals.items()))}), "
          f"{runs} runs came to their end, {mistakes} mistakes")  # fmt: skip
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
