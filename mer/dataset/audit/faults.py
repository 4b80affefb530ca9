"""Findings about faults of single utterances, one per corpus."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from mer.dataset.audit.findings import Finding, examples


@dataclass(frozen=True)
class Fault:
    """A kind of fault that utterances can have.

    Attributes:
        kind, severity, meaning, advice: those of the `Finding`.
        predicate: the affected rows of a corpus -> the end of the sentence “3 of 10 clips …”.
    """

    kind: str
    severity: str
    predicate: Callable[[pd.DataFrame], str]
    meaning: str
    advice: str


def fault_findings(fault: Fault, rows: pd.DataFrame, affected: pd.Series) -> Iterator[Finding]:
    """Yield a finding for each corpus with affected rows.

    Args:
        rows: columns utterance_id, corpus and those that `fault.predicate` reads.
        affected: a mask of the rows; null counts as false.
    """
    for corpus, part in rows[affected.fillna(False).astype(bool)].groupby("corpus", sort=True):
        total = int((rows["corpus"] == corpus).sum())
        sentence = f"{len(part):,} of {total:,} clips {fault.predicate(part)}"
        yield Finding(fault.kind, fault.severity, corpus, len(part), total, examples(part["utterance_id"]), sentence,
                      fault.meaning, fault.advice)  # fmt: skip
