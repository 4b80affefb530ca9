"""Tables of scores as HTML in which nothing is cut off: an entry wraps, and a row that is too wide becomes a block."""

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from mer.html_pages import frame as html_frame


class WrappedTable:
    """A table of scores, systems as rows, as a notebook shows it.

    Args:
        frame: entries such as ".451 [.402, .501]"; index levels are joined to the name of a row.
        caption: what the entries are.

    >>> "<small>[.4, .5]</small>" in WrappedTable(pd.DataFrame({"a": [".45 [.4, .5]"]}, index=["x"]))._repr_html_()
    True
    """

    def __init__(self, frame: pd.DataFrame, caption: str = "") -> None:
        self.frame, self.caption = frame, caption

    def __repr__(self) -> str:
        return self.frame.to_string()

    def _repr_html_(self) -> str:
        return str(_parts().data_table(content(self.frame, self.caption), sortable=False))


def content(frame: pd.DataFrame, caption: str = "") -> dict:
    """Return a table as `data_table` of mer/html_pages/parts.html.j2 takes it.

    Args:
        frame: as of `WrappedTable`. Rows without the second level of a two-level index are facts below the others.
        caption: what the entries are.
    """
    rows: dict[bool, list] = {False: [], True: []}
    for name, entries in zip(frame.index, frame.to_numpy(object), strict=True):
        is_fact = isinstance(name, tuple) and len(name) == 2 and not name[1]
        title = ", ".join(str(part) for part in name if part) if isinstance(name, tuple) else str(name)
        rows[is_fact].append([title, *map(str if is_fact else _cell, entries)])
    name = frame.index.names[0] or ""
    return {"caption": caption, "columns": [name, *map(str, frame.columns)], "rows": rows[False], "foot": rows[True]}


def _cell(text: object) -> dict:
    """The value of an entry and, in small print, the rest."""
    value, _, detail = str(text).partition(" ")
    try:
        sort: float | None = float(value.rstrip(","))
    except ValueError:
        return {"text": str(text), "detail": "", "sort": None}
    return {"text": value.rstrip(","), "detail": detail, "sort": sort}


@cache
def _parts() -> Any:
    return html_frame.environment(Path(__file__).parent).get_template("parts.html.j2").module
