"""Sentences about an ablation."""

import pandas as pd

from mer.evaluation.ablations.differences import headline
from mer.evaluation.comparison.comparison import BETTER, DIFFER, NOT_SHOWN, WORSE
from mer.report.tables.ablations import PROTOCOLS
from mer.report.text.comparisons import format_p, signed
from mer.report.text.sentences import Paragraph


def ablation_sentence(table: pd.DataFrame, protocol: str = "loco") -> Paragraph:
    """Return which rows are significantly worse or better than their reference, by the mean over corpora.

    Args:
        table: from `differences.joined`.
        protocol: loco or in_corpus.
    """
    rows = headline(table)
    rows = rows[rows["protocol"] == protocol].dropna(subset=["p"]).sort_values("difference")
    if rows.empty:
        return Paragraph(f"{PROTOCOLS[protocol]}: no row has a test against its reference.")
    parts = []
    for verdict, phrase in ((WORSE, "worse"), (BETTER, "better"), (DIFFER, "different, these trained models only")):
        found = rows[rows["verdict"] == verdict]
        entries = [f"{row['system']} ({signed(row)}, p {format_p(row['p_holm'], '= ')})" for _, row in found.iterrows()]
        parts += [f"{phrase}: {', '.join(entries)}"] if entries else []
    small = (rows["verdict"] == NOT_SHOWN).sum()
    parts += [f"no difference shown: {small} of {len(rows)} rows"] if small else []
    return Paragraph(f"{PROTOCOLS[protocol]}, mean over corpora, against the reference: {'; '.join(parts)}.")


def rank_sentence(ranks: pd.DataFrame) -> Paragraph:
    """Return what happens to the ranking of systems under other labels.

    Args:
        ranks: from `differences.ranks`.
    """
    ranked = ranks.dropna(subset=["rank"])
    if ranked["labels"].nunique() < 2 or ranked["system"].nunique() < 2:
        return Paragraph("No row changes the labels, or there is one system only, so there is no second ranking.")
    wide = ranked.pivot(index="system", columns="labels", values="rank").dropna()
    first, *others = dict.fromkeys(ranked["labels"])
    parts = []
    for other in others:
        moved = (wide[other] != wide[first]).sum()
        best = wide[other].idxmin()
        parts.append(f"{other}: {moved or 'none'} of {len(wide)} systems change their rank, {best} is first")
    return Paragraph(f"Ranking under the labels of the study ({first}): {wide[first].idxmin()} is first. "
                     f"{'; '.join(parts)}.")  # fmt: skip
