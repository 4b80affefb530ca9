"""Beside every score what scores there without hearing an emotion, and whether the score is shown to be more.

A shortcut (mer/dataset/audit/shortcuts/scores.py) has learned from the labels of the corpus that it is tested on, and
answers among that corpus's classes. So it is held against scores whose answers could have been no others: restricted
ones, those of models of this corpus alone, and free ones where the corpus has every class that there is. A model that
the corpus was held out of has not seen its labels, so that for LOCO a shortcut is the stricter measure: what a cue
within the corpus would give, not what the model can have used.
"""

import pandas as pd

from mer.dataset.audit.shortcuts.severities import POOLED
from mer.evaluation.scores.confusions import KEYS

PROTOCOLS = ("in_corpus", "loco")
COLUMNS = [*KEYS, "answers", "value", "low", "shortcut", "shortcut_UAR", "reached"]


def beside(results: pd.DataFrame, shortcuts: pd.DataFrame, classes: int) -> pd.DataFrame:
    """Return the UAR of every system within a corpus and held out of it, with the best shortcut of that corpus.

    Args:
        results: as from `scores.score`.
        shortcuts: as from `shortcut_scores`: corpus, shortcut, UAR, chance.
        classes: among how many free answers choose.

    Returns:
        `COLUMNS`, a row per mean over seeds of `PROTOCOLS`. shortcut: the one with the highest UAR over the same number
        of classes as the score, the first among equals; none where the score's answers could have been others, or
        nothing was measured. reached: whether its UAR is at least the lower bound of the score, or the score itself
        where that has no interval; False without a shortcut.
    """
    is_mean = results["seed"].isna() & (results["metric"] == "UAR") & results["protocol"].isin(PROTOCOLS)
    rows = results[is_mean & results["classes"].notna()].copy()
    own = (rows["answers"] == "restricted") | (rows["protocol"] == "in_corpus")
    among = rows["classes"].astype(float).where(own, float(classes))
    there = shortcuts[shortcuts["corpus"] != POOLED].assign(k=lambda s: (1 / s["chance"].astype(float)).round())
    best = there.sort_values("UAR", ascending=False, kind="stable").drop_duplicates(["corpus", "k"])
    best = best.set_index(["corpus", "k"])[["shortcut", "UAR"]]
    keys = pd.MultiIndex.from_arrays([rows["test_corpus"].astype(object), among.where(among == rows["classes"])])
    found = best.reindex(keys)
    rows["shortcut"], rows["shortcut_UAR"] = found["shortcut"].to_numpy(object), found["UAR"].to_numpy(float)
    rows["reached"] = rows["shortcut_UAR"] >= rows["low"].fillna(rows["value"])
    return rows[COLUMNS].reset_index(drop=True)
