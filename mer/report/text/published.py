"""Published numbers beside ours: a sentence, a table, and averages that do not follow from their own cells."""

import html

import pandas as pd
from pandas.io.formats.style import Styler

from mer.report.style.numbers import NOTHING, bounds, short

GREY = "#767676"
"""of text: the lightest that is still read easily on white"""
WORDS = {"train": "trained on", "test": "tested on"}
COLUMNS = ["table", "tested on", "metric", "system", "published", "ours", "our clips", "remarks"]


def published_sentence(table: pd.DataFrame, corpora: list[str]) -> str:
    """Say beside how many published numbers ours may stand, and why not beside the others.

    Args:
        table: as from `published.beside`.
        corpora: those of the study.
    """
    near = table[table["test_corpus"].isin(corpora)]
    if near.empty:
        return f"None of {len(table)} published numbers is of a corpus of this study."
    sentence = (
        f"{len(near)} of {len(table)} published numbers are of corpora of this study; ours may stand beside "
        f"{int((~near['grey']).sum()) or 'none'} of them."
    )
    first = near.loc[near["grey"], "reason"].str.split(r"[:;]").str[0].value_counts()
    return sentence + (f" Most often because of: {first.index[0]} ({first.iloc[0]} numbers)." if len(first) else "")


def published_table(table: pd.DataFrame, corpora: list[str]) -> Styler:
    """Return the numbers that ours may stand beside, one by one, with caveats, then the others in grey, by table and
    corpus, with what is said against them or some of them; the data have it one by one.

    Args:
        table: as from `published.beside`.
        corpora: those of the study.
    """
    near = table[table["test_corpus"].isin(corpora)]
    known = near[~near["grey"]]
    known = known.assign(caveats=known["caveats"].where(~known["table"].duplicated(), ""))  # once for each table
    rows, black = [_comparable(row) for _, row in known.iterrows()], len(known)
    rows += [_others(*names, part) for names, part in near[near["grey"]].groupby(["table", "test_corpus"])]
    if others := len(table) - len(near):
        rows.append(("all others", NOTHING, NOTHING, f"{others} numbers", NOTHING, NOTHING, NOTHING,
                     "corpora that are not in this study"))  # fmt: skip
    frame = pd.DataFrame(rows, columns=COLUMNS)
    if not black:
        frame = frame.drop(columns=["ours", "our clips"])
    look = frame.style.hide(axis="index").set_table_attributes('class="long"').format(html.escape)
    return look.apply(lambda row: ["" if row.name < black else f"color: {GREY}"] * len(row), axis=1)


def averages_sentence(averages: pd.DataFrame) -> str:
    """Say which published averages do not follow from the numbers that they are of.

    Args:
        averages: as from `published.averages`.
    """
    wrong = averages[~averages["reproduces"].astype(bool)]
    told = [
        f"{row['table']}, {WORDS[row['of']]} {row['corpus']}: {row['published']:.1f} is printed, "
        f"{row['computed']:.1f} follows"
        for _, row in wrong.iterrows()
    ]
    sentence = f"{len(averages) - len(wrong)} of {len(averages)} published averages follow from their cells"
    return f"{sentence}. Not: {'; '.join(told)}." if told else f"{sentence}."


def _comparable(row: pd.Series) -> tuple[str, ...]:
    metric, ours = row["metric"].replace("_", " "), f"{short(row['ours'])} {bounds(row['low'], row['high'])}"
    clips, caveats = f"{row['n']:,.0f}", row["caveats"]
    return row["table"], row["test_corpus"], metric, row["system"], short(row["value"]), ours, clips, caveats


def _others(table: str, corpus: str, part: pd.DataFrame) -> tuple[str, ...]:
    metrics = ", ".join(dict.fromkeys(part["metric"].str.replace("_", " ")))
    reason = "; ".join(dict.fromkeys(clause for told in part["reason"] for clause in told.split("; ")))
    low, high = short(part["value"].min()), short(part["value"].max())
    alone = len(part) == 1
    systems, values = (part["system"].iloc[0], low) if alone else (f"{len(part)} numbers", f"{low} to {high}")
    return table, corpus, metrics, systems, values, NOTHING, NOTHING, reason
