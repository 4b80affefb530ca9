"""What a notebook says of itself: number, title, headings, parameters and declaration.

Read with `json` and `ast` only, so that listing a study needs no Jupyter.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from mer import files
from mer.runner.study import StudyError

INJECTED = "params_file"
"""The one parameter that a notebook is given."""

NAME = re.compile(r"(\d\d)_[a-z0-9]+(_[a-z0-9]+)*\.ipynb")
MAGIC = re.compile(r"^([ \t]*)[%!?].*$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A numbered notebook and what its `open_run(…)` declares."""

    number: str
    name: str
    """file name without its ending, `03_train_fusion`"""
    path: Path
    title: str
    subtitle: str
    code: tuple[str, ...]
    uses: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    fan_out: dict[str, str] = field(default_factory=dict)
    """parameter of the notebook -> where its values come from; the notebook runs once per combination"""
    gpu: bool = False
    """whether it computes on the study's device"""


def find(folder: Path) -> dict[str, Path]:
    """Return the notebooks of a folder by number, in order.

    Raises:
        StudyError: two notebooks share a number.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.ipynb")):
        if not (match := NAME.fullmatch(path.name)):
            continue
        if (number := match[1]) in found:
            raise StudyError(
                [f"{files.to_root(path)}: the number {number} is taken by {found[number].name}; rename one"]
            )
        found[number] = path
    return found


def read(path: Path) -> Step:
    """Read one notebook.

    Raises:
        StudyError: it is no notebook, or lacks a readable declaration.
    """
    cells = cells_of(path)
    code = tuple(source(cell) for cell in cells if cell.get("cell_type") == "code")
    if INJECTED not in parameters(cells):
        raise _wrong(path, f"no cell tagged `parameters` assigns {INJECTED}, which the runner sets; add such a cell")
    title, subtitle = _title(cells, path.stem)
    step = Step(path.stem[:2], path.stem, path, title, subtitle, code, **_declaration(path, code))
    for key in step.fan_out:
        if key not in parameters(cells):
            raise _wrong(path, f"fan_out names {key!r}, which the cell tagged `parameters` does not assign; add it")
        for name in step.writes:
            if "{" + key + "}" not in name:
                raise _wrong(path, f"writes={name!r} is the same file for each {key}; put {{{key}}} into its name")
    return step


def cells_of(path: Path) -> list[dict]:
    """Return the cells of a notebook."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["cells"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _wrong(path, f"not readable as a notebook ({error})") from error


def source(cell: dict) -> str:
    """Return a cell's text, which the format keeps as one string or as lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def parse(code: str) -> ast.Module | None:
    """Return the syntax tree of a code cell, without IPython's magics; None where it is not Python."""
    for text in (code, MAGIC.sub(r"\1pass", code)):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError):
            continue
    return None


def parameters(cells: list[dict]) -> set[str]:
    """Return the names that the cell tagged `parameters` assigns."""
    names: set[str] = set()
    for cell in cells:
        if "parameters" not in cell.get("metadata", {}).get("tags", []):
            continue
        for node in getattr(parse(source(cell)), "body", []):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def headings(cells: list[dict]) -> list[str]:
    """Return the nearest heading at or above each cell."""
    result, current = [], ""
    for cell in cells:
        if cell.get("cell_type") == "markdown":
            found = [line.lstrip("#") for line in _prose(source(cell)) if re.match(r"#{1,6} ", line)]
            current = _plain(found[-1]) if found else current
        result.append(current)
    return result


def _title(cells: list[dict], fallback: str) -> tuple[str, str]:
    for cell in cells:
        lines = _prose(source(cell)) if cell.get("cell_type") == "markdown" else []
        for at, line in enumerate(lines):
            if line.startswith("# "):
                after = [text for text in lines[at + 1 :] if text.strip()]
                subtitle = after[0] if after and not after[0].startswith(("|", "#")) else ""
                return _plain(line[2:]), _plain(subtitle)
    return fallback[3:].replace("_", " ").capitalize(), ""


def _prose(markdown: str) -> list[str]:
    """The lines of a markdown cell outside of code fences."""
    parts = re.split(r"^```.*$", markdown, flags=re.MULTILINE)
    return [line for part in parts[::2] for line in part.splitlines()]


def _plain(markdown: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    return re.sub(r"[*`]|^>\s*", "", text.strip()).strip()


def _declaration(path: Path, code: tuple[str, ...]) -> dict:
    for number, text in enumerate(code, 1):
        tree = parse(text)
        if tree is None and "open_run(" in text:
            raise _wrong(path, f"code cell {number} calls open_run(…) and is not Python")
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "open_run":
                return _literals(path, node)
    raise _wrong(path, "no cell calls open_run(…), which says what the step reads and writes; add it to the setup cell")


def _literals(path: Path, call: ast.Call) -> dict:
    result: dict = {"uses": (), "reads": (), "writes": (), "fan_out": {}, "gpu": False}
    shapes = {"fan_out": "a dictionary of strings", "gpu": "True or False"}
    for keyword in call.keywords:
        if keyword.arg not in result:
            continue
        try:
            value = ast.literal_eval(keyword.value)
        except ValueError:
            value = None
        value = tuple(value) if isinstance(value, list) else value
        texts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, tuple) else []
        if type(value) is not type(result[keyword.arg]) or not all(isinstance(text, str) for text in texts):
            shape = shapes.get(keyword.arg, "a tuple of strings")
            example = "" if keyword.arg in shapes else ": ('a', 'b')"
            raise _wrong(path, f"open_run(…, {keyword.arg}=…) must be {shape}, written out{example}")
        result[keyword.arg] = value
    return result


def _wrong(path: Path, what: str) -> StudyError:
    return StudyError([f"{files.to_root(path)}: {what}"])
