"""Which system was chosen for what is held out, and what a pick on the test would have claimed: table and sentence."""

import pandas as pd

from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.comparison.selection import INNER_SCORE
from mer.report.style.numbers import NOTHING, marks, short
from mer.report.text.sentences import Prose, held_against


def table(choices: pd.DataFrame) -> pd.DataFrame:
    """Return which system was chosen for each held-out corpus, and what the best pick on its test would have claimed.

    Args:
        choices: as from `selection.table`; its inner scores are chance-corrected, and so is the mean over corpora.
    """
    inner = {c: c for c in choices.columns if c.startswith(INNER_SCORE)}
    shown = {"answers": "answers", "test_corpus": "held out", **inner, "chosen": "chosen", "value": "UAR",
             "naive": "naive", "naive_value": "its UAR", "points": "points"}  # fmt: skip
    frame = choices[list(shown)].rename(columns=shown)
    for column in (*inner, "UAR", "its UAR"):
        frame[column] = frame[column].map(short) + (marks(choices) if column not in inner else "")
    points = frame["points"].map("{:.1f}".format)
    return frame.assign(points=points).fillna(NOTHING).set_index(["answers", "held out"])


def sentence(choices: pd.DataFrame, asked: str, answers: str = "free") -> Prose:
    """Say how much was tried, what choosing inside the training corpora gives, and what the test would have claimed.

    Args:
        choices: as from `selection.table`.
        asked: `evaluation.selection`.
    """
    if choices.empty:
        return Prose("No corpus has been held out.")
    mean = choices[(choices["test_corpus"] == MEAN) & (choices["answers"] == answers)]
    row, corpora = mean.iloc[0], int((choices["answers"] == answers).sum()) - 1
    tried = f"{_number(row['configurations'], 'configuration')} of {_number(row['systems'], 'system')}"
    tried += f", and of each network up to {row['epochs']} epochs" if row["epochs"] else ""
    start = f"Tried: {tried}. "
    if row["systems"] == 1:
        return Prose(f"{start}With one system there was none to choose.")
    how = {"validation": "by validation speakers", "inner_loco": "by holding each of them out, too"}[row["by"]]
    short_of = asked == "inner_loco" and row["by"] != asked
    how += ", as inner LOCO needs a third family" if short_of else ""
    where = f"chance-corrected, mean over {_number(corpora, 'held-out corpus')}, {answers} answers"
    points = f"{row['points']:.1f} points more" if row["points"] >= 0.05 else "the same"
    return Prose(
        f"{start}Choosing inside the training corpora ({how}) gives {short(row['value'])} ({where}); choosing by the "
        f"test would have claimed {short(row['naive_value'])}, {points}."
        f"{held_against(choices[choices['test_corpus'] != MEAN])}"
    )


def _number(count: int, what: str) -> str:
    """Write how many of something.

    >>> _number(1, "corpus"), _number(2, "held-out corpus")
    ('1 corpus', '2 held-out corpora')
    """
    many = what.removesuffix("us") + "ora" if what.endswith("corpus") else f"{what}s"
    return f"{count:,} {what if count == 1 else many}"
