"""Published numbers and the results of a study: a sentence, a table, and averages that differ from their cells."""

import html

import pandas as pd
from pandas.io.formats.style import Styler

from mer.report.style.numbers import NO_VALUE, bounds, short
from mer.report.style.palette import GREY
from mer.report.text.sentences import Paragraph

PART_PHRASES = {"train": "trained on", "test": "tested on"}
COLUMNS = ["table", "tested on", "metric", "system", "published", "MER", "MER's clips", "remarks"]


def published_sentence(table: pd.DataFrame, corpora: list[str]) -> Paragraph:
    """Return with how many published numbers MER is comparable, and the most frequent reason against the others.

    Args:
        table: from `published.compare_published`.
        corpora: corpora of the study.
    """
    near = table[table["test_corpus"].isin(corpora)]
    if near.empty:
        return Paragraph(f"None of {len(table)} published numbers concerns a corpus of this study.")
    sentence = (
        f"{len(near)} of {len(table)} published numbers concern corpora of this study. MER is comparable with "
        f"{int((~near['grey']).sum()) or 'none'} of them."
    )
    reasons = near.loc[near["grey"], "reason"].str.split(r"[:;]").str[0].value_counts()
    if len(reasons):
        sentence += f" The most frequent reason against the others: {reasons.index[0]} ({reasons.iloc[0]} numbers)."
    return Paragraph(sentence)


def published_table(table: pd.DataFrame, corpora: list[str]) -> Styler:
    """Return comparable published numbers one by one with caveats, then the others in grey.

    The others are grouped by table and corpus, with the reasons against some or all of them. The stored table lists
    them one by one.

    Args:
        table: from `published.compare_published`.
        corpora: corpora of the study.
    """
    near = table[table["test_corpus"].isin(corpora)]
    comparable = near[~near["grey"]]
    caveats = comparable["caveats"].where(~comparable["table"].duplicated(), "")  # once for each table
    rows = [_comparable(row) for _, row in comparable.assign(caveats=caveats).iterrows()]
    rows += [_not_comparable(*names, part) for names, part in near[near["grey"]].groupby(["table", "test_corpus"])]
    if others := len(table) - len(near):
        rows.append(("all others", NO_VALUE, NO_VALUE, f"{others} numbers", NO_VALUE, NO_VALUE, NO_VALUE,
                     "corpora that are not in this study"))  # fmt: skip
    frame, black = pd.DataFrame(rows, columns=COLUMNS), len(comparable)
    if not black:
        frame = frame.drop(columns=["MER", "MER's clips"])
    style = frame.style.hide(axis="index").set_table_attributes('class="long"').format(html.escape)
    return style.apply(lambda row: ["" if row.name < black else f"color: var(--soft, {GREY})"] * len(row), axis=1)


def averages_sentence(averages: pd.DataFrame) -> Paragraph:
    """Return which published averages do not follow from the numbers that they summarise.

    Args:
        averages: from `published.averages`.
    """
    wrong = averages[~averages["reproduces"].astype(bool)]
    entries = [
        f"{row['table']}, {PART_PHRASES[row['of']]} {row['corpus']}: {row['published']:.1f} is printed, "
        f"{row['computed']:.1f} follows"
        for _, row in wrong.iterrows()
    ]
    sentence = f"{len(averages) - len(wrong)} of {len(averages)} published averages follow from their cells."
    return Paragraph(f"{sentence} Exceptions: {'; '.join(entries)}." if entries else sentence)


def _comparable(row: pd.Series) -> tuple[str, ...]:
    metric, own = row["metric"].replace("_", " "), f"{short(row['mer'])} {bounds(row['low'], row['high'])}"
    clips, caveats = f"{row['n']:,.0f}", row["caveats"]
    return row["table"], row["test_corpus"], metric, row["system"], short(row["value"]), own, clips, caveats


def _not_comparable(table: str, corpus: str, part: pd.DataFrame) -> tuple[str, ...]:
    metrics = ", ".join(dict.fromkeys(part["metric"].str.replace("_", " ")))
    reason = "; ".join(dict.fromkeys(clause for reason in part["reason"] for clause in reason.split("; ")))
    low, high = short(part["value"].min()), short(part["value"].max())
    single = len(part) == 1
    systems, values = (part["system"].iloc[0], low) if single else (f"{len(part)} numbers", f"{low} to {high}")
    return table, corpus, metrics, systems, values, NO_VALUE, NO_VALUE, reason
