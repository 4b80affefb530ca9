"""Templates of pages. A page is one file: it loads nothing, and runs no script but `tables.js`, which is part of it."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
"""The folder of the common templates, of the style and of the script."""


def environment(folder: Path) -> Any:
    """Return the templates of a folder, which may extend `frame.html.j2` and use `parts.html.j2`. Texts are escaped.

    Args:
        folder: the folder of the templates.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    loaded = Environment(
        loader=FileSystemLoader([folder, FOLDER]), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    loaded.globals |= {"script": Markup(_script()), "script_digest": script_digest()}  # noqa: S704  (our own file)
    return loaded


@cache
def script_digest() -> str:
    """Return the digest of the script as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode("ascii")


@cache
def _script() -> str:
    return (FOLDER / "tables.js").read_text(encoding="utf-8").strip()
