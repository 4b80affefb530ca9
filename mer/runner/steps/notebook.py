"""Read a notebook: its number, title, headings, parameters and declaration.

Only `json` and `ast` are used, so that listing a study does not import Jupyter.
"""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

from mer import files
from mer.runner.study import StudyError

INJECTED = "params_file"
"""The name of the only parameter that the runner sets in a notebook."""

NAME = re.compile(r"(\d\d)_[a-z0-9]+(_[a-z0-9]+)*\.ipynb")
MAGIC = re.compile(r"^([ \t]*)[%!?].*$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A numbered notebook and what its `open_run(…)` declares."""

    number: str
    name: str
    """The file name without its suffix: `03_train_fusion`."""
    path: Path
    title: str
    subtitle: str
    code: tuple[str, ...]
    uses: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    gpu: bool = False
    """Whether the notebook computes on the study's device."""


def find(folder: Path) -> dict[str, Path]:
    """Return the notebooks of a folder by number, in order.

    Raises:
        StudyError: two notebooks share a number.
    """
    paths: dict[str, Path] = {}
    for path in sorted(folder.glob("*.ipynb")):
        if not (match := NAME.fullmatch(path.name)):
            continue
        if (number := match[1]) in paths:
            raise _error(path, f"the number {number} is already that of {paths[number].name}; rename one of them")
        paths[number] = path
    return paths


def read(path: Path) -> Step:
    """Read one notebook.

    Raises:
        StudyError: the file is no notebook, or has no readable declaration.
    """
    cells = cells_of(path)
    code = tuple(source(cell) for cell in cells if cell.get("cell_type") == "code")
    if INJECTED not in parameters(cells):
        raise _error(path, f"no cell tagged `parameters` assigns {INJECTED}, which the runner sets; add such a cell")
    title, subtitle = _title(cells, path.stem)
    return Step(path.stem[:2], path.stem, path, title, subtitle, code, **_declaration(path, code))


def cells_of(path: Path) -> list[dict]:
    """Return the cells of a notebook."""
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["cells"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _error(path, f"not readable as a notebook ({error})") from error


def source(cell: dict) -> str:
    """Return a cell's text, which the format stores as one string or as lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def parse(code: str) -> ast.Module | None:
    """Return the syntax tree of a code cell, without IPython's magics; None if it is not Python."""
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
            titles = [line.lstrip("#") for line in _prose(source(cell)) if re.match(r"#{1,6} ", line)]
            current = _plain(titles[-1]) if titles else current
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
    """Return the lines of a Markdown cell outside of code fences."""
    pieces = re.split(r"^```.*$", markdown, flags=re.MULTILINE)
    return [line for piece in pieces[::2] for line in piece.splitlines()]


def _plain(markdown: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    return re.sub(r"[*`]|^>\s*", "", text.strip()).strip()


def _declaration(path: Path, code: tuple[str, ...]) -> dict:
    for number, text in enumerate(code, 1):
        tree = parse(text)
        if tree is None and "open_run(" in text:
            raise _error(path, f"code cell {number} calls open_run(…) and is not Python")
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "open_run":
                return _literals(path, node)
    raise _error(path, "no cell calls open_run(…), which says what the step reads and writes; add it to the setup cell")


def _literals(path: Path, call: ast.Call) -> dict:
    result: dict = {"uses": (), "reads": (), "writes": (), "gpu": False}
    for keyword in call.keywords:
        if keyword.arg not in result:
            continue
        try:
            value = ast.literal_eval(keyword.value)
        except ValueError:
            value = None
        value = tuple(value) if isinstance(value, list) else value
        names = value if isinstance(value, tuple) else ()
        if type(value) is not type(result[keyword.arg]) or not all(isinstance(name, str) for name in names):
            form = "True or False" if keyword.arg == "gpu" else "a tuple of strings, written out: ('a', 'b')"
            raise _error(path, f"open_run(…, {keyword.arg}=…) must be {form}")
        result[keyword.arg] = value
    return result


def _error(path: Path, problem: str) -> StudyError:
    return StudyError([f"{files.to_root(path)}: {problem}"])
