"""Print the differences between two run folders: parameters, code, data, versions, results."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from mer import files, foreign
from mer.runner.compare import files as tables
from mer.runner.staleness.dependencies import PARAMETER_PREFIX
from mer.runner.staleness.differences import difference_lines
from mer.runner.staleness.digests import files_below
from mer.runner.staleness.stamps import FORMAT, is_whole
from mer.runner.steps.schedule import overlap
from mer.runner.study import StudyError

TAG = "injected-parameters"
"""The tag of the cell with the path of the parameter file, which differs between any two runs."""
RESULTS = "tables"
"""The folder of the results that are compared."""


class _Run:
    """The content of a run folder.

    Raises:
        StudyError: the folder is no run folder, cannot be read, or has no finished step.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, files.to_root(folder)
        self.left_out: list[str] = []
        """The steps that are not compared, with the reasons."""
        self.has_unreadable_stamp = False
        try:
            if not (folder / "params.yaml").is_file() or not (folder / "stamps").is_dir():
                raise StudyError([f"{self.name} is no run folder: it has no params.yaml, or no stamps"])
            self.params = _params(folder / "params.yaml")
            self.stamps = {
                name: stamp for name, path in files_below(folder / "stamps") if (stamp := self._stamp(name, path))
            }
        except OSError as error:
            raise StudyError([f"{self.name} cannot be read ({error.strerror or error})"]) from error
        if not self.stamps:
            raise StudyError([f"{self.name} has no finished step", *self.left_out])
        self.outputs = {name for stamp in self.stamps.values() for name in _dict(stamp, "outputs") if _is_inside(name)}

    def _stamp(self, name: str, path: Path) -> dict | None:
        """Return the stamp of a step that is finished."""
        try:
            stamp = files.read_json(path) if path.suffix == ".json" else {}
        except (ValueError, RecursionError):
            stamp = None
        if not isinstance(stamp, dict) or stamp.get("format") != FORMAT or not is_whole(stamp):
            self.left_out.append(f"stamps/{name} in {self.name} is no stamp, or is of another version of the runner")
            self.has_unreadable_stamp = True
        elif stamp.get("state") != "done":
            self.left_out.append(f"{name.removesuffix('.json')} in {self.name} is not finished")
        else:
            return stamp
        return None

    @property
    def steps(self) -> set[str]:
        """The names of the finished steps."""
        return {name.removesuffix(".json") for name in self.stamps}

    def digests(self, kind: str) -> dict[str, set]:
        """Return the digests of modules or inputs by name: two if a file was edited between two steps."""
        digests: dict[str, set] = {}
        for stamp in self.stamps.values():
            for name, digest in _dict(_dict(stamp, "parts"), kind).items():
                digests.setdefault(name, set()).add(str(digest))
        return digests


def compare(a: Path, b: Path, out: TextIO) -> int:
    """Print the differences between two runs. "was" refers to run `a`.

    Returns:
        0 if all tables are the same to the byte; 1 if one is not, or if the stamp of a step cannot be read.

    Raises:
        StudyError: a folder is no run folder, cannot be read, or has no finished step.
    """
    first, second = _Run(a), _Run(b)
    names = sorted(name for name in first.outputs | second.outputs if PurePosixPath(name).parts[0] == RESULTS)
    results = tables.compare_files(a, b, names)
    print(f"was: {first.name}\nis:  {second.name}\n(read only: nothing of either is run)", file=out)
    for line in first.left_out + second.left_out:
        print(f"left out: {line}", file=out)
    sections = {
        "Parameters": difference_lines({"parameters": first.params}, {"parameters": second.params}),
        "Code": [*_notebooks(first, second), *_modules(first, second)],
        "Data": [*_data(first, second)],
        "Versions": _versions(first, second),
        "Results": _results(results),
    }
    for title, lines in sections.items():
        print(f"\n{title}", file=out)
        for line in lines or ["the same"]:
            print(f"  {line}".rstrip(), file=out)
    incomplete = first.has_unreadable_stamp or second.has_unreadable_stamp
    return 1 if incomplete or any(difference for _, difference in results) else 0


def _params(path: Path) -> dict:
    try:
        params = foreign.load_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StudyError([f"{files.to_root(path)} cannot be read ({' '.join(str(error).split())})"]) from error
    if not isinstance(params, dict):
        raise StudyError([f"{files.to_root(path)} holds no parameters"])
    return params


def _dict(value: dict, name: str) -> dict:
    """Return an entry of a stamp or summary; an empty one if it is missing."""
    return entry if isinstance(entry := value.get(name), dict) else {}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _modules(first: _Run, second: _Run) -> Iterator[str]:
    old, new = first.digests("modules"), second.digests("modules")
    if names := sorted(name for name in old.keys() & new.keys() if old[name] != new[name]):
        yield f"modules that differ: {', '.join(names)}"


def _data(first: _Run, second: _Run) -> Iterator[str]:
    """Name the inputs that differ, except for those that the runs wrote themselves."""
    old, new = first.digests("inputs"), second.digests("inputs")
    for name in sorted(old.keys() | new.keys()):
        if any(overlap(name, output) for output in first.outputs | second.outputs):
            continue
        if name not in old or name not in new:
            yield f"{name} is only read in {(first if name in old else second).name}"
        elif old[name] != new[name]:
            yield f"{name} differs" + (" in the names, sizes or times of its files" if _by_time(name) else "")


def _by_time(name: str) -> bool:
    return name == "raw" or name.startswith(PARAMETER_PREFIX)


def _versions(first: _Run, second: _Run) -> list[str]:
    summaries, lines = [], []
    for run in (first, second):
        try:
            summary = files.read_json(run.folder / "run.json")
        except (OSError, ValueError, RecursionError):
            summary = None
        if not isinstance(summary, dict):
            lines.append(f"unknown: run.json in {run.name} cannot be read")
            continue
        machine = {"git": summary.get("git"), "hardware": summary.get("hardware")}
        summaries.append(
            {"parameters": machine, "python": summary.get("python"), "versions": _dict(summary, "packages")},
        )
    return lines or difference_lines(*summaries)


def _results(results: list[tuple[str, str | None]]) -> list[str]:
    lines = [f"{name}: {difference}" for name, difference in results if difference]
    same = len(results) - len(lines)
    if not results:
        return [f"no step wrote into {RESULTS}/"]
    if same:
        others = "other " if lines else ""
        lines.append(f"the same to the byte: {same} {others}file{'s' if same > 1 else ''}")
    return lines


def _notebooks(first: _Run, second: _Run) -> Iterator[str]:
    """Yield the lines of code and prose that differ, once for all notebooks with the same differences."""
    groups: dict[str, tuple[list[str], list]] = {}
    for name in sorted(first.steps | second.steps):
        books = [_book(run.folder / f"{name}.ipynb") for run in (first, second)]
        if any(isinstance(book, str) for book in books):
            yield from _missing(name, books, (first, second))
        elif books[0] != books[1]:
            groups.setdefault(json.dumps(books), ([], books))[0].append(f"{name}.ipynb")
    for names, pair in groups.values():
        yield names[0] + (f" and {len(names) - 1} more with the same changes" if len(names) > 1 else "")
        yield from (f"  {line}" for line in _diff(*pair))


def _missing(name: str, books: list, runs: Iterable[_Run]) -> Iterator[str]:
    for book, run in zip(books, runs, strict=True):
        if isinstance(book, str):
            yield f"{name}.ipynb {book} {run.name}"


def _book(path: Path) -> dict | str:
    """Return a notebook with its sources only, or the reason in words why there is none."""
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        cells = [_cell(cell) for cell in book["cells"] if TAG not in cell.get("metadata", {}).get("tags", [])]
    except FileNotFoundError:
        return "is not in"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "is no notebook in"
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


def _cell(cell: dict) -> dict:
    source, kind = cell.get("source", ""), str(cell["cell_type"])
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": "".join(source), **extra}


def _diff(a: dict, b: dict) -> list[str]:
    """Return the difference as nbdime shows it, without the external programs that it may call."""
    from nbdime import diff_notebooks
    from nbdime.prettyprint import PrettyPrintConfig, pretty_print_diff
    from nbformat import from_dict

    before, after = from_dict(a), from_dict(b)
    text = io.StringIO()
    config: Any = PrettyPrintConfig(out=text, use_git=False, use_diff=False, use_color=False)
    pretty_print_diff(before, diff_notebooks(before, after), "", config)
    return [line for line in text.getvalue().splitlines() if line.strip()]
