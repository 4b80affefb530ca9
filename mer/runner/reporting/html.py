"""An executed notebook as one page that needs no network and runs no script.

What a notebook shows comes from corpora, so it is foreign: outputs other than text, tables and
pictures are dropped, script elements removed, and a content security policy forbids the rest.
"""

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from mer.runner.steps import notebook

TEMPLATES = Path(__file__).parent / "template"
SHOWN = ("text/html", "text/markdown", "text/plain", "image/png", "image/jpeg", "image/svg+xml")
ACTIVE = re.compile(
    r"<\s*script\b.*?(<\s*/\s*script\s*>|$)|<\s*/?\s*(script|iframe|object|embed|link|meta|base)\b[^>]*>?",
    re.IGNORECASE | re.DOTALL,
)


def render(
    book: Any, page: Path, title: str, subject: str = "", home: str = "index.html", study: str = "", banner: str = ""
) -> None:
    """Write an executed notebook to `page`.

    Args:
        subject: for what value of a fan-out it was run; stands above the notebook.
        home: the run's front page as seen from this one.
        study: stands behind the title.
        banner: stands above everything.
    """
    book = harmless(book)
    book.cells = [cell for cell in book.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    heading = f"{title}: {subject}" if subject else title
    heading = f"{heading} · {study}" if study else heading
    resources = {"title": heading, "subject": subject, "home": home, "banner": banner, "metadata": {"name": heading}}
    text, _ = _exporter().from_notebook_node(book, resources=resources)
    page.write_text(text, encoding="utf-8", newline="\n")


def warm_up() -> None:
    """Compile the templates, so that copies of this process have them."""
    cells = [nbformat.v4.new_markdown_cell("x"), nbformat.v4.new_code_cell("x = 1")]
    _exporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells), resources={"title": "", "home": ""})


@cache
def _exporter() -> HTMLExporter:
    return HTMLExporter(
        template_name="report", extra_template_basedirs=[str(TEMPLATES)], embed_images=True, exclude_anchor_links=True
    )


def harmless(book: Any) -> Any:
    """Return a copy of a notebook whose outputs hold no script."""
    book = copy.deepcopy(book)
    book.metadata.pop("widgets", None)
    for cell in book.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in list(data):
                if kind not in SHOWN:
                    del data[kind]
                elif kind in ("text/html", "text/markdown", "image/svg+xml"):
                    data[kind] = _inactive(notebook.source({"source": data[kind]}))
            output.get("metadata", {}).get("text/html", {}).pop("isolated", None)
    return book


def _inactive(text: str) -> str:
    """Remove elements until none is left: taking one out may put another together."""
    while (shorter := ACTIVE.sub("", text)) != text:
        text = shorter
    return text
