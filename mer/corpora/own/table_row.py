"""A row of a user-defined table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TableRow:
    """A row of a table: its path and line, and {column: text}."""

    path: str
    line: int
    cells: dict[str, str]
