"""Parsers: code that turns the files of a corpus into utterances. A parser is imported when it is first used.

A corpus of the catalogue names its parser: a module of this package with a function `parse(raw, folder)`, or a pattern
of file names (`mer/corpora/reading/pattern.py`). A user-defined corpus is read from its table (`mer/corpora/own`).
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

from mer.corpora.corpus import Corpus, Problem, Utterance
from mer.corpora.file_name_pattern import FileNamePattern


def parse(corpus: Corpus, raw: Path, folder: Path) -> Iterator[Utterance | Problem]:
    """Yield the utterances of a corpus, and the problems in its folder, in an order that does not change.

    Args:
        corpus: description of the corpus.
        raw: folder of all corpora; the paths of utterances are relative to it.
        folder: folder of the corpus, as returned by `corpus.find(raw)`.
    """
    if isinstance(corpus.parser, str):
        module = importlib.import_module(f"mer.corpora.parsers.{corpus.parser}")
        return module.parse(raw, folder)
    if isinstance(corpus.parser, FileNamePattern):
        from mer.corpora.reading import pattern

        return pattern.parse(corpus.parser, raw, folder)
    from mer.corpora.own import parser

    return parser.parse(corpus, raw)
