"""How notebooks show sentences, and lists of names within a sentence."""

import html

import pandas as pd

_MAX_NAMES = 5


class Paragraph(str):
    """Text that a notebook shows as a paragraph. Text of a corpus is escaped."""

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self, quote=False)}</p>"


class SentenceTable:
    """A table of sentences: complete, wrapped, without row numbers.

    >>> SentenceTable(pd.DataFrame({"a": ["<b>"]}))._repr_html_().count("&lt;b&gt;")
    1
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __repr__(self) -> str:
        return self.frame.to_string(index=False)

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return self.frame.to_html(index=False, classes="long", border=0)


def table_or_sentence(frame: pd.DataFrame, sentence: str) -> SentenceTable | Paragraph:
    """Return the table, or the sentence if the table has no rows.

    >>> table_or_sentence(pd.DataFrame({"a": []}), "No utterance is lost.")
    'No utterance is lost.'
    """
    return SentenceTable(frame) if len(frame) else Paragraph(sentence)


def count_sentence(items: list[str], description: str, otherwise: str) -> Paragraph:
    """Return the number of items with one example, or another sentence if there are none.

    >>> count_sentence(["a: no text", "b: no text"], "cells cannot be run", "All can.")
    '2 cells cannot be run, for example a: no text.'
    """
    return Paragraph(f"{len(items)} {description}, for example {items[0]}." if items else otherwise)


def name_list(names: list[str]) -> str:
    """Return names joined by commas and "and"; of more than five, the first four.

    >>> name_list(["a", "b", "c"]), name_list(list("abcdef"))
    ('a, b and c', 'a, b, c, d and 2 more')
    """
    if len(names) > _MAX_NAMES:
        shown = _MAX_NAMES - 1
        names = [*names[:shown], f"{len(names) - shown} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
