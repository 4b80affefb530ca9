"""Sentences about differences: between systems, metrics, splits and slices."""

import pandas as pd

from mer.evaluation.comparison.comparison import BETTER, DIFFER, MEAN, MODELS, WORSE
from mer.report.style.numbers import NO_VALUE, bounds, short
from mer.report.text.sentences import Paragraph
from mer.stats import CONFUSION_METRICS

SIGNIFICANT = (BETTER, WORSE, DIFFER, "shown")
"""The verdicts of significant differences."""


def difference_sentence(table: pd.DataFrame, level: float, reason: str = "") -> str:
    """Return which systems differ from the reference over all corpora, and on which corpora none could be significant.

    Args:
        table: from `comparison.compare`.
        level: a difference is significant if its adjusted p-value is at most this.
        reason: why the table is empty.
    """
    rows = table.dropna(subset=["p"])
    if rows.empty:
        return f"There is no comparison: {reason or 'no two systems were tested on the same clips'}."
    means = rows[rows["test_corpus"] == MEAN]
    shown, subject = (means, MEAN) if len(means) else (rows, rows["test_corpus"].iloc[0])
    shown = shown.sort_values("difference", ascending=False)
    entries = [
        f"{row['system']} {_verdict(row['verdict'])} ({signed(row)}, p {format_p(row['p_holm'], '= ')})"
        for _, row in shown.iterrows()
    ]
    sentence = f"Compared with {shown['reference'].iloc[0]}, {subject}: {'; '.join(entries)}."
    if (shown["of"] == MODELS).any():
        sentence += " With one seed of a network, the verdict concerns these trained models, not the systems."
    small = rows[(rows["smallest_p"] > level) & (rows["test_corpus"] != MEAN)]
    if len(small):
        names, least = ", ".join(sorted(set(small["test_corpus"]))), format_p(small["smallest_p"].min())
        sentence += f" Too few speakers for a significant difference on {names}: {_tests(rows)} give no p < {least}."
    return sentence


def resample_sentence(ranks: pd.DataFrame, repeated: pd.DataFrame, draws: int, seconds: float) -> Paragraph:
    """Return how much other resamples change the ranking, and how long the resamples took.

    Args:
        ranks, repeated: from `ranking.rank_systems`, with two seeds.
        draws: number of resamples.
        seconds: duration of the resampling.
    """
    if ranks["first"].notna().sum() == 0:
        return Paragraph("No corpus has been held out, so there is nothing to resample.")
    change = 100 * (ranks.set_index("system")["first"] - repeated.set_index("system")["first"]).abs().max()
    return Paragraph(
        f"{draws:,} resamples of all speakers of the study took {seconds:.1f} s on this machine. Another {draws:,} "
        f"resamples change the share in which a system leads by at most {change:.1f} points."
    )


def metric_sentence(table: pd.DataFrame) -> Paragraph:
    """Return on how many corpora the best system depends on the metric.

    Args:
        table: from `sensitivity.metric_sensitivity`, of one protocol.
    """
    if table["system"].nunique() < 2:
        return Paragraph("There is one system, so it is best under every metric.")
    always = table[table["best_by"] == " ".join(CONFUSION_METRICS)]["test_corpus"].nunique()
    corpora = table["test_corpus"].nunique()
    return Paragraph(f"The best system depends on the metric on {corpora - always or 'none'} of {corpora} corpora.")


def inflation_sentence(table: pd.DataFrame, system: str) -> Paragraph:
    """Return by how many points a random split inflates the scores of a system.

    Args:
        table: from `sensitivity.split_inflation`.
        system: name of the system.
    """
    rows = table[(table["system"] == system) & table["points"].notna()]
    means = rows[rows["test_corpus"] == MEAN]
    rows = means if len(means) else rows
    if rows.empty:
        return Paragraph(f"{system} has not been tested with two kinds of split.")
    entries = [
        f"{row['split']} minus {row['than']}: {signed_points(row)}"
        for _, row in rows.iterrows()
        if row["split"] == "random"
    ]
    subject = rows["test_corpus"].iloc[0]
    return Paragraph(f"Effect of a random split on {system}, {subject}, in points: {'; '.join(entries)}.")


def gap_sentence(scored: pd.DataFrame, gaps: pd.DataFrame) -> Paragraph:
    """Return which gaps between slices are significant, and how many slices are too small to be scored.

    Args:
        scored, gaps: from `slices.score`.
    """
    if scored.empty:
        return Paragraph("No corpus has slices by gender, age, language or duration.")
    significant = gaps[gaps["verdict"] == "shown"]
    entries = [
        f"{row['test_corpus']}, {row['slice']} against {row['than']} ({signed(row, 'gap')})"
        for _, row in significant.iterrows()
    ]
    small = int((scored["note"] != "").sum())
    first = f"Significant gaps: {'; '.join(entries)}." if entries else f"None of {len(gaps)} gaps is significant."
    return Paragraph(f"{first} {small} of {len(scored)} slices are too small to be scored.")


def signed(row: pd.Series, column: str = "difference") -> str:
    """Return the text of a difference with its sign and its interval.

    >>> signed(pd.Series({"difference": 0.021, "low": -0.01, "high": 0.052}))
    '+.021 [-.010, .052]'
    """
    if pd.isna(row[column]):
        return NO_VALUE
    plus = "+" if row[column] > 0 else ""
    return f"{plus}{short(row[column])} {bounds(row['low'], row['high'])}"


def signed_points(row: pd.Series) -> str:
    """Return the text of a difference in points, with its interval and verdict.

    >>> signed_points(pd.Series({"points": 2.14, "low": -1.0, "high": 5.2, "verdict": "not shown"}))
    '+2.1 [-1.0, 5.2], not shown'
    """
    interval = f"[{row['low']:z.1f}, {row['high']:z.1f}]" if pd.notna(row["low"]) else "no interval"
    return f"{row['points']:+z.1f} {interval}, {row['verdict']}"


def format_p(value: float, equals: str = "") -> str:
    """Return the text of a p-value.

    >>> format_p(0.0001), format_p(0.02), format_p(0.02, "= ")
    ('< .001', '.020', '= .020')
    """
    if pd.isna(value):
        return NO_VALUE
    return "< .001" if value < 0.001 else equals + short(value)


def _verdict(verdict: str) -> str:
    if verdict == DIFFER:
        return "differs (these trained models only)"
    return verdict if verdict in SIGNIFICANT else "not shown to differ"


def _tests(rows: pd.DataFrame) -> str:
    tests = int((rows["test_corpus"] != MEAN).sum())
    return f"{tests} tests" if tests != 1 else "one test"
