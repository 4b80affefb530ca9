"""CSV tables that a spreadsheet can open without running a formula that a file name or a transcript holds."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mer import files

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile(r"[=+\-@\t\r](?![\d.,]+(?:[eE][+-]?\d+)?\Z)")
"""The beginning of a cell that a spreadsheet may run. A signed number is no formula."""


def inert(value: object) -> object:
    """Return a cell; a text that a spreadsheet would run as a formula gets an apostrophe before it.

    >>> inert("=1+2"), inert("-0.5"), inert("- Oh no"), inert(3)
    ("'=1+2", '-0.5', "'- Oh no", 3)
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def inert_path(path: str) -> str:
    """Return a path that is the same for the operating system, and no formula for a spreadsheet.

    >>> inert_path("=1+2.wav"), inert_path("a/b.wav")
    ('./=1+2.wav', 'a/b.wav')
    """
    return f"./{path}" if _FORMULA.match(path) else path


def write(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV in UTF-8, without its index, in one step. Texts are `inert`."""
    written = table.copy(deep=False)
    for name in table:
        if table[name].dtype.kind not in "biufcmM":
            written[name] = table[name].astype(object).map(inert)
    with files.replacing(path) as partial:
        written.to_csv(partial, index=False, header=[inert(name) for name in table], lineterminator="\n")
