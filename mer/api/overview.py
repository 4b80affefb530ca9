"""The map of a study and its state, for notebooks: `mer.study_map("outputs/demo")`."""

import html
import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer import files, foreign

NOTEBOOKS = files.ROOT / "notebooks"
"""The folder of the steps."""
NEVER = "not run"
"""The state of a step that has never run in a run folder."""
QUESTION = re.compile(r"\| \*\*Question\*\* \| (.+?) \|")


@dataclass(frozen=True)
class StudyMap:
    """The steps of a study and their state in a run folder. Jupyter shows it as a table with links.

    Attributes:
        folder: the run folder, whether or not it exists.
        run: the content of its `run.json`; empty without one.
        table: a row per step: number, title, question, state, minutes, notebook, executed, page (paths; empty if there
            is no such file).
    """

    folder: Path
    run: dict
    table: pd.DataFrame

    def __repr__(self) -> str:
        states = ", ".join(f"{row.number} {row.state}" for row in self.table.itertuples())
        return f"StudyMap({files.to_root(self.folder)!r}: {states})"

    def _repr_html_(self) -> str:
        head = [f"<h3>{html.escape(str(self.run.get('title') or self.folder.name))}</h3>"]
        if banner := self.run.get("banner"):
            head.append(f"<p><strong>{html.escape(str(banner))}</strong></p>")
        head.append(f"<p>{self._summary()}</p>")
        rows = "".join(_row(row, self._from_root) for row in self.table.itertuples())
        columns = "".join(f"<th>{name}</th>" for name in ("step", "question", "state", "minutes", "open"))
        return f"{''.join(head)}<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>"

    def _summary(self) -> str:
        """When the study ran, and the command that runs it."""
        place = files.to_root(self.folder)
        if not self.run:
            return f"{html.escape(place)} does not exist yet. In a terminal: <code>python run_all.py</code>"
        finished = html.escape(str(self.run.get("finished") or "")[:16].replace("T", " "))
        command = html.escape(str(self.run.get("command", "")))
        page = _link(self._from_root(self.folder / "index.html"), "front page") if self._has_page() else ""
        state = html.escape(str(self.run.get("state", "")))
        return f"{state}{f' {finished} UTC' if finished else ''}: <code>{command}</code> {page}"

    def _has_page(self) -> bool:
        return (self.folder / "index.html").is_file()

    def _from_root(self, path: Path) -> str:
        """The path as a notebook in the repository's root links to it."""
        return Path(files.to_root(path)).as_posix()


def study_map(folder: str | Path = "outputs/demo") -> StudyMap:
    """Return the steps of a study, what each answers, and their state in a run folder.

    Args:
        folder: the run folder, relative to the current folder or to the repository; it need not exist.
    """
    if other := files.other_clone(Path.cwd()):
        warnings.warn(other, stacklevel=2)
    path = (Path(folder) if Path(folder).is_dir() else files.from_root(folder)).resolve()
    run = _run_of(path)
    steps = {str(step.get("number")): step for step in run.get("steps", []) if isinstance(step, dict)}
    rows = [
        _step(notebook, path, steps.get(notebook.stem[:2], {})) for notebook in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    ]
    return StudyMap(path, run, pd.DataFrame(rows))


def _run_of(folder: Path) -> dict:
    try:
        run = foreign.load_json((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}


def _step(notebook: Path, folder: Path, step: dict) -> dict:
    """A row of the map."""
    first = "".join(json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"])
    match, seconds = QUESTION.search(first), step.get("seconds")
    executed, page = folder / notebook.name, folder / f"{notebook.stem}.html"
    return {
        "number": notebook.stem[:2],
        "title": first.splitlines()[0].removeprefix("# "),
        "question": match[1] if match else "",
        "state": str(step.get("state", NEVER)),
        "minutes": round(seconds / 60, 1) if isinstance(seconds, int | float) else None,
        "notebook": notebook,
        "executed": executed if executed.is_file() else "",
        "page": page if page.is_file() else "",
    }


def _row(row, from_root) -> str:
    links = [_link(from_root(row.notebook), "notebook")]
    links += [_link(from_root(path), name) for path, name in ((row.executed, "executed"), (row.page, "page")) if path]
    minutes = "" if pd.isna(row.minutes) else f"{row.minutes:.1f}"
    cells = (f"{row.number} {html.escape(row.title)}", html.escape(row.question), html.escape(row.state), minutes,
             " · ".join(links))  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _link(path: str, text: str) -> str:
    return f'<a href="{html.escape(path)}">{text}</a>'
