"""Run a study: `python run_all.py params/demo.yaml`. What is up to date stays; see `--help`."""

import argparse
import os
import shlex
import signal
import subprocess
import sys

from mer import files, params
from mer.runner import Row, Study, StudyError, problems, run, survey
from mer.runner.execution.devices import gpus
from mer.runner.execution.lock import refuse_other_study
from mer.runner.steps.schedule import parse_numbers

MADE_UP = "Synthetic: the voices are made up, and no number says anything about people or real corpora."


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = _parser().parse_args(arguments)
    if given.verify:
        given.params = f"{given.verify.rstrip('/')}/params.yaml"
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console that lacks ✓ shows something else
    try:
        if given.compare:
            from mer.runner.compare.run_folders import compare

            return compare(*(files.from_root(run_folder) for run_folder in given.compare), sys.stdout)
        study, wanted = _study(given)
        refuse_other_study(study.folder, study.of)
        if given.list or given.explain:
            _print(study, survey(study), given.explain)
            return 0
        if given.html_only:
            from mer.runner.reporting.rendering import render

            return render(study)
        if given.verify:
            from mer.runner.compare.replay import verify

            return verify(study, jobs=given.jobs)
        return run(
            study,
            steps=wanted,
            start=given.start,
            force=given.force,
            keep_going=given.keep_going,
            jobs=given.jobs,
        )
    except params.ParamsError as error:
        print(error, file=sys.stderr)
    except OSError as error:  # a folder in the place of a file, a disk that is full
        print(f"{error.filename2 or error.filename or given.params}: {error.strerror or error}", file=sys.stderr)
    except StudyError as error:
        count = f"{len(error.problems)} problem{'s' if len(error.problems) > 1 else ''}"
        subject = " and ".join(given.compare or [given.verify or given.params])
        print("\n  ".join([f"{subject}: {count}, nothing was run", *error.problems]), file=sys.stderr)
    return 2


def _study(given: argparse.Namespace) -> tuple[Study, set[str] | None]:
    """Load and check everything that can be checked before running.

    Raises:
        ParamsError: the parameters are wrong.
        StudyError: they name what is not there.
    """
    from mer.dataset.manifest import parameter_checks

    chosen = params.load(given.params, given.set, given.name)
    raw = (files.from_root(chosen.data.raw), chosen.data.synthetic is not None)
    minutes = chosen.timeout_minutes
    study = Study(
        name=chosen.name,
        folder=files.from_root(given.verify) if given.verify else files.ROOT / "outputs" / chosen.name,
        params=chosen.model_dump(mode="json"),
        text=params.dump(chosen),
        notebooks=files.ROOT / "notebooks",
        steps=chosen.steps,
        source=_typed(given),
        external={"raw": raw},
        threads=chosen.compute.threads,
        timeout=None if minutes is None else minutes * 60,
        gpus=gpus(chosen.compute.device, given.gpu_jobs),
        of=chosen.study,
        banner=MADE_UP if chosen.data.synthetic else "",
    )
    wanted, wrong = None, []
    if given.steps is not None:
        try:
            wanted = parse_numbers(given.steps)
        except StudyError as error:
            wrong += error.problems
    if not (given.list or given.explain or given.html_only):
        wrong += parameter_checks.problems(chosen) + ([] if wrong else problems(study, wanted, given.start))
    if wrong:
        raise StudyError(wrong)
    return study, wanted


def _typed(given: argparse.Namespace) -> str:
    """The arguments that make this study, for commands that people copy."""
    words = [given.params, *(word for text in given.set for word in ("--set", text))]
    words += ["--name", given.name] if given.name else []
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _print(study: Study, rows: list[Row], everything: bool) -> None:
    print(f"{study.name}: {files.to_root(study.folder)}")
    width = max((len(row.title or row.name) for row in rows), default=0)
    for row in rows:
        reason = "" if everything and row.changed else row.reason
        print(f"  {row.number} {row.title or row.name:<{width}}  {row.state:<10} {reason}".rstrip())
        for line in row.changed if everything else ():
            print(f"       {line}")


def _number(text: str) -> str:
    if not text.isdecimal() or len(text) > 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no step; write two digits, as in 04")
    return f"{int(text):02d}"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 or more")
    return int(text)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_all.py",
        description="Run the numbered notebooks of a study, each only where something it depends on has changed.",
        epilog="Exit code: 0 up to date, 1 a step failed or a table differs, 2 nothing was run, 130 interrupted.",
    )
    add = parser.add_argument
    add("params", nargs="?", default="params/demo.yaml", metavar="PARAMS", help="the study (default: params/demo.yaml)")
    add("--steps", metavar="03,05-07", help="look at these steps only; they need not be listed by the study")
    add("--from", dest="start", type=_number, metavar="04", help="leave out the steps before this one")
    add("--force", action="store_true", help="run steps that are up to date, too")
    add("--set", action="append", default=[], metavar="A.B=C", help="override one parameter; may be repeated")
    add("--name", metavar="RUN", help="run folder outputs/RUN instead of the study's own")
    add("--jobs", type=_positive, default=_cores(), metavar="N", help="processes at once (default: all cores)")
    add("--gpu-jobs", type=_positive, default=1, metavar="N", help="notebooks at once on one GPU (default: 1)")
    add("--keep-going", action="store_true", help="after a failure, run what does not need its results")
    instead = parser.add_mutually_exclusive_group()
    add = instead.add_argument
    add("--list", action="store_true", help="show the steps and what would run; run nothing")
    add("--explain", action="store_true", help="show all that has changed since each step last ran; run nothing")
    add("--html-only", action="store_true", help="render the pages of executed notebooks again; run nothing")
    add("--verify", metavar="RUN", help="replay the finished run in folder RUN and compare every file")
    add("--compare", nargs=2, metavar=("A", "B"), help="show what differs between two run folders")
    return parser


def _terminated(*_: object) -> None:
    """Being terminated ends workers in order, like Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
