"""The random split: cells that put the same speakers into training and test, only to measure how much that inflates."""

import hashlib

import numpy as np
import pandas as pd

from mer.evaluation.protocols.cells import Cell, has_official_split

RANDOM = "random_split"
"""The value of `protocol` in cells and predictions of a random split. No study can list it, and it is never a score."""


def random_split(manifest: pd.DataFrame, corpora: list[str], seed: int, folds: int = 5) -> list[Cell]:
    """Return the cells in which the utterances of each corpus are assigned to folds at random.

    Speakers are in training and test, so that `sensitivity.split_inflation` can measure how much such a split inflates
    scores. `cells.plan` does not return these cells, and `refuse_random` refuses their predictions as scores. Each
    class is spread evenly over the folds; the next fold is the validation part, as in `fold_parts`. The number of folds
    is that of the split by speaker, so that both have as many training rows. The folds depend on the seed and the
    utterance ids, not on the order of rows or on other corpora.

    Args:
        manifest: usable rows, index 0..n-1.
        corpora: the corpora that are scored.
        seed: seed of the random order.
        folds: number of folds of a corpus with a published split, which has no folds of its own.
    """
    cells = []
    for corpus in corpora:
        rows = np.flatnonzero((manifest["corpus"] == corpus).to_numpy())
        part = manifest.iloc[rows]
        count = folds if has_official_split(part) else int(part["fold"].nunique())
        digests = [hashlib.sha256(f"{seed}|{name}".encode()).digest() for name in part["utterance_id"]]
        order = sorted(range(len(rows)), key=lambda at: (part["emotion"].iloc[at], digests[at]))
        fold = np.empty(len(rows), int)
        fold[order] = np.arange(len(rows)) % count
        for number in range(count):
            validation = (number + 1) % count
            masks = ((fold != number) & (fold != validation), fold == validation, fold == number)
            cells.append(Cell(RANDOM, (corpus,), "", number, *(rows[mask] for mask in masks)))
    return cells


def refuse_random(table: pd.DataFrame) -> None:
    """Refuse predictions or results of a random split as scores.

    Args:
        table: columns protocol and test_corpus.

    Raises:
        ValueError: the table has such rows; the message names the corpora.
    """
    random = table.loc[table["protocol"] == RANDOM, "test_corpus"]
    if len(random):
        raise ValueError(
            f"{', '.join(sorted(set(random)))}: in a random split, speakers are in training and test, so this is no "
            "score; only the sensitivity analysis (mer/evaluation/comparison/sensitivity.py) reads it"
        )
