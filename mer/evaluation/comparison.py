"""Is one system better than another? A table of every system against one, for each corpus and for their mean."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.counts import Counts, count

COLUMNS = [
    "system", "reference", "protocol", "answers", "test_corpus", "metric", "value", "reference_value", "difference",
    "low", "high", "p", "p_holm", "smallest_p", "verdict", "n", "speakers", "seeds",
]  # fmt: skip
MEAN = "mean over corpora"
METRICS = {"UAR": stats.uar, "WA": stats.wa, "macro_F1": stats.macro_f1, "weighted_F1": stats.weighted_f1}
BETTER, WORSE, NOT_SHOWN = "better", "worse", "not shown"


def compare(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, str],
    reference: str,
    *,
    protocol: str = "loco",
    answers: str = "free",
    metric: str = "UAR",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare every system with one of them, clip by clip and speaker by speaker.

    Args:
        predictions: as from `scores.predictions`.
        clusters: corpus -> column over which its speakers (dialogues, videos) are told apart.
        reference: the system that the others are compared with, named beforehand.
        metric: a key of `METRICS`.
        confidence: of the intervals; a difference is shown where the adjusted p is at most 1 - confidence.

    Returns:
        a row per other system and corpus of the reference's, and where those are several, one for the mean over them,
        of UAR chance-corrected. Both systems count on the clips and seeds that both have: `n` says how many clips.
        `p_holm` is adjusted over the rows of corpora, and over the rows of means: each is one family of questions.
        `smallest_p` is the least that the adjusted p of a row is sure to reach with so few speakers; where it is above
        1 - confidence, next to nothing can be shown, whatever the systems do. `verdict` is better, worse, not shown,
        or why there is no comparison, such as missing predictions.

    Raises:
        ValueError: no prediction of the reference in this protocol, another metric, or a corpus was tested after
            several trainings.
        Unusable: as from `counts.count`.
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is none of {', '.join(METRICS)}")
    asked = predictions[predictions["protocol"] == protocol]
    if reference not in set(asked["system"]):
        raise ValueError(f"{reference!r} has no predictions of {protocol}; there are {sorted(set(asked['system']))}")
    plans = asked.groupby(["system", "test_corpus"])["train_corpora"].nunique()
    if (plans > 1).any():
        system, corpus = plans.index[plans > 1][0]
        raise ValueError(
            f"{system} was tested on {corpus} after several trainings; compare one `train_corpora` at a time"
        )
    parts = dict(iter(asked.groupby(["system", "test_corpus"], sort=True)))
    corpora = [corpus for system, corpus in parts if system == reference]
    about = {"reference": reference, "protocol": protocol, "answers": answers, "metric": metric}
    rows = []
    for system in sorted(set(asked["system"]) - {reference}):
        pairs = {c: _pair(parts.get((system, c)), parts[reference, c], answers, classes, clusters[c]) for c in corpora}
        for corpus in corpora:
            found = _compared({corpus: pairs[corpus]}, METRICS[metric], confidence)
            rows.append(about | {"system": system, "test_corpus": corpus} | found)
        if len(corpora) > 1:
            statistic = _corrected if metric == "UAR" else METRICS[metric]
            rows.append(about | {"system": system, "test_corpus": MEAN} | _compared(pairs, statistic, confidence))
    return _judged(pd.DataFrame(rows, columns=COLUMNS), 1 - confidence)


def _pair(
    ours: pd.DataFrame | None, theirs: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: str
) -> tuple[Counts, Counts] | str:
    """Counts of both on the clips and seeds that both have, or why there are none."""
    if ours is None:
        return "no predictions"
    seeds = [set(side["seed"]) for side in (ours, theirs)]
    if min(map(len, seeds)) > 1:  # else it is a solution that depends on no seed, and meets all of the other's
        both = seeds[0] & seeds[1]
        ours, theirs = (side[side["seed"].isin(both)] for side in (ours, theirs))
    clips = set(ours["utterance_id"]) & set(theirs["utterance_id"])
    ours, theirs = (side[side["utterance_id"].isin(clips)] for side in (ours, theirs))
    if ours.empty or theirs.empty:
        return "no clip or no seed in common"
    return count(ours, answers, classes, cluster), count(theirs, answers, classes, cluster)


def _compared(pairs: dict[str, tuple[Counts, Counts] | str], statistic: stats.Statistic, confidence: float) -> dict:
    if lacking := {corpus: pair for corpus, pair in pairs.items() if isinstance(pair, str)}:
        return {"n": 0, "speakers": 0, "seeds": 0, "verdict": "; ".join(f"{w} on {c}" for c, w in lacking.items())}
    sides = [(ours.confusions, theirs.confusions) for ours, theirs in pairs.values()]
    found = stats.compare(sides, statistic, confidence)
    values = [np.mean([np.mean(statistic(side[at].sum(axis=1))) for side in sides]) for at in (0, 1)]
    return {
        "value": values[0], "reference_value": values[1], "difference": found.point, "low": found.low,
        "high": found.high, "p": found.p, "smallest_p": found.smallest, "n": sum(o.n for o, _ in pairs.values()),
        "speakers": sum(o.speakers for o, _ in pairs.values()), "seeds": max(len(o.seeds) for o, _ in pairs.values()),
    }  # fmt: skip


def _corrected(confusions: np.ndarray) -> stats.Number:
    return stats.chance_corrected(stats.uar(confusions), stats.classes_present(confusions))


def _judged(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """The table with adjusted p-values and verdicts, corpora one family of questions and means another."""
    table = table.astype(
        dict.fromkeys(["value", "reference_value", "difference", "low", "high", "p", "smallest_p"], float)
    )
    table["p_holm"] = np.nan
    for mask in (table["test_corpus"] == MEAN, table["test_corpus"] != MEAN):
        table.loc[mask, "p_holm"] = stats.holm(table.loc[mask, "p"])
        table.loc[mask, "smallest_p"] *= table.loc[mask, "p"].notna().sum()
    table["smallest_p"] = table["smallest_p"].clip(upper=1)
    word = np.where(table["p_holm"] > level, NOT_SHOWN, np.where(table["difference"] > 0, BETTER, WORSE))
    table["verdict"] = table["verdict"].where(table["p"].isna(), word)
    return table
