"""Which rows of the tidy results a reader means, and how a number with its interval is written."""

import numpy as np
import pandas as pd

from mer.evaluation.scores.flags import with_flags

TRANSDUCTIVE = " (transductive)"
"""after the name of a system that looked at unlabelled rows of the target, where people read it"""
BREACH, ACCEPTED = " §", " ¶"
"""after a score: a breach touches the corpus; copies of it in another family are accepted"""
NOTHING = "–"


def select(results: pd.DataFrame, protocol: str | None = None, answers: str | None = None, metric: str = "UAR"):
    """Return the rows that are means over seeds, of one protocol, kind of answers and metric.

    Adds the column `label`: the system, and whether it looked at unlabelled target data.
    """
    keep = results["seed"].isna() & (results["metric"] == metric)
    if protocol is not None:
        keep &= results["protocol"] == protocol
    if answers is not None:
        keep &= results["answers"] == answers
    rows = results[keep]
    return rows.assign(label=labels(rows))


def labels(rows: pd.DataFrame) -> pd.Series:
    """Return each row's system as people read it: with a word where it looked at unlabelled target data."""
    words = rows["transductive"].eq(True).fillna(False).map({True: TRANSDUCTIVE, False: ""}).astype(object)
    return rows["system"].astype(object) + words


def marks(rows: pd.DataFrame) -> pd.Series:
    """Return what stands after each score of a corpus that a breach touches, or that is accepted in spite of copies."""
    breach = rows["flagged"].eq(True).fillna(False).map({True: BREACH, False: ""}).astype(object)
    return breach + rows["accepted"].eq(True).fillna(False).map({True: ACCEPTED, False: ""}).astype(object)


def displayed(table: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose systems and corpora are named as people read them, with the marks of their scores.

    Args:
        table: columns system, test_corpus or both.
        predictions: those that it was made from. A test corpus that none of them is of keeps its name.
    """
    known = with_flags(table, predictions)
    shown = known.assign(system=labels(known)) if "system" in table else known
    if "reference" in table:
        looked = known.assign(system=known["reference"], transductive=known["reference_transductive"])
        shown = shown.assign(reference=labels(looked))
    if "test_corpus" in table:
        own = known["test_corpus"].isin(predictions["test_corpus"])
        shown = shown.assign(test_corpus=known["test_corpus"].astype(object) + marks(known).where(own, ""))
    return shown


def remark(row: pd.Series) -> str:
    """Return what stands after one score: answers outside the target's classes, modalities that the target lacks.

    Models of one corpus know its classes only, so that their answers are within.

    >>> remark(pd.Series({"answers": "free", "protocol": "loco", "outside": 0.123, "lacks": "text"}))
    ', 12 % outside, without text'
    >>> remark(pd.Series({"answers": "free", "protocol": "in_corpus", "outside": 0.0, "lacks": ""}))
    ''
    """
    told = ""
    if row["answers"] == "free" and row["protocol"] != "in_corpus" and pd.notna(row["outside"]):
        told += f", {100 * row['outside']:.0f} % outside"
    return told + (f", without {row['lacks']}" if row["lacks"] else "")


def short(value: float, digits: int = 3) -> str:
    """Write a share as the field does, without the zero before the point.

    >>> short(0.4512), short(-0.05, 2), short(1.0, 2), short(float("nan"))
    ('.451', '-.05', '1.00', '–')
    """
    return NOTHING if pd.isna(value) else f"{value:.{digits}f}".replace("-0.", "-.").removeprefix("0")


def bounds(low: float, high: float, speakers: int | None = None, digits: int = 3, why: str = "") -> str:
    """Write an interval, or why there is none.

    >>> bounds(0.402, 0.501), bounds(float("nan"), float("nan"), 2)
    ('[.402, .501]', 'no interval (2 speakers)')
    >>> bounds(float("nan"), float("nan"), 9, why="fear said by one speaker")
    'no interval (fear said by one speaker)'
    """
    if pd.notna(low) and pd.notna(high):
        return f"[{short(low, digits)}, {short(high, digits)}]"
    if why:
        return f"no interval ({why})"
    if speakers is None or pd.isna(speakers):
        return "no interval"
    return f"no interval ({speakers} speaker{'s' if speakers != 1 else ''})"


def cell(row: pd.Series) -> str:
    """Write one result: value and interval.

    >>> cell(pd.Series({"value": 0.451, "low": 0.402, "high": 0.501, "speakers": 9}))
    '.451 [.402, .501]'
    """
    if pd.isna(row["value"]):
        return NOTHING
    if "classes" in row and pd.isna(row["classes"]):  # a mean over corpora: its parts have the intervals
        return short(row["value"])
    interval = bounds(row["low"], row["high"], row["speakers"], why=row.get("why_none", ""))
    return f"{short(row['value'])} {interval}" if interval.startswith("[") else f"{short(row['value'])}, {interval}"


def guessing(rows: pd.DataFrame) -> pd.Series:
    """Return the UAR of guessing for each row: its `chance`, as free answers are among more classes than the corpus
    has; 1 / classes where a table does not say it, and NaN where that is not known either.

    >>> guessing(pd.DataFrame({"classes": [4, 4, None], "chance": [1 / 7, None, None]})).round(3).tolist()
    [0.143, 0.25, nan]
    """
    own = 1 / pd.to_numeric(rows["classes"]).astype("float64").replace(0, np.nan)
    return rows["chance"].astype("float64").fillna(own) if "chance" in rows else own


def over(row: pd.Series) -> str:
    """Say over how many of what an interval is.

    >>> over(pd.Series({"clusters": "speakers", "n_clusters": 10}))
    '10 speakers'
    >>> over(pd.Series({"clusters": "speakers and dialogues", "n_clusters": 100}))
    'speakers and dialogues, 100 or more of each'
    """
    if pd.isna(row["n_clusters"]) or pd.isna(row["clusters"]):
        return NOTHING
    number, unit = int(row["n_clusters"]), row["clusters"]
    if " and " in unit:
        return f"{unit}, {number} or more of each"
    return f"{number} {unit.removesuffix('s') if number == 1 else unit}"
