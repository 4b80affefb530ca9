"""Sentences about the word errors of a recogniser."""

import pandas as pd

from mer.report.style.numbers import bounds, short
from mer.report.text.sentences import name_list


def word_error_sentences(table: pd.DataFrame) -> list[str]:
    """Return a sentence per corpus: its word error rate, and the groups that differ from its other recordings.

    Args:
        table: as from `mer.features.text.word_errors.table`.
    """
    return [_sentence(rows) for _, rows in table.groupby("corpus", sort=False)]


def _sentence(rows: pd.DataFrame) -> str:
    [whole] = rows[rows["by"] == "corpus"].to_dict("records")
    interval = bounds(whole["low"], whole["high"], whole["speakers"])
    text = (
        f"{whole['corpus']}: the word error rate is {short(whole['rate'])} {interval} over {whole['recordings']:,} "
        f"recordings; {whole['exact']:.0%} have no error, in {whole['empty']:.0%} no words are recognised"
    )
    for column, sign, word in (("difference_low", 1, "higher"), ("difference_high", -1, "lower")):
        groups = rows[rows["by"].isin(["class", "intensity"]) & (sign * rows[column] > 0)]
        if len(groups):
            text += (
                f"; {word} than in its other recordings: {name_list([_group(g) for g in groups.to_dict('records')])}"
            )
    return text + "."


def _group(row: dict) -> str:
    sign = "+" if row["difference"] > 0 else ""
    return f"{row['group']} {short(row['rate'])} ({sign}{short(row['difference'])})"
