"""Scores per class: confusion table, precision, recall, F1 and support."""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.scores.scores import ANSWERS

ALL_CORPORA = "all"
"""The name of all corpora together."""
KEYS = ["test_corpus", "answers", "class"]
"""The columns that identify a row of both tables."""


def confusion_table(table: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return the confusion matrix of each corpus and of all corpora together.

    Args:
        table: predictions of one system.
        classes: the classes of the policy, in order.

    Returns:
        columns test_corpus, answers, class (the label), and a count for every class that can be predicted.
    """
    index, rows = {name: number for number, name in enumerate(classes)}, []
    corpora = sorted(set(table["test_corpus"]))
    for corpus in [*corpora, *([ALL_CORPORA] if len(corpora) > 1 else [])]:
        part = table if corpus == ALL_CORPORA else table[table["test_corpus"] == corpus]
        for answers in (name for name in ANSWERS if name in part):
            truth, predicted = (part[name].map(index).to_numpy(int) for name in ("emotion", answers))
            matrix = stats.confusion(truth, predicted, len(classes))
            rows += [(corpus, answers, name, *counts) for name, counts in zip(classes, matrix.tolist(), strict=True)]
    return pd.DataFrame(rows, columns=[*KEYS, *classes])


def class_scores(confusion: pd.DataFrame) -> pd.DataFrame:
    """Return precision, recall, F1 and support of each class.

    Precision is null for a class that is never predicted, recall for a class that does not occur, and
    F1 = 2tp / (2tp + fp + fn) if both hold.

    Args:
        confusion: as from `confusion_table`.
    """
    parts = []
    for _, part in confusion.groupby(KEYS[:2], sort=False):
        matrix = part.drop(columns=KEYS).to_numpy(float)
        correct, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        measures = {
            "precision": (correct, predicted),
            "recall": (correct, support),
            "F1": (2 * correct, support + predicted),
        }
        values = {name: np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0) for name, (a, b) in measures.items()}
        parts.append(part[KEYS].assign(**values, support=support.astype(int)))
    return pd.concat(parts, ignore_index=True)
