"""Tables in Markdown, with text of corpora escaped."""

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(escape_cell(value) for value in line) + " |" for line in lines)


def escape_cell(value: object) -> str:
    """Return text that a Markdown table shows literally, such as the name of a corpus.

    >>> print(escape_cell("a|b <i>\\nc"))
    a\\|b &lt;i> c
    """
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
