"""Render an executed notebook as one page that loads nothing and runs no script.

Outputs of a notebook may show foreign texts. Outputs other than text, tables and images are
dropped, script elements are removed, and a content security policy forbids the rest.
"""

import copy
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from mer.html_pages import frame
from mer.runner.steps import notebook

TEMPLATES = Path(__file__).parent / "template"
ALLOWED_TYPES = ("text/html", "text/markdown", "text/plain", "image/png", "image/jpeg", "image/svg+xml")
ACTIVE = re.compile(
    r"<\s*script\b.*?(<\s*/\s*script\s*>|$)|<\s*/?\s*(script|iframe|object|embed|link|meta|base)\b[^>]*>?",
    re.IGNORECASE | re.DOTALL,
)
EMPTY_HEADER = re.compile(r"<th((?: class=\"blank[^\"]*\")?\s*)>(?:&nbsp;|\xa0)?</th>")
"""An empty header of a table of pandas, which is no header to a screen reader."""
SCROLLED = '<div class="output_html'
"""The beginning of a table that is scrolled where it is too wide; the keyboard must reach it."""


@dataclass(frozen=True)
class PageTexts:
    """The texts around a notebook on its page.

    Attributes:
        title: the title of the step.
        study: the title of the study, which follows it.
        banner: the text at the top of the page.
        date: the day on which the notebook was executed, as YYYY-MM-DD.
    """

    title: str
    study: str = ""
    banner: str = ""
    date: str = ""


def render(book: Any, page: Path, texts: PageTexts) -> None:
    """Write an executed notebook to `page`."""
    book = without_scripts(book)
    book.cells = [cell for cell in book.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    book.cells = _joined_setup(book.cells)
    _describe_figures(book.cells)
    place = " · ".join(text for text in (texts.study, texts.date) if text)
    heading = f"{texts.title} · {place}" if place else texts.title
    resources = {"title": heading, "place": place, "banner": texts.banner, "metadata": {"name": heading}}
    text, _ = _exporter().from_notebook_node(book, resources=resources)
    text = EMPTY_HEADER.sub(r"<td\1></td>", text).replace(
        SCROLLED, f'<div tabindex="0" {SCROLLED.removeprefix("<div ")}'
    )
    page.write_text(text, encoding="utf-8", newline="\n")


def warm_up() -> None:
    """Compile the templates, so that copies of this process have them."""
    cells = [nbformat.v4.new_markdown_cell("x"), nbformat.v4.new_code_cell("x = 1")]
    _exporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells), resources={"title": ""})


@cache
def _exporter() -> HTMLExporter:
    return HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        extra_template_paths=[str(frame.FOLDER)],
        embed_images=True,
        exclude_anchor_links=True,
    )


def _joined_setup(cells: list[Any]) -> list[Any]:
    """Return the cells with neighbouring setup cells as one, which the page folds together."""
    joined: list[Any] = []
    for cell in cells:
        if joined and all("setup" in each.metadata.get("tags", []) for each in (joined[-1], cell)):
            joined[-1].source += "\n\n" + cell.source
            joined[-1].outputs += cell.outputs
        else:
            joined.append(cell)
    return joined


def _describe_figures(cells: list[Any]) -> None:
    """Give each picture without a description the one that it belongs to its section, whose text says what is shown."""
    heading = ""
    for cell in cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            heading = line.lstrip("# ") if line.startswith("#") else heading
        for output in cell.get("outputs", []):
            for kind in {"image/png", "image/jpeg"} & set(output.get("data", {})):
                described = output.setdefault("metadata", {}).setdefault(kind, {})
                described.setdefault("alt", f"figure of the section “{heading}”")


def without_scripts(book: Any) -> Any:
    """Return a copy of a notebook whose outputs hold no script."""
    book = copy.deepcopy(book)
    book.metadata.pop("widgets", None)
    for cell in book.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in list(data):
                if kind not in ALLOWED_TYPES:
                    del data[kind]
                elif kind in ("text/html", "text/markdown", "image/svg+xml"):
                    data[kind] = _without_active(notebook.source({"source": data[kind]}))
            output.get("metadata", {}).get("text/html", {}).pop("isolated", None)
    return book


def _without_active(text: str) -> str:
    """Remove elements until none is left: removing one may create another."""
    while (shorter := ACTIVE.sub("", text)) != text:
        text = shorter
    return text
