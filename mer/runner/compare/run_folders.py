"""What differs between two run folders: parameters, code, data, versions, results."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

import yaml

from mer import files
from mer.runner.compare import files as tables
from mer.runner.staleness.dependencies import OF_PARAMETER
from mer.runner.staleness.differences import changes
from mer.runner.staleness.digests import files_below
from mer.runner.staleness.stamps import FORMAT
from mer.runner.study import StudyError

TAG = "injected-parameters"
"""of the cell with the path of the parameter file, which differs between any two runs"""
RESULTS = "tables"


class _Run:
    """What a run folder holds.

    Raises:
        StudyError: it is no run folder, cannot be read, or has no finished step.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.where = folder, files.to_root(folder)
        self.left_out: list[str] = []
        """why steps do not count"""
        try:
            if not (folder / "params.yaml").is_file() or not (folder / "stamps").is_dir():
                raise StudyError([f"{self.where} is no run folder: it has no params.yaml, or no stamps"])
            self.params = _params(folder / "params.yaml")
            self.stamps = {
                name: stamp for name, path in files_below(folder / "stamps") if (stamp := self._stamp(name, path))
            }
        except OSError as error:
            raise StudyError([f"{self.where} cannot be read ({error.strerror or error})"]) from error
        if not self.stamps:
            raise StudyError([f"{self.where} has no finished step", *self.left_out])
        self.outputs = {name for stamp in self.stamps.values() for name in _dict(stamp, "outputs") if _is_inside(name)}

    def _stamp(self, name: str, path: Path) -> dict | None:
        """Return the stamp of a step that is finished."""
        try:
            stamp = files.read_json(path) if path.suffix == ".json" else {}
        except (ValueError, RecursionError):
            stamp = None
        if not isinstance(stamp, dict) or stamp.get("format") != FORMAT:
            self.left_out.append(f"stamps/{name} in {self.where} is no stamp, or is of another version of the runner")
        elif stamp.get("state") != "done":
            self.left_out.append(f"{name.removesuffix('.json')} in {self.where} is not finished")
        else:
            return stamp
        return None

    @property
    def units(self) -> set[str]:
        """The names of the finished units: `05_ablate`, or `05_ablate/seed=0` for one value of a fan-out."""
        return {name.removesuffix(".json") for name in self.stamps}

    def digests(self, kind: str) -> dict[str, set]:
        """Return the digests of modules or inputs by name: two, where a file was edited between two steps."""
        found: dict[str, set] = {}
        for stamp in self.stamps.values():
            for name, digest in _dict(_dict(stamp, "parts"), kind).items():
                found.setdefault(name, set()).add(str(digest))
        return found


def compare(a: Path, b: Path, out: TextIO) -> int:
    """Print what differs between two runs; what "was" so is so in `a`.

    Returns:
        0 where all tables are the same to the byte, 1 where one is not.

    Raises:
        StudyError: a folder is no run folder, cannot be read, or has no finished step.
    """
    one, two = _Run(a), _Run(b)
    names = sorted(name for name in one.outputs | two.outputs if PurePosixPath(name).parts[0] == RESULTS)
    results = tables.everything(a, b, names)
    print(f"was: {one.where}\nis:  {two.where}", file=out)
    for line in one.left_out + two.left_out:
        print(f"left out: {line}", file=out)
    sections = {
        "Parameters": changes({"parameters": one.params}, {"parameters": two.params}),
        "Code": [*_notebooks(one, two), *_modules(one, two)],
        "Data": [*_data(one, two)],
        "Versions": _versions(one, two),
        "Results": _results(results),
    }
    for title, lines in sections.items():
        print(f"\n{title}", file=out)
        for line in lines or ["the same"]:
            print(f"  {line}".rstrip(), file=out)
    return 1 if any(how for _, how in results) else 0


def _params(path: Path) -> dict:
    try:
        params = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise StudyError([f"{files.to_root(path)} cannot be read ({' '.join(str(error).split())})"]) from error
    if not isinstance(params, dict):
        raise StudyError([f"{files.to_root(path)} holds no parameters"])
    return params


def _dict(value: dict, name: str) -> dict:
    """A part of a stamp or summary; an empty one where it was edited away."""
    return part if isinstance(part := value.get(name), dict) else {}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _modules(one: _Run, two: _Run) -> Iterator[str]:
    old, new = one.digests("modules"), two.digests("modules")
    if names := sorted(name for name in old.keys() & new.keys() if old[name] != new[name]):
        yield f"modules that differ: {', '.join(names)}"


def _data(one: _Run, two: _Run) -> Iterator[str]:
    """Name the inputs that differ, but for what the runs wrote themselves."""
    old, new = one.digests("inputs"), two.digests("inputs")
    for name in sorted(old.keys() | new.keys()):
        if any(_overlap(name, output) for output in one.outputs | two.outputs):
            continue
        if name not in old or name not in new:
            yield f"{name} is only read in {(one if name in old else two).where}"
        elif old[name] != new[name]:
            yield f"{name} differs" + (" in the names, sizes or times of its files" if _by_time(name) else "")


def _by_time(name: str) -> bool:
    return name == "raw" or name.startswith(OF_PARAMETER)


def _overlap(a: str, b: str) -> bool:
    """Whether one of two names lies in the other, or is the same."""
    pairs = zip(PurePosixPath(a).parts, PurePosixPath(b).parts, strict=False)
    return all(x == y for x, y in pairs)


def _versions(one: _Run, two: _Run) -> list[str]:
    found, lines = [], []
    for run in (one, two):
        try:
            summary = files.read_json(run.folder / "run.json")
        except (OSError, ValueError, RecursionError):
            summary = None
        if not isinstance(summary, dict):
            lines.append(f"not known: run.json in {run.where} cannot be read")
            continue
        machine = {"git": summary.get("git"), "hardware": summary.get("hardware")}
        found.append(
            {"parameters": machine, "python": summary.get("python"), "versions": _dict(summary, "packages")},
        )
    return lines or changes(*found)


def _results(results: list[tuple[str, str | None]]) -> list[str]:
    lines = [f"{name}: {how}" for name, how in results if how]
    same = len(results) - len(lines)
    if not results:
        return [f"no step wrote into {RESULTS}/"]
    if same:
        others = "other " if lines else ""
        lines.append(f"the same to the byte: {same} {others}file{'s' if same > 1 else ''}")
    return lines


def _notebooks(one: _Run, two: _Run) -> Iterator[str]:
    """Yield the lines of code and prose that differ, once for notebooks that differ alike."""
    alike: dict[str, tuple[list[str], list]] = {}
    for name in sorted(one.units | two.units):
        found = [_book(run.folder / f"{name}.ipynb") for run in (one, two)]
        if any(isinstance(book, str) for book in found):
            yield from _lacking(name, found, (one, two))
        elif found[0] != found[1]:
            alike.setdefault(json.dumps(found), ([], found))[0].append(f"{name}.ipynb")
    for names, books in alike.values():
        yield names[0] + (f" and {len(names) - 1} more with the same changes" if len(names) > 1 else "")
        yield from (f"  {line}" for line in _diff(*books))


def _lacking(name: str, found: list, runs: Iterable[_Run]) -> Iterator[str]:
    for book, run in zip(found, runs, strict=True):
        if isinstance(book, str):
            yield f"{name}.ipynb {book} {run.where}"


def _book(path: Path) -> dict | str:
    """Return a notebook with its sources alone; in words where there is none."""
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
    """Return how nbdime shows the difference, without the external programs it may call."""
    from nbdime import diff_notebooks
    from nbdime.prettyprint import PrettyPrintConfig, pretty_print_diff
    from nbformat import from_dict

    before, after = from_dict(a), from_dict(b)
    text = io.StringIO()
    config: Any = PrettyPrintConfig(out=text, use_git=False, use_diff=False, use_color=False)
    pretty_print_diff(before, diff_notebooks(before, after), "", config)
    return [line for line in text.getvalue().splitlines() if line.strip()]
