"""Kill runs at random moments, and check that the next run resumes and has the results of an undisturbed one.

    python benchmarks/interruptions.py [--kills 50] [--seed 0]

A study of five steps, three of which run side by side, is run again and again. Each run is killed at a random moment:
the runner, the worker, the kernel, or all of them, as when a machine fails. A row shows which steps were finished and
running when the run was killed, and which steps the next run started, which is then killed, too. When a run ends well,
its files are compared byte by byte with those of an undisturbed run, and the next one starts from an empty folder. It
is an error if a file differs, is missing or is left over, if a finished step is run again, and if an unfinished one is
kept.
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

from benchmarks import toy_notebooks
from benchmarks.runner import PROGRAM, ROOT

STEPS = {"01_make_data": "01", "02_train": "02", "03_train": "03", "04_train": "04", "05_gather": "05"}
STARTED = re.compile(r"▸ (\d\d) (\S+) +started +(.*)")
OUTPUTS = ("data/a", "parts/0", "parts/1", "parts/2", "tables/all.csv")
BODY = """import time
inputs = [path for name in {reads!r} for path in sorted([folder / name, *(folder / name).glob('*')]) if path.is_file()]
for name in {writes!r}:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:  # slowly and in place: a kill leaves half of it
        for line in range(20):
            file.write(f'{{name}} {{line}} ' + ' '.join(p.read_text()[-40:] for p in inputs) + '\\n')
            file.flush()
            time.sleep(0.03)
"""


def make(folder: Path) -> None:
    """Write the notebooks."""
    steps = [
        ("01_make_data", (), ("data/a",)),
        ("02_train", ("data/a",), ("parts/0",)),
        ("03_train", ("data/a",), ("parts/1",)),
        ("04_train", ("data/a",), ("parts/2",)),
        ("05_gather", ("parts",), ("tables/all.csv",)),
    ]
    for name, reads, writes in steps:
        body = BODY.format(reads=reads, writes=writes)
        toy_notebooks.write_notebook(folder / "notebooks" / f"{name}.ipynb", body, reads=reads, writes=writes)


def start(folder: Path, run: str) -> subprocess.Popen:
    """Start a run."""
    program = folder / "program.py"
    study = toy_notebooks.study(folder, tuple(STEPS.values()), run)
    program.write_text(PROGRAM.format(study=study, jobs=2), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(program)], cwd=ROOT, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def kill(runner: subprocess.Popen, target: str) -> bool:
    """Kill the runner, a worker, a kernel or all of them; return whether there was one."""
    descendants = psutil.Process(runner.pid).children(recursive=True)
    kernels = [p for p in descendants if any("kernelapp" in word for word in _command(p))]
    workers = [p.parent() for p in kernels]
    selected = {"runner": [], "kernel": kernels[:1], "worker": workers[:1], "machine": descendants}[target]
    hit = False
    for process in ([psutil.Process(runner.pid)] if target in ("runner", "machine") else []) + selected:
        try:
            process.send_signal(signal.SIGKILL)
            hit = True
        except psutil.Error:
            continue
    return hit


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def contents(folder: Path) -> list[bytes]:
    """Return the contents of the files that the study wrote."""
    return [(folder / name).read_bytes() for name in OUTPUTS]


def names(folder: Path) -> set[str]:
    """Return the names of everything in a run folder, including unfinished files."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def states(folder: Path) -> dict[str, str]:
    """Return the state of each step according to its stamp."""
    result = {}
    for name, short in STEPS.items():
        try:
            result[short] = json.loads((folder / "stamps" / f"{name}.json").read_text())["state"]
        except FileNotFoundError:
            result[short] = ""
        except ValueError:
            result[short] = "unreadable"
    return result


def started_steps(screen: str) -> dict[str, str]:
    """Return the steps that a run started, with the reasons."""
    return {STEPS[f"{number}_{name}"]: reason for number, name, reason in STARTED.findall(screen)}


def row(before: dict[str, str], code: int, screen: str) -> str:
    """Return the finished steps, the interrupted ones, those that the next run started and its end, as a row."""
    finished = [short for short, state in before.items() if state == "done"]
    interrupted = [f"{short} {state}" for short, state in before.items() if state not in ("", "done")]
    started = [
        f"{short} ({reason})" if reason != "never run" else short for short, reason in started_steps(screen).items()
    ]
    end = {0: "finished", 1: "reported a kill, code 1"}.get(code, "killed")
    cells = f"{' '.join(finished) or '–':20} | {', '.join(interrupted) or '–':26}"
    return f"{cells} | {', '.join(started) or 'nothing':74} | {end}"


def errors(folder: Path, undisturbed: Path, before: dict[str, str], code: int, screen: str) -> list[str]:
    """Return the errors of a run that started with the stamps `before`."""
    started = started_steps(screen)
    lines = [f"{short} was run again although it was finished" for short in started if before[short] == "done"]
    lines += ["a traceback of the runner"] * ("Traceback" in screen)
    if code == 0:
        unfinished = {short for short, state in before.items() if state != "done"}
        lines += [f"{short} was kept although it was not finished" for short in sorted(unfinished - set(started))]
        lines += ["files differ"] * (contents(folder) != contents(undisturbed))
        lines += [f"{name} is only in one of the folders" for name in sorted(names(folder) ^ names(undisturbed))]
    return lines


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
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as place:
        folder, undisturbed = Path(place), Path(place, "undisturbed")
        make(folder)
        start_time = time.monotonic()
        assert attempt(folder, "undisturbed", None)[1] == 0
        whole = time.monotonic() - start_time
        print(f"undisturbed: {whole:.1f} s\n #  | killed  | after  | finished             | running"
              f"{'':19} | the next run started{'':54} | and was")  # fmt: skip
        totals: collections.Counter = collections.Counter()
        nothing = dict.fromkeys(STEPS.values(), "")
        runs, n_errors, last, before = 0, 0, "", nothing
        while totals.total() < arguments.kills or last:
            plan = chance.choice(["runner", "worker", "kernel", "machine"]), chance.uniform(0.2, whole)
            run = folder / f"run{runs}"
            hit, code, screen = attempt(folder, run.name, plan if totals.total() < arguments.kills else None)
            totals[plan[0]] += hit
            if last:
                print(f"{last} | {row(before, code, screen)}", flush=True)
            for line in (lines := errors(run, undisturbed, before, code, screen)):
                print(f"      ERROR: {line}")
            n_errors += len(lines)
            last, before = f"{totals.total():3} | {plan[0]:7} | {plan[1]:4.1f} s" if hit else "", states(run)
            if code == 0:
                recovered = f"{last} | the run recovered: the kernel was starting, or had finished its work"
                print(f"{recovered if last else '   '} → run {runs} finished", flush=True)
                runs, last, before = runs + 1, "", nothing
    print(f"{totals.total()} kills ({', '.join(f'{n} {target}' for target, n in sorted(totals.items()))}), "
          f"{runs} runs ended well, {n_errors} errors")  # fmt: skip
    sys.exit(1 if n_errors else 0)


if __name__ == "__main__":
    main()
