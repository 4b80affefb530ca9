"""Tables in Markdown, with text of corpora escaped."""

import re
from collections.abc import Iterable, Sequence

_LINK_END = re.compile(r"\\*\](?=[(:\[])")
"""The bracket between the text and the target of a link or a picture, with backslashes before it."""


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(escape_cell(value) for value in line) + " |" for line in lines)


def escape_cell(value: object) -> str:
    """Return text that a Markdown page shows literally, such as the name of a corpus: no markup, link or picture.

    >>> print(escape_cell("a|b <i>\\nc"))
    a\\|b &lt;i> c
    >>> print(escape_cell("![x](http://a.b/c.png) [0.4, 0.6]"))
    ![x\\](http:&#47;&#47;a.b/c.png) [0.4, 0.6]
    """
    text = " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
    text = _LINK_END.sub(r"\\]", text)
    return text.replace("://", ":&#47;&#47;").replace("www.", "www&#46;")  # addresses become links by themselves
