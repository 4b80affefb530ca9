"""What each class was taken for, and how well it is found: confusions, precision, recall and F1."""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.scores.scores import ANSWERS

ALL = "all"
"""corpora together"""
KEYS = ["test_corpus", "answers", "class"]


def confusions(table: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return how often each class was taken for which, per corpus and for all together.

    Args:
        table: predictions of one system.

    Returns:
        columns test_corpus, answers, class (the truth), and a count for every class that may be answered.
    """
    index, rows = {name: number for number, name in enumerate(classes)}, []
    corpora = sorted(set(table["test_corpus"]))
    for corpus in [*corpora, *([ALL] if len(corpora) > 1 else [])]:
        part = table if corpus == ALL else table[table["test_corpus"] == corpus]
        for answers in ANSWERS:
            truth, answered = (part[name].map(index).to_numpy(int) for name in ("emotion", answers))
            matrix = stats.confusion(truth, answered, len(classes))
            rows += [(corpus, answers, name, *counts) for name, counts in zip(classes, matrix.tolist(), strict=True)]
    return pd.DataFrame(rows, columns=[*KEYS, *classes])


def by_class(confused: pd.DataFrame) -> pd.DataFrame:
    """Return precision, recall, F1 and support of each class.

    Precision is null for a class that was never answered, recall for one that nobody spoke, F1 = 2tp / (2tp + fp + fn)
    for one of which both are true.

    Args:
        confused: from `confusions`.
    """
    parts = []
    for _, part in confused.groupby(KEYS[:2], sort=False):
        matrix = part.drop(columns=KEYS).to_numpy(float)
        right, spoken, answered = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
        measures = {"precision": (right, answered), "recall": (right, spoken), "F1": (2 * right, spoken + answered)}
        values = {name: np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0) for name, (a, b) in measures.items()}
        parts.append(part[KEYS].assign(**values, support=spoken.astype(int)))
    return pd.concat(parts, ignore_index=True)
