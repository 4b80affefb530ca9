"""Sentences about the manifest: audit findings, splits and excluded utterances."""

from collections.abc import Mapping

import pandas as pd

from mer.corpora import Corpus
from mer.report.text.sentences import Paragraph, SentenceTable


def findings(table: pd.DataFrame) -> SentenceTable:
    """Return the audit's findings (mer/dataset/audit/findings.py) as three columns of sentences.

    >>> row = {"severity": "note", "kind": "lines", "corpora": "emodb", "count": 3, "total": 4, "example": "a",
    ...        "finding": "So.", "meaning": "this.", "advice": "that."}
    >>> list(findings(pd.DataFrame([row])).frame.iloc[0])
    ['note: lines, emodb (3 of 4)', 'So. Example: a', 'Meaning: this. Advice: that.']
    """
    heads = [f"{f.severity}: {f.kind}, {f.corpora} ({f.count:,} of {f.total:,})" for f in table.itertuples(index=False)]
    sentences = table["finding"] + [f" Example: {example}" if example else "" for example in table["example"]]
    advice = "Meaning: " + table["meaning"] + " Advice: " + table["advice"]
    columns = {"finding": heads, "description": sentences, "meaning and advice": advice}
    return SentenceTable(pd.DataFrame(columns, index=table.index))


def excluded_sentence(manifest: pd.DataFrame) -> Paragraph:
    """Return the number of clips that are used, and the most frequent reason for excluding others."""
    reasons = manifest["exclude_reason"].dropna()
    if reasons.empty:
        return Paragraph(f"All {len(manifest):,} clips are used.")
    counts = reasons.value_counts()
    used = f"{len(manifest) - len(reasons):,} of {len(manifest):,} clips are used"
    return Paragraph(f"{used}. The most frequent reason for exclusion is “{counts.index[0]}” ({counts.iloc[0]:,}).")


def split_rules(corpora: Mapping[str, Corpus], usable: pd.DataFrame) -> dict[str, str]:
    """Return corpus -> what each corpus is split by.

    Args:
        corpora: corpora of the study.
        usable: usable rows of the manifest.
    """
    by_sentence = set(usable.loc[usable["text_side"].notna(), "corpus"])
    return {name: _split_rule(corpus, name in by_sentence) for name, corpus in corpora.items()}


def excluded_corpora(reasons: dict[str, str]) -> Paragraph:
    """Return the corpora that are not scored, with reasons.

    >>> excluded_corpora({"emodb": "", "cremad": "13 clips, fewer than 100"})
    'In the study, but not scored: cremad (13 clips, fewer than 100).'
    """
    entries = [f"{corpus} ({reason})" for corpus, reason in sorted(reasons.items()) if reason]
    return Paragraph(f"In the study, but not scored: {', '.join(entries)}." if entries else "All corpora are scored.")


def _split_rule(corpus: Corpus, by_sentence: bool) -> str:
    if corpus.official_splits:
        return "its own table" if corpus.user_defined else "its published split"
    return ("sessions" if corpus.split_by_session else "speakers") + (" and sentences" if by_sentence else "")
