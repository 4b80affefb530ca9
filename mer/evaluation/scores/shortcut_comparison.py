"""Compare scores with the best shortcut of the same corpus: a classifier of a cue that is no emotion.

A shortcut classifier (mer/dataset/audit/shortcuts/scores.py) is trained and tested within one corpus and chooses among
the classes of that corpus. It is therefore compared only with scores that choose among the same classes: restricted
predictions, models trained on this corpus alone, and free predictions if the corpus has all classes. The comparison is
strict for LOCO: the shortcut has learned from labels of the test corpus, and the LOCO model has not.
"""

import pandas as pd

from mer.dataset.audit.shortcuts.severities import POOLED
from mer.evaluation.scores.confusions import KEYS

PROTOCOLS = ("in_corpus", "loco")
"""The protocols whose scores are compared with shortcuts."""
COLUMNS = [*KEYS, "answers", "value", "low", "shortcut", "shortcut_UAR", "reached"]
"""The columns of `compare_with_shortcuts`."""


def compare_with_shortcuts(results: pd.DataFrame, shortcuts: pd.DataFrame, classes: int) -> pd.DataFrame:
    """Return the UAR of every system within corpus and by LOCO, with the best shortcut of the corpus.

    Args:
        results: as from `scores.score`.
        shortcuts: as from `shortcut_scores`: corpus, shortcut, UAR, chance.
        classes: the number of classes of the policy, among which free predictions choose.

    Returns:
        `COLUMNS`, a row per mean over seeds of `PROTOCOLS`. shortcut: the shortcut with the highest UAR over the same
        number of classes as the score, the first of equals; none if the score chooses among other classes, or no
        shortcut was measured. reached: whether the shortcut's UAR is at least the lower bound of the score, or at least
        the score if that has no interval; False without a shortcut.
    """
    is_mean = results["seed"].isna() & (results["metric"] == "UAR") & results["protocol"].isin(PROTOCOLS)
    rows = results[is_mean & results["classes"].notna()].copy()
    is_restricted = (rows["answers"] == "restricted") | (rows["protocol"] == "in_corpus")
    n_choices = rows["classes"].astype(float).where(is_restricted, float(classes))
    by_corpus = shortcuts[shortcuts["corpus"] != POOLED].assign(k=lambda s: (1 / s["chance"].astype(float)).round())
    best = by_corpus.sort_values("UAR", ascending=False, kind="stable").drop_duplicates(["corpus", "k"])
    best = best.set_index(["corpus", "k"])[["shortcut", "UAR"]]
    comparable = n_choices.where(n_choices == rows["classes"])
    matches = best.reindex(pd.MultiIndex.from_arrays([rows["test_corpus"].astype(object), comparable]))
    rows["shortcut"], rows["shortcut_UAR"] = matches["shortcut"].to_numpy(object), matches["UAR"].to_numpy(float)
    rows["reached"] = rows["shortcut_UAR"] >= rows["low"].fillna(rows["value"])
    return rows[COLUMNS].reset_index(drop=True)
