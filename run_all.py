"""Run a study: `python run_all.py params/demo.yaml`. Steps that are up to date are not run again; see `--help`."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from mer import commands, files, params, preflight, processors
from mer.html_pages import banner
from mer.runner.execution.devices import gpus
from mer.runner.lock import refuse_other_study
from mer.runner.staleness.status import StepStatus, problems, status_rows
from mer.runner.steps.schedule import parse_numbers
from mer.runner.study import StepLimits, Study, StudyError

EPILOG = """
typical:
  python run_all.py                               the demo; open outputs/demo/index.html when it is through
  python run_all.py params/open.yaml --list       what would run, and what is missing
  python run_all.py params/open.yaml              run it, or what has changed since
  python run_all.py params/open.yaml --set data.max_clips=300 --name quick     a quick look

exit codes: 0 up to date; 1 a step failed or a file differs; 2 nothing was run; 130 interrupted
"""


def main(words: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = _parser().parse_args(words)
    if of_run := arguments.verify or (arguments.push and arguments.push[0]):
        arguments.params = f"{of_run.rstrip('/')}/params.yaml"
    try:
        return _execute(arguments)
    except params.ParamsError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:  # a folder instead of a file, or a full disk
        print(f"{error.filename2 or error.filename or arguments.params}: {error.strerror or error}", file=sys.stderr)
    except StudyError as error:
        count = f"{len(error.problems)} problem{'s' if len(error.problems) > 1 else ''}"
        subject = " and ".join(
            arguments.compare or arguments.report or [arguments.verify or arguments.pull or arguments.params]
        )
        print("\n  ".join([f"{subject}: {count}, nothing was run", *error.problems]), file=sys.stderr)
    return 2


def _execute(arguments: argparse.Namespace) -> int:
    """Do what the arguments say, importing only what that needs; return the exit code."""
    if arguments.compare:
        from mer.runner.compare.run_folders import compare

        return compare(*(files.from_root(run_folder) for run_folder in arguments.compare), sys.stdout)
    if arguments.pull:
        from mer.runner.transfer.runs import pull

        return pull(arguments.pull, files.ROOT / "outputs", arguments.name, sys.stdout)
    if arguments.push:
        from mer.runner.transfer.runs import push

        return push(_study(arguments, params.load(arguments.params)), arguments.push[1], sys.stdout)
    if arguments.report:
        return _report(arguments.report)
    study, requested, remarks = _checked_study(arguments)
    refuse_other_study(study.folder, study.source_name)
    if arguments.list or arguments.explain:
        _print(study, status_rows(study), arguments.explain)
        for remark in remarks:
            print(f"  {remark}")
        return 0
    if arguments.html_only:
        from mer.runner.reporting.rendering import render

        return render(study)
    if arguments.zip:
        from mer.runner.reporting.archive import write

        return write(study, sys.stdout)
    if arguments.verify:
        from mer.runner.compare.replay import verify

        return verify(study, jobs=arguments.jobs)
    from mer.runner.execution.loop import RunOptions, run
    from mer.runner.reporting.screen import Screen

    for remark in remarks:
        print(remark)
    options = RunOptions(requested, arguments.start, arguments.force, arguments.keep_going, arguments.jobs)
    with _cluster(arguments, study) as address:
        return run(replace(study, dask=address), options, Screen(quiet=arguments.quiet))


@contextmanager
def _cluster(arguments: argparse.Namespace, study: Study) -> Iterator[str | None]:
    """Yield the address of the dask scheduler that computes the study, after a check of its workers; None without one.

    Raises:
        StudyError: the cluster cannot be used.
    """
    selected = params.load(arguments.params, arguments.set, arguments.name)
    section = None if _is_of_run_folder(arguments.params) else selected.dask
    if arguments.dask is None and section is None:
        yield None
        return
    from mer.pools import dask_cluster

    with ExitStack() as stack:
        address = arguments.dask or section.address
        try:
            address = address or stack.enter_context(
                dask_cluster.started(section.cluster, section.workers, section.options)
            )
        except dask_cluster.ClusterError as error:
            raise StudyError([f"dask: {error}"]) from None
        folders = {"the run folder": study.folder, "data.store": files.from_root(selected.data.store)}
        if problems := dask_cluster.check(address, folders, files.from_root(selected.data.raw)):
            raise StudyError(problems)
        yield address


def _report(folders: list[str]) -> int:
    """Write one page over several runs; return the exit code.

    Raises:
        StudyError: a run is not finished, or there is only one.
    """
    from mer.report.pages import several_runs

    paths = list(dict.fromkeys(files.from_root(folder).resolve() for folder in folders))
    if len(paths) < 2:
        raise StudyError(["one run has its own front page; name two or more"])
    names = [path.name for path in paths]
    names = names if len(set(names)) == len(names) else [files.to_root(path) for path in paths]
    try:
        runs = [several_runs.read(*pair) for pair in zip(paths, names, strict=True)]
    except (OSError, ValueError) as error:
        raise StudyError([str(error)]) from error
    page = files.ROOT / "outputs" / "exports" / f"report-{'-'.join(path.name for path in paths)}.html"
    several_runs.write(page, runs)
    print(f"open {files.to_root(page)}")
    return 0


def _checked_study(arguments: argparse.Namespace) -> tuple[Study, set[str] | None, list[str]]:
    """Load the parameters and check everything that can be checked before a run.

    Returns:
        the study; the numbers of the requested steps, None for the steps of the study; and remarks: warnings of labels,
        and for lists also notes and everything that would be an error if anything were run.

    Raises:
        ParamsError: the parameters are wrong.
        StudyError: they name something that does not exist.
    """
    from mer.dataset.manifest import default_systems

    selected, sentences = default_systems.completed(params.load(arguments.params, arguments.set, arguments.name))
    study = _study(arguments, selected)
    requested, errors = None, []
    if arguments.steps is not None:
        try:
            requested = parse_numbers(arguments.steps)
        except StudyError as error:
            errors += error.problems
    lists_only = arguments.list or arguments.explain
    steps = {number for number in requested or study.steps if arguments.start is None or number >= arguments.start}
    wrong, remarks = [], []
    if not (arguments.html_only or arguments.zip):
        from mer.dataset.manifest import parameter_checks

        wrong = parameter_checks.problems(selected)
        wrong += preflight.problems(selected, study.gpus, steps, connect=not lists_only)
        remarks = [f"warning: {text}" for text in (parameter_checks.warnings(selected) if "01" in steps else ())]
        remarks += [f"note: {text}" for text in sentences]
    if lists_only:
        notes = preflight.notes(selected, study.folder, steps)
        remarks = [*(f"warning: {text}" for text in wrong), *remarks, *(f"note: {text}" for text in notes)]
    elif not (arguments.html_only or arguments.zip):
        wrong += _shared_problems(study.shared)
        errors += wrong + ([] if errors else problems(study, requested, arguments.start))
    if errors:
        raise StudyError(errors)
    return study, requested, remarks


def _shared_problems(address: str | None) -> list[str]:
    """Return why the store of shared results cannot be used."""
    if address is None:
        return []
    from mer import shared

    return [f"shared: {problem}"] if (problem := shared.check(address)) else []


def _study(arguments: argparse.Namespace, selected: params.Params) -> Study:
    raw = (files.from_root(selected.data.raw), selected.data.synthetic is not None)
    minutes = selected.timeout_minutes
    of_run = arguments.verify or (arguments.push and arguments.push[0])
    trusted = not _is_of_run_folder(arguments.params)
    return Study(
        name=selected.name,
        folder=files.from_root(of_run) if of_run else files.ROOT / "outputs" / selected.name,
        params=selected.model_dump(mode="json"),
        text=params.dump(selected),
        notebooks=files.ROOT / "notebooks",
        steps=selected.steps,
        source=_typed(arguments),
        external={"raw": raw},
        threads=selected.compute.threads,
        timeout=None if minutes is None else minutes * 60,
        gpus=gpus(_device(selected), arguments.gpu_jobs),
        limits={number: _limits(own) for number, own in selected.resources.items()},
        shared=selected.shared if trusted else None,
        on_finish=selected.on_finish if trusted else (),
        source_name=selected.study,
        banner=banner.of_data(selected.data),
    )


def _is_of_run_folder(path: str) -> bool:
    """Return whether parameters are the copy in a run folder, which may be a stranger's.

    Its addresses are not contacted, and its command is not run.
    """
    return Path(path).name == "params.yaml" and Path(path).with_name("stamps").is_dir()


def _device(selected: params.Params) -> str:
    """Return the first device that is not the CPU, of the study or of a single step."""
    devices = [selected.compute.device, *(own.device for own in selected.resources.values() if own.device)]
    return next((device for device in devices if device != "cpu"), "cpu")


def _limits(own: params.schema.StepResources) -> StepLimits:
    return StepLimits(
        timeout=None if own.timeout_minutes is None else own.timeout_minutes * 60,
        memory=None if own.memory_gb is None else round(own.memory_gb * 1e9),
        jobs=own.jobs,
        device=own.device,
    )


def _typed(arguments: argparse.Namespace) -> str:
    """Return the arguments that select this study, for commands that users copy."""
    words = [arguments.params, *(word for text in arguments.set for word in ("--set", text))]
    words += ["--name", arguments.name] if arguments.name else []
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _print(study: Study, rows: list[StepStatus], everything: bool) -> None:
    print(f"{study.name}: {files.to_root(study.folder)}")
    width = max((len(row.title or row.name) for row in rows), default=0)
    for row in rows:
        reason = "" if everything and row.changes else row.reason
        print(f"  {row.number} {row.title or row.name:<{width}}  {row.state:<10} {reason}".rstrip())
        for line in row.changes if everything else ():
            print(f"       {line}")


def _number(text: str) -> str:
    if not text.isdecimal() or len(text) > 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no step; write two digits, for example 04")
    return f"{int(text):02d}"


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 or more")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_all.py",
        description="Run the numbered notebooks of a study, each only if something that it depends on has changed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("params", nargs="?", default="params/demo.yaml", metavar="PARAMS", help="the study (default: params/demo.yaml)")
    add("--steps", metavar="03,05-07", help="run only these steps, where something has changed; the study need not "
        "list them")  # fmt: skip
    add("--from", dest="start", type=_number, metavar="04", help="leave out the steps before this one")
    add("--force", action="store_true", help="also run steps that are up to date")
    add("--set", action="append", default=[], metavar="A.B=C", help="override one parameter; may be repeated")
    add("--name", metavar="RUN", help="use the run folder outputs/RUN instead of the study's own")
    count = processors.count()
    add("--jobs", type=_positive, default=count, metavar="N", help="processes at once (default: all cores)")
    add("--dask", metavar="ADDRESS", help="let the workers of this dask scheduler compute the study")
    add("--gpu-jobs", type=_positive, default=1, metavar="N", help="notebooks at once on one GPU (default: 1)")
    add("--quiet", action="store_true", help="print failures, notices and the last line only, as for a log")
    add("--keep-going", action="store_true", help="after a failure, run steps that do not need its results")
    modes = parser.add_mutually_exclusive_group()
    add = modes.add_argument
    add("--list", action="store_true", help="show the steps and what would run; run nothing")
    add("--explain", action="store_true", help="show everything that has changed since each step last ran; run nothing")
    add("--html-only", action="store_true", help="render the pages of executed notebooks again; run nothing")
    add("--zip", action="store_true", help="write the pages and all that they link as one archive; run nothing")
    add("--verify", metavar="RUN", help="replay the finished run in folder RUN and compare every file")
    add("--push", nargs=2, metavar=("RUN", "ADDRESS"), help="copy the finished run in folder RUN to a path or address")
    add("--pull", metavar="ADDRESS", help="copy a run from there into outputs/, with the digests of its files checked")
    add("--report", nargs="+", metavar="RUN", help="write one page over several finished runs, with paired differences")
    add("--compare", nargs=2, metavar=("A", "B"), help="show what differs between two run folders")
    return parser


def _terminated(*_: object) -> None:
    """End the workers in order when the process is terminated, as after Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    try:
        sys.exit(commands.run(main))
    except KeyboardInterrupt:
        sys.exit(130)
