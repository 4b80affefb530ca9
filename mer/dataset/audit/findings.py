"""What the audit says: one finding, which comes first, and all of them as a table or as lines."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

BREACH, WARNING, NOTE = "breach", "warning", "note"
SEVERITIES = (BREACH, WARNING, NOTE)
"""A breach makes a score better than it is, under a protocol of the study; a warning asks for a decision; a note says
what a reader of the scores has to know."""

EXAMPLES = 3
"""How many rows a finding names."""
EXAMPLE_LETTERS = 90


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: a stable name, the same for every finding of its sort.
        severity: breach, warning or note.
        where: a corpus, or several joined by " + ".
        count, of: how many were found among how many; `what` says of what.
        examples: ids of rows, names or lines, at most `EXAMPLES`.
        what: what was found, in a sentence or two.
        meaning: what it means for the study's scores.
        advice: what to do.
    """

    kind: str
    severity: str
    where: str
    count: int
    of: int
    examples: tuple[str, ...]
    what: str
    meaning: str
    advice: str


def examples(values: pd.Series) -> tuple[str, ...]:
    """Return the first few different values, in the order of the rows.

    >>> examples(pd.Series(["b", "a", "b", "c", "d"]))
    ('b', 'a', 'c')
    """
    first = values.dropna().drop_duplicates().head(EXAMPLES)
    return tuple(v if len(v) <= EXAMPLE_LETTERS else v[: EXAMPLE_LETTERS - 1] + "…" for v in map(str, first))


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order in which they deserve to be read: by severity, then by the share they concern."""
    share = lambda f: f.count / f.of if f.of else 0.0  # noqa: E731
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -share(f), -f.count, f.kind, f.where))


def table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return one row per finding: severity, kind, where, count, of, example, what, meaning, advice."""
    rows = [
        (f.severity, f.kind, f.where, f.count, f.of, ", ".join(f.examples), f.what, f.meaning, f.advice)
        for f in findings
    ]
    columns = ["severity", "kind", "where", "count", "of", "example", "what", "meaning", "advice"]
    cells = [tuple(printable(cell) if isinstance(cell, str) else cell for cell in row) for row in rows]
    return pd.DataFrame(cells, columns=columns)


def with_breaches(manifest: pd.DataFrame, findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the manifest with `breach`: the kinds of breaches that touch a row's corpus, null where there is none.

    Predictions and results take their marks from this column, so that a score cannot be printed without them.
    """
    kinds: dict[str, set[str]] = {}
    for finding in (f for f in findings if f.severity == BREACH):
        for corpus in finding.where.split(" + "):
            kinds.setdefault(corpus, set()).add(finding.kind)
    joined = {corpus: "; ".join(sorted(found)) for corpus, found in kinds.items()}
    return manifest.assign(breach=manifest["corpus"].map(joined).astype("str"))


def lines(finding: Finding, width: int = 110) -> str:
    """Return a finding as a paragraph for a terminal."""
    told = [finding.what, f"Means: {finding.meaning}", f"Do: {finding.advice}"]
    told += [f"Such as: {'; '.join(finding.examples)}"] if finding.examples else []
    body = [textwrap.fill(printable(text), width, initial_indent="  ", subsequent_indent="    ") for text in told]
    return "\n".join([f"{finding.severity}: {head(finding)}", *body])


def head(finding: Finding) -> str:
    """Return what was found, where and how often, on one line."""
    return printable(f"{finding.kind}, {finding.where} ({finding.count:,} of {finding.of:,})")


def printable(text: str) -> str:
    """Return text without what would steer a terminal; names and transcripts come from strangers.

    >>> printable("Tüte \\x1b[31m\\u202e" + "a" * 3)
    'Tüte �[31m�aaa'
    """
    return "".join(letter if letter.isprintable() else "�" for letter in text)
