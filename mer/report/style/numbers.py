"""Selection of rows of the results, and the text of a number with its interval."""

import numpy as np
import pandas as pd

from mer.report.style.symbols import labels

NO_VALUE = "–"
"""The text of a value that does not exist."""


def select(results: pd.DataFrame, protocol: str | None = None, answers: str | None = None, metric: str = "UAR"):
    """Return the means over seeds of one protocol, one kind of predictions and one metric.

    Adds the column `label`: the system, with a suffix if it is transductive.
    """
    keep = results["seed"].isna() & (results["metric"] == metric)
    if protocol is not None:
        keep &= results["protocol"] == protocol
    if answers is not None:
        keep &= results["answers"] == answers
    rows = results[keep]
    return rows.assign(label=labels(rows))


def remark(row: pd.Series) -> str:
    """Return the remark after one score: predictions outside the classes of the test corpus, and missing inputs.

    Within a corpus, a model knows the classes of this corpus only. No prediction is outside.

    >>> remark(pd.Series({"answers": "free", "protocol": "loco", "outside": 0.123, "lacks": "text"}))
    ', 12 % outside, without text'
    >>> remark(pd.Series({"answers": "free", "protocol": "in_corpus", "outside": 0.0, "lacks": ""}))
    ''
    """
    text = ""
    if row["answers"] == "free" and row["protocol"] != "in_corpus" and pd.notna(row["outside"]):
        text += f", {100 * row['outside']:.0f} % outside"
    return text + (f", without {row['lacks']}" if row["lacks"] else "")


def short(value: float, digits: int = 3) -> str:
    """Return a share without the zero before the decimal point, as papers of the field print it.

    >>> short(0.4512), short(-0.05, 2), short(1.0, 2), short(float("nan"))
    ('.451', '-.05', '1.00', '–')
    """
    return NO_VALUE if pd.isna(value) else f"{value:.{digits}f}".replace("-0.", "-.").removeprefix("0")


def bounds(low: float, high: float, speakers: int | None = None, digits: int = 3, reason: str = "") -> str:
    """Return the text of an interval, or the reason why it does not exist.

    >>> bounds(0.402, 0.501), bounds(float("nan"), float("nan"), 2)
    ('[.402, .501]', 'no interval (2 speakers)')
    >>> bounds(float("nan"), float("nan"), 9, reason="fear said by one speaker")
    'no interval (fear said by one speaker)'
    """
    if pd.notna(low) and pd.notna(high):
        return f"[{short(low, digits)}, {short(high, digits)}]"
    if reason:
        return f"no interval ({reason})"
    if speakers is None or pd.isna(speakers):
        return "no interval"
    return f"no interval ({speakers} speaker{'s' if speakers != 1 else ''})"


def format_score(row: pd.Series) -> str:
    """Return the text of one result: value and interval.

    >>> format_score(pd.Series({"value": 0.451, "low": 0.402, "high": 0.501, "speakers": 9}))
    '.451 [.402, .501]'
    """
    if pd.isna(row["value"]):
        return NO_VALUE
    if "classes" in row and pd.isna(row["classes"]):  # a mean over corpora has no interval of its own
        return short(row["value"])
    interval = bounds(row["low"], row["high"], row["speakers"], reason=row.get("why_none", ""))
    return f"{short(row['value'])} {interval}" if interval.startswith("[") else f"{short(row['value'])}, {interval}"


def chance(rows: pd.DataFrame) -> pd.Series:
    """Return the UAR of guessing for each row.

    This is the column `chance`: free predictions choose among more classes than the corpus has. A table without it
    gives 1 / classes. The result is NaN if the number of classes is unknown, too.

    >>> chance(pd.DataFrame({"classes": [4, 4, None], "chance": [1 / 7, None, None]})).round(3).tolist()
    [0.143, 0.25, nan]
    """
    by_classes = 1 / pd.to_numeric(rows["classes"]).astype("float64").replace(0, np.nan)
    return rows["chance"].astype("float64").fillna(by_classes) if "chance" in rows else by_classes


def cluster_phrase(row: pd.Series) -> str:
    """Return the number and kind of the clusters of an interval.

    >>> cluster_phrase(pd.Series({"clusters": "speakers", "n_clusters": 10}))
    '10 speakers'
    >>> cluster_phrase(pd.Series({"clusters": "speakers and dialogues", "n_clusters": 100}))
    'speakers and dialogues, 100 or more of each'
    """
    if pd.isna(row["n_clusters"]) or pd.isna(row["clusters"]):
        return NO_VALUE
    number, name = int(row["n_clusters"]), row["clusters"]
    if " and " in name:
        return f"{name}, {number} or more of each"
    return f"{number} {name.removesuffix('s') if number == 1 else name}"
