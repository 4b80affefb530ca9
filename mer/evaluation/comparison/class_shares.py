"""Predictions under other shares of the classes: those that the rows themselves suggest, and those that are known.

A model that weighs its classes alike predicts as if all were equally frequent. Someone who knows how frequent they are
in the target can say so; someone who does not can have them estimated. Both change the accuracy and the probabilities.
The UAR, in which every class counts alike, gains nothing from shares that are known.
"""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.scores import probabilities
from mer.evaluation.scores.confusions import Scoring
from mer.training.adaptation import priors

KINDS = ("as trained", "estimated", "known")
"""The shares under which predictions are scored: those of the training, those that EM estimates from the unlabelled
rows of the corpus, and those of its labels."""
COLUMNS = ["system", "test_corpus", "shares", "distance", "UAR", "WA", "log_loss", "ECE", "n"]
"""The columns of `table`. `distance` is half the sum of absolute differences from the known shares, 0 to 1."""


def table(predictions: pd.DataFrame, scoring: Scoring) -> pd.DataFrame:
    """Return scores of restricted predictions under each kind of shares, for systems that weigh their classes alike.

    Args:
        predictions: as from `scores.predictions`, of held-out corpora.
        scoring: classes and clusters.

    Returns:
        `COLUMNS`, the mean over seeds. Predictions with estimated shares are transductive.
    """
    rows = []
    for (system, corpus), part in predictions.groupby(["system", "test_corpus"], sort=True):
        read = probabilities.read(part, "restricted", scoring)
        known = np.bincount(read.truth, minlength=len(scoring.classes)) / len(read.truth)
        per_seed = [_scores(read.truth, values, known) for values in read.values]
        means = pd.concat(per_seed).groupby(level=0, sort=False).mean()
        rows.append(
            means.rename_axis("shares").reset_index().assign(system=system, test_corpus=corpus, n=len(read.truth))
        )
    return pd.concat(rows, ignore_index=True)[COLUMNS] if rows else pd.DataFrame(columns=COLUMNS)


def _scores(truth: np.ndarray, values: np.ndarray, known: np.ndarray) -> pd.DataFrame:
    """Scores under each kind of shares, of one seed."""
    uniform = (known > 0) / np.count_nonzero(known)
    shares = dict(zip(KINDS, (uniform, priors.em(values, uniform), known), strict=True))
    rows = {}
    for kind, target in shares.items():
        p = priors.reweighted(values, uniform, target)
        confusion = stats.confusion(truth, p.argmax(axis=1), len(known))
        own = np.maximum(p[np.arange(len(truth)), truth], np.finfo(float).tiny)
        rows[kind] = {"distance": np.abs(target - known).sum() / 2, "UAR": stats.uar(confusion),
                      "WA": stats.wa(confusion), "log_loss": -np.log(own).mean(),
                      "ECE": stats.calibration_error(truth, p)}  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index")
