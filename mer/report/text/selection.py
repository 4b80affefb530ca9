"""The selected system of each held-out family, and the bias of selection on the test score: table and sentence."""

import pandas as pd

from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.comparison.selection import INNER_SCORE
from mer.report.style.numbers import NO_VALUE, short
from mer.report.style.symbols import symbols
from mer.report.text.scores import breach_sentence
from mer.report.text.sentences import Paragraph


def selection_table(choices: pd.DataFrame) -> pd.DataFrame:
    """Return the selected system of each held-out corpus, and the system with the best test score.

    Args:
        choices: from `selection.table`; inner scores and the mean over corpora are chance-corrected.
    """
    inner = {c: c for c in choices.columns if c.startswith(INNER_SCORE)}
    names = {"answers": "predictions", "test_corpus": "held out", **inner, "chosen": "selected", "value": "UAR",
             "naive": "naive", "naive_value": "naive UAR", "points": "points"}  # fmt: skip
    frame = choices[list(names)].rename(columns=names)
    for column in (*inner, "UAR", "naive UAR"):
        frame[column] = frame[column].map(short) + (symbols(choices) if column not in inner else "")
    points = frame["points"].map("{:.1f}".format)
    return frame.assign(points=points).fillna(NO_VALUE).set_index(["predictions", "held out"])


def selection_sentence(choices: pd.DataFrame, method: str, answers: str = "free") -> Paragraph:
    """Return how many configurations were compared, the score of the selected systems, and the bias of naive selection.

    Args:
        choices: from `selection.table`.
        method: parameter `evaluation.selection`.
        answers: free or restricted predictions.
    """
    if choices.empty:
        return Paragraph("No corpus has been held out.")
    mean = choices[(choices["test_corpus"] == MEAN) & (choices["answers"] == answers)]
    row, corpora = mean.iloc[0], int((choices["answers"] == answers).sum()) - 1
    compared = f"{_number(row['configurations'], 'configuration')} of {_number(row['systems'], 'system')}"
    compared += f", with up to {row['epochs']} epochs of each network" if row["epochs"] else ""
    if row["systems"] == 1:
        return Paragraph(f"Compared: {compared}. There is one system, so none was selected.")
    scale = f"chance-corrected, mean over {_number(corpora, 'held-out corpus')}, {answers} predictions"
    points = f"{row['points']:.1f} points more" if row["points"] >= 0.05 else "the same score"
    return Paragraph(
        f"Compared: {compared}. Selection within the training corpora ({_method(row['by'], method)}) gives "
        f"{short(row['value'])} ({scale}). Selection on the test score would have claimed "
        f"{short(row['naive_value'])}, {points}.{breach_sentence(choices[choices['test_corpus'] != MEAN])}"
    )


def _method(used: str, requested: str) -> str:
    text = {"validation": "by validation speakers", "inner_loco": "by inner LOCO"}[used]
    missing_family = requested == "inner_loco" and used != requested
    return text + (", because inner LOCO needs a third family" if missing_family else "")


def _number(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> _number(1, "corpus"), _number(2, "held-out corpus")
    ('1 corpus', '2 held-out corpora')
    """
    plural = noun.removesuffix("us") + "ora" if noun.endswith("corpus") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
