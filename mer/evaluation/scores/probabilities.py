"""Probabilities of a table of predictions as arrays, with the clusters of their rows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.scores.confusions import Scoring, columns


@dataclass(frozen=True)
class Probabilities:
    """Predictions of one system on one corpus, the same rows for each seed.

    Attributes:
        truth: class numbers, shape (n,).
        values: probabilities, shape (seeds, n, classes); each row sums to 1.
        groupings: number of each row's cluster, of one or two kinds, each of shape (n,).
    """

    truth: np.ndarray
    values: np.ndarray
    groupings: list[np.ndarray]

    def estimate(self, function) -> stats.Estimate:
        """Return the estimate of a metric that maps classes and probabilities to a number."""
        return stats.estimate_probabilities(self.truth, self.values, function, self.groupings)


def read(part: pd.DataFrame, answers: str, scoring: Scoring) -> Probabilities:
    """Return the probabilities of one system on one corpus, rows in the order of their ids.

    Restricted predictions are probabilities among the classes that occur in the corpus. A row that has none of them
    gets the same probability for each.

    Args:
        part: rows of a predictions table.
        answers: free or restricted.
        scoring: classes and clusters.
    """
    classes, cluster = scoring.classes, scoring.clusters[part["test_corpus"].iloc[0]]
    part = part.sort_values(["seed", "utterance_id"], kind="stable")
    first = part[part["seed"] == part["seed"].iloc[0]]
    truth = pd.Index(classes).get_indexer(first["emotion"])
    values = part[[f"p_{name}" for name in classes]].to_numpy(float).reshape(-1, len(first), len(classes))
    if answers == "restricted":
        occurs = np.isin(np.arange(len(classes)), truth)
        masked = values * occurs
        total = masked.sum(axis=-1, keepdims=True)
        values = np.divide(masked, total, out=np.tile(occurs / occurs.sum(), (*masked.shape[:2], 1)), where=total > 0)
    return Probabilities(truth, values, [pd.factorize(first[column])[0] for column in columns(cluster)])
