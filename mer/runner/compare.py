"""What differs between two run folders: parameters, code, data, versions, results."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import yaml

from mer import files
from mer.runner import tables
from mer.runner.changes import changes
from mer.runner.stamps import FORMAT
from mer.runner.study import StudyError

TAG = "injected-parameters"


def compare(a: Path, b: Path, out: TextIO) -> int:
    """Print what differs between two runs; return 0 where their tables are the same to the byte, else 1.

    Raises:
        StudyError: one of them is no run folder, or has finished nothing.
    """
    stamps = [_stamps(folder) for folder in (a, b)]
    parts = [{name: stamp["parts"] for name, stamp in found.items()} for found in stamps]
    outputs = sorted({name for found in stamps for stamp in found.values() for name in stamp.get("outputs") or {}})
    results = tables.everything(a, b, [name for name in outputs if name.startswith("tables")])
    sections = {
        "Parameters": changes({"parameters": _params(a)}, {"parameters": _params(b)}),
        "Code": [*_notebooks(a, b, sorted(stamps[0] | stamps[1])), *_parts(parts, "modules", "{}")],
        "Data": [*_parts(parts, "inputs", "input {}", but=outputs)],
        "Versions": changes({"parameters": _machine(a)}, {"parameters": _machine(b)}),
        "Results": _results(results),
    }
    print(f"a: {files.to_root(a)}\nb: {files.to_root(b)}", file=out)
    for title, lines in sections.items():
        print(f"\n{title}", file=out)
        print("\n".join(f"  {line}" for line in lines) or "  the same", file=out)
    return 1 if any(how for _, how in results) else 0


def _stamps(folder: Path) -> dict[str, dict]:
    """The stamps of finished units; those that cannot be read are left out."""
    where = files.to_root(folder)
    if not (folder / "params.yaml").is_file() or not (folder / "stamps").is_dir():
        raise StudyError([f"{where} is no run folder: it has no params.yaml or no stamps"])
    found = {}
    for path in sorted((folder / "stamps").rglob("*.json")):
        try:
            stamp = files.read_json(path)
        except (OSError, ValueError):
            continue
        if isinstance(stamp, dict) and stamp.get("format") == FORMAT and isinstance(stamp.get("parts"), dict):
            found[path.relative_to(folder / "stamps").with_suffix("").as_posix()] = stamp
    if not found:
        raise StudyError([f"{where} has no finished step"])
    return found


def _params(folder: Path) -> dict:
    try:
        params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StudyError([f"{files.to_root(folder / 'params.yaml')} cannot be read ({error})"]) from error
    return params if isinstance(params, dict) else {}


def _machine(folder: Path) -> dict:
    try:
        run = files.read_json(folder / "run.json")
    except (OSError, ValueError):
        return {}
    known = ("python", "packages", "git", "hardware")
    return {name: run.get(name) for name in known} if isinstance(run, dict) else {}


def _parts(parts: list[dict], kind: str, phrase: str, but: list[str] = ()) -> Iterator[str]:
    """Name what of one kind differs in any step that both runs have; `but`: what the runs wrote themselves."""
    named: set[str] = set()
    for step in parts[0].keys() & parts[1].keys():
        then, now = (found[step].get(kind) or {} for found in parts)
        named |= {name for name in then | now if then.get(name) != now.get(name)}
    own = {name for name in named for output in but if name == output or output.startswith(f"{name}/")}
    yield from (f"{phrase.format(name)} differs" for name in sorted(named - own))


def _results(results: list[tuple[str, str | None]]) -> list[str]:
    same = sum(how is None for _, how in results)
    lines = [f"{name}: {how}" for name, how in results if how]
    return [*lines, f"{same} other files are the same to the byte"] if lines and same else lines


def _notebooks(a: Path, b: Path, names: list[str]) -> Iterator[str]:
    """The lines of code and prose that differ, notebook by notebook, as nbdime shows them."""
    for name in names:
        books = [_book(folder / f"{name}.ipynb") for folder in (a, b)]
        if books[0] is None or books[1] is None:
            lacking = a if books[0] is None else b
            yield f"{name}.ipynb is not in {files.to_root(lacking)}, or no notebook"
        elif books[0] != books[1]:
            yield f"{name}.ipynb"
            yield from (f"  {line}" for line in _diff(*books))


def _book(path: Path) -> dict | None:
    """A notebook's sources alone."""
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in book["cells"] if TAG not in cell.get("metadata", {}).get("tags", [])]
        sources = [(cell["cell_type"], cell.get("source", "")) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    extra = {"code": {"outputs": [], "execution_count": None}}
    return {
        "cells": [
            {"cell_type": kind, "metadata": {}, "source": text if isinstance(text, str) else "".join(text),
             **extra.get(kind, {})} for kind, text in sources],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 4,
    }  # fmt: skip


def _diff(a: dict, b: dict) -> list[str]:
    import io
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbdime.diffing.notebooks import diff_notebooks
        from nbdime.prettyprint import PrettyPrintConfig, pretty_print_notebook_diff
        from nbformat import from_dict

    before, after = from_dict(a), from_dict(b)
    text = io.StringIO()
    config = PrettyPrintConfig(out=text, use_color=False, use_git=False)
    pretty_print_notebook_diff("a", "b", before, diff_notebooks(before, after), config)
    return [line for line in text.getvalue().splitlines() if line and not line.startswith(("nbdiff", "--- ", "+++ "))]
