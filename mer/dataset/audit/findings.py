"""Findings: the results of the audit, their order, and their output as a table or as text."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from mer.files import printable

BREACH, WARNING, NOTE = "breach", "warning", "note"
SEVERITIES = (BREACH, WARNING, NOTE)
"""The severities, the worst first. A breach inflates a score under a protocol of the study. A warning requires a
decision. A note is information that readers of the scores need."""

EXAMPLES = 3
"""The number of rows that a finding names."""
MAX_EXAMPLE_CHARACTERS = 90
"""The number of characters to which an example is cut."""


@dataclass(frozen=True)
class Finding:
    """One result of the audit.

    Attributes:
        kind: a stable name that all findings of this kind share.
        severity: breach, warning or note.
        corpora: the corpus concerned, or several joined by " + ".
        count, total: the number of cases and the number examined; `sentence` names the unit.
        examples: ids of rows, names or sentences, at most `EXAMPLES`.
        sentence: the result in a sentence or two.
        meaning: the consequence for the study's scores.
        advice: the remedy.
    """

    kind: str
    severity: str
    corpora: str
    count: int
    total: int
    examples: tuple[str, ...]
    sentence: str
    meaning: str
    advice: str


def examples(values: pd.Series) -> tuple[str, ...]:
    """Return the first few different values, in the order of the rows.

    >>> examples(pd.Series(["b", "a", "b", "c", "d"]))
    ('b', 'a', 'c')
    """
    first = values.dropna().drop_duplicates().head(EXAMPLES)
    limit = MAX_EXAMPLE_CHARACTERS
    return tuple(text if len(text) <= limit else text[: limit - 1] + "…" for text in map(str, first))


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings ordered by severity, then by the share of cases, the largest first."""
    share = lambda f: f.count / f.total if f.total else 0.0  # noqa: E731
    return sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -share(f), -f.count, f.kind, f.corpora))


def table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return one row per finding: severity, kind, corpora, count, total, example, finding, meaning, advice."""
    rows = [
        (f.severity, f.kind, f.corpora, f.count, f.total, ", ".join(f.examples), f.sentence, f.meaning, f.advice)
        for f in findings
    ]
    columns = ["severity", "kind", "corpora", "count", "total", "example", "finding", "meaning", "advice"]
    entries = [tuple(printable(entry) if isinstance(entry, str) else entry for entry in row) for row in rows]
    return pd.DataFrame(entries, columns=columns)


def with_breaches(manifest: pd.DataFrame, findings: Iterable[Finding]) -> pd.DataFrame:
    """Return the manifest with `breach`: the kinds of breaches that concern a row's corpus, null if there is none.

    Predictions and results derive their flags from this column, so that every score shows them.
    """
    kinds: dict[str, set[str]] = {}
    for finding in (f for f in findings if f.severity == BREACH):
        for corpus in finding.corpora.split(" + "):
            kinds.setdefault(corpus, set()).add(finding.kind)
    entries = {corpus: "; ".join(sorted(names)) for corpus, names in kinds.items()}
    return manifest.assign(breach=manifest["corpus"].map(entries).astype("str"))


def lines(finding: Finding, width: int = 110) -> str:
    """Return a finding as a paragraph for a terminal of `width` characters."""
    texts = [finding.sentence, f"Meaning: {finding.meaning}", f"Advice: {finding.advice}"]
    texts += [f"Examples: {'; '.join(finding.examples)}"] if finding.examples else []
    body = [textwrap.fill(printable(text), width, initial_indent="  ", subsequent_indent="    ") for text in texts]
    return "\n".join([f"{finding.severity}: {headline(finding)}", *body])


def headline(finding: Finding) -> str:
    """Return a finding's kind, corpora and number of cases on one line."""
    return printable(f"{finding.kind}, {finding.corpora} ({finding.count:,} of {finding.total:,})")
