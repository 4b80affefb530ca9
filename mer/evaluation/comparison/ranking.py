"""In which order systems stand over several corpora, and how much of it rests on who was recorded."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.comparison.comparison import corrected_uar
from mer.evaluation.protocols.cells import refuse_random
from mer.evaluation.scores.confusions import Cluster, cluster_keys, count, merge_family, per_block

MIN_CORPORA_IN_DIAGRAM = 8
"""A diagram of mean ranks is drawn from so many corpora on."""


def rank_systems(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, Cluster],
    *,
    protocol: str = "loco",
    answers: str = "free",
    confidence: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank systems by their mean chance-corrected UAR over corpora, and see how the order holds over other speakers.

    Returns:
        system, value, rank (1 is the highest), low, high (percentiles of its rank over resamples of the speakers, all
        systems with the same), first (share of the resamples in which it leads; a tie is shared out), corpora, note. A
        system that was not asked about every corpus has a note and no rank. With a handful of speakers percentiles are
        too narrow, so that ranks order and `comparison.compare` decides.
        Resamples of one class only are left out; where all are, no system has a rank.

    Raises:
        Unusable, ValueError: as `comparison.compare`
    """
    asked, whole = _systems_on_all_corpora(predictions, protocol)
    corpora, tested = sorted(set(asked["test_corpus"])), asked.groupby("system")["test_corpus"].agg(set)
    rows = []
    for system in sorted(set(tested.index) - set(whole)):
        lacking = ", ".join(sorted(set(corpora) - tested[system]))
        rows.append((system, *[np.nan] * 5, len(tested[system]), f"no predictions on {lacking}"))
    points, means = _resampled(asked, whole, classes, clusters, answers, protocol, draws, seed)
    means = means[:, np.isfinite(means).all(axis=0)]
    if not np.isfinite(points).all() or not means.size:
        rows += [(system, *[np.nan] * 5, len(corpora), "nothing to measure: one class only") for system in whole]
    else:
        places, order = stats.ranks(means), stats.ranks(points[:, None])[:, 0]
        ahead = places == places.min(axis=0)
        first = (ahead / ahead.sum(axis=0)).mean(axis=1)
        for at, system in enumerate(whole):
            low, high = stats.percentile(places[at], confidence)
            rows.append((system, points[at], order[at], low, high, first[at], len(corpora), ""))
    numeric = ["value", "rank", "low", "high", "first"]
    table = pd.DataFrame(rows, columns=["system", *numeric, "corpora", "note"])
    return table.astype(dict.fromkeys(numeric, float)).sort_values(["rank", "system"], ignore_index=True)


def resampled(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, Cluster],
    *,
    protocol: str = "loco",
    answers: str = "free",
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the mean chance-corrected UAR over corpora on resampled speakers: a row per resample, a column per system.

    All systems meet the same speakers, so that a row may be compared. Systems that were not asked about every corpus
    are left out.

    Raises:
        Unusable, ValueError: as `comparison.compare`
    """
    asked, whole = _systems_on_all_corpora(predictions, protocol)
    return pd.DataFrame(_resampled(asked, whole, classes, clusters, answers, protocol, draws, seed)[1].T, columns=whole)


def _systems_on_all_corpora(predictions: pd.DataFrame, protocol: str) -> tuple[pd.DataFrame, list[str]]:
    """Predictions of a protocol, and the systems that were asked about all of its corpora."""
    asked = predictions[predictions["protocol"] == protocol]
    refuse_random(asked)
    tested = asked.groupby("system")["test_corpus"].nunique()
    return asked, sorted(tested.index[tested == asked["test_corpus"].nunique()])


def _resampled(
    asked: pd.DataFrame, systems: list[str], classes: tuple[str, ...], clusters: Mapping[str, Cluster], answers: str,
    protocol: str, draws: int, seed: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Mean over corpora of each system, (systems,), and of its resamples, (systems, draws)."""
    asked = asked[asked["system"].isin(systems)]
    corpora = asked["test_corpus"].nunique()
    statistic = per_block(corrected_uar(answers, protocol, len(classes)), len(classes))
    points, means = np.zeros(len(systems)), np.zeros((len(systems), draws))
    for number, (_, kin) in enumerate(asked.groupby("family", sort=True)):
        names = {
            c: cluster_keys(part, clusters[c]).unique().sort_values()
            for c, part in kin.groupby("test_corpus", sort=True)
        }
        stacks = {}
        for system, part in kin.groupby("system", sort=True):
            counted = {c: count(part[part["test_corpus"] == c], answers, classes, clusters[c], names[c]) for c in names}
            stack, ways = merge_family(
                counted
            )  # of two kinds of clusters the first is drawn: people, of whom are fewer
            stacks[system] = stack if ways is None else stats.sum_by_group(stack, ways[0], axis=1)
        drawn, share = stats.resample(stacks, statistic, draws, seed=seed + number), len(names) / corpora
        means += share * np.stack([drawn[system] for system in systems])
        points += share * np.array([np.mean(statistic(stacks[system].sum(axis=1))) for system in systems])
    return points, means
