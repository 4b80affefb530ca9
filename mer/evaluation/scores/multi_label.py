"""Scores of systems that are trained on several classes at once: columns of predictions, and rows of results."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.scores.confusions import Cluster, columns
from mer.training.job import JobResult

TRUE, PREDICTED = "true_classes", "predicted_classes"
"""The columns of predictions with the classes of an utterance and the predicted ones, joined by `SEPARATOR`."""
SEPARATOR = "+"
NO_EMOTION = "neutral"
"""The class that is the empty set: an utterance without an emotion."""


def prediction_columns(result: JobResult, classes: Sequence[str]) -> dict[str, list[str]]:
    """Return `TRUE` and `PREDICTED` for each tested row; nothing for a system that predicts one class."""
    if result.label_sets is None:
        return {}
    names = np.array(classes)
    return {
        column: [SEPARATOR.join(names[row]) for row in sets]
        for column, sets in zip((TRUE, PREDICTED), result.label_sets, strict=True)
    }


def result_rows(part: pd.DataFrame, classes: Sequence[str], cluster: Cluster, confidence: float) -> list[dict]:
    """Return every metric of sets of labels, per seed and as a mean with its interval; nothing without such sets.

    `chance` is the highest score of one set of labels that is predicted for all utterances.

    Args:
        part: predictions of one system on one corpus.
        classes: the classes of the policy; `NO_EMOTION` is no label.
        cluster: the column over which intervals are computed, or two columns.
        confidence: of the intervals, in (0, 1).
    """
    if PREDICTED not in part or part[PREDICTED].isna().any():
        return []
    labels = [name for name in classes if name != NO_EMOTION]
    part = part.sort_values(["seed", "utterance_id"], kind="stable")
    seeds = part["seed"].unique()
    first = part[part["seed"] == seeds[0]]
    truth = _sets(first[TRUE], labels)
    predicted = _sets(part[PREDICTED], labels).reshape(len(seeds), len(first), len(labels))
    groupings, rows = [pd.factorize(first[column])[0] for column in columns(cluster)], []
    for metric in stats.MULTI_LABEL_METRICS.values():
        values = np.array([metric.function(truth, of_seed) for of_seed in predicted])
        estimate = stats.estimate_probabilities(truth, predicted, metric.function, groupings)
        interval = stats.combined([estimate], confidence=confidence)
        base = {"metric": metric.name, "chance": stats.constant_score(metric.function, truth),
                "classes": int(truth.any(0).sum())}  # fmt: skip
        rows += [base | {"seed": s, "value": v, "n_seeds": 1} for s, v in zip(seeds, values, strict=True)]
        deviation = float(values.std(ddof=1)) if len(seeds) > 1 else np.nan
        rows.append(base | {"value": interval.point, "low": interval.low, "high": interval.high,
                            "deviation": deviation, "n_seeds": len(seeds)})  # fmt: skip
    return rows


def _sets(texts: pd.Series, labels: Sequence[str]) -> np.ndarray:
    """Bool of shape (rows, labels)."""
    members = [set(text.split(SEPARATOR)) for text in texts]
    return np.array([[label in row for label in labels] for row in members], bool).reshape(len(members), len(labels))
