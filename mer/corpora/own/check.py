"""What MER reads of a study's corpora before a run: columns, speakers, labels, lost rows, a recording per label."""

import difflib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mer.corpora import parsers
from mer.corpora.corpus import Corpus, Problem, Utterance
from mer.corpora.own.parser import missing_column
from mer.corpora.own.tables import rows
from mer.corpora.reading.columns import EMOTION_NAMES, match_columns

EXAMPLES_PER_LABEL = 1
"""The number of recordings of each label that a check keeps."""


@dataclass
class CorpusCheck:
    """What was read of one corpus.

    Attributes:
        corpus: the corpus.
        folder: its folder; None if there is none.
        columns: MER's column -> its name in the table, of a user-defined corpus.
        speakers, labels: speaker or native label -> number of utterances.
        problems: reason -> the places with it.
        lost: the number of utterances that are lost.
        examples: native label -> some of its utterances.
    """

    corpus: Corpus
    folder: Path | None
    columns: dict[str, str] = field(default_factory=dict)
    speakers: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    problems: dict[str, list[str]] = field(default_factory=dict)
    lost: int = 0
    examples: dict[str, list[Utterance]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether there are utterances and none was lost."""
        return bool(self.labels) and not self.lost


def check(corpus: Corpus, raw: Path) -> CorpusCheck:
    """Read a corpus as step 01 does, without opening its recordings.

    Args:
        corpus: a corpus of the catalogue or of a study.
        raw: the folder of all corpora.
    """
    result = CorpusCheck(corpus, corpus.find(raw), table_columns(corpus, raw) if corpus.user_defined else {})
    for item in parsers.parse(corpus, raw, result.folder) if result.folder else ():
        if isinstance(item, Problem):
            place = item.path if item.line is None else f"{item.path}, line {item.line}"
            result.problems.setdefault(item.reason, []).append(place)
            result.lost += item.utterance_lost
            continue
        result.speakers[item.speaker] += 1
        result.labels[item.emotion_raw] += 1
        examples = result.examples.setdefault(item.emotion_raw, [])
        if len(examples) < EXAMPLES_PER_LABEL and item.has_recording:
            examples.append(item)
    return result


def table_columns(corpus: Corpus, raw: Path) -> dict[str, str]:
    """Return MER's column -> its name in the first row of a user-defined table; empty if the table has no row."""
    first = next((row for row in rows(raw, raw / corpus.parser.table) if not isinstance(row, Problem)), None)
    return {} if first is None else match_columns(first.cells, corpus.parser.columns)


def table_fault(corpus: Corpus, raw: Path) -> str | None:
    """Return why nothing of a user-defined table can be read; None if its first row can be read.

    A table in which rows have columns of their own (JSON lines) is judged by its first row.
    """
    first = next(iter(rows(raw, raw / corpus.parser.table)), None)
    if first is None:
        return "has no rows: a header and one line per recording are expected"
    if isinstance(first, Problem):
        return None if first.line else first.reason
    return missing_column(match_columns(first.cells, corpus.parser.columns), first, corpus.parser)


def unknown_labels(corpus: Corpus, raw: Path) -> dict[str, tuple[int, str]]:
    """Return label of a user-defined table that MER does not know -> number of rows, and the nearest known word.

    The word is empty if none is similar.
    """
    counts: Counter[str] = Counter()
    for row in rows(raw, raw / corpus.parser.table):
        if isinstance(row, Problem):
            continue
        column = match_columns(row.cells, corpus.parser.columns).get("emotion")
        label = row.cells.get(column, "").strip() if column else ""
        if label and label not in corpus.emotions:
            counts[label] += 1
    near = {label: difflib.get_close_matches(label.lower(), EMOTION_NAMES, n=1) for label in counts}
    return {label: (count, (near[label] or [""])[0]) for label, count in counts.most_common()}
