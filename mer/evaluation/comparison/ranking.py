"""Rank systems by their mean over corpora and measure how the ranks vary over resampled speakers."""

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.comparison.comparison import corrected_uar
from mer.evaluation.protocols.random_split import refuse_random
from mer.evaluation.scores.confusions import Scoring, cluster_keys, count, merge_family, per_block

MIN_CORPORA_IN_DIAGRAM = 8
"""The smallest number of corpora from which a diagram of mean ranks is drawn."""


def rank_systems(
    predictions: pd.DataFrame,
    scoring: Scoring,
    *,
    protocol: str = "loco",
    answers: str = "free",
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Rank systems by their mean chance-corrected UAR over corpora, and repeat the ranking on resampled speakers.

    With few speakers, percentiles are too narrow. Ranks therefore order systems, and `comparison.compare` tests their
    differences.

    Args:
        predictions: as from `scores.predictions`.
        scoring: classes, clusters and confidence.
        protocol: the protocol whose predictions are ranked.
        answers: free or restricted.
        draws: number of resamples.
        seed: seed of the resamples.

    Returns:
        system; value (the mean); rank (1 is the highest); low and high (percentiles of the rank over resamples; all
        systems use the same ones); first (share of the resamples in which the system leads, ties are shared equally);
        corpora; note. A system that was not tested on all corpora has a note and no rank. Resamples of one class only
        are left out; if no resample is left, no system has a rank.

    Raises:
        PredictionError, ValueError: as `comparison.compare`.
    """
    selected, systems = _systems_on_all_corpora(predictions, protocol)
    corpora, tested = sorted(set(selected["test_corpus"])), selected.groupby("system")["test_corpus"].agg(set)
    rows = []
    for system in sorted(set(tested.index) - set(systems)):
        missing = ", ".join(sorted(set(corpora) - tested[system]))
        rows.append((system, *[np.nan] * 5, len(tested[system]), f"no predictions on {missing}"))
    points, means = _resampled_means(selected, systems, scoring, answers, draws, seed)
    means = means[:, np.isfinite(means).all(axis=0)]
    if not np.isfinite(points).all() or not means.size:
        rows += [(system, *[np.nan] * 5, len(corpora), "nothing to measure: one class only") for system in systems]
    else:
        resampled_ranks, ranks = stats.ranks(means), stats.ranks(points[:, None])[:, 0]
        is_first = resampled_ranks == resampled_ranks.min(axis=0)
        first = (is_first / is_first.sum(axis=0)).mean(axis=1)
        for at, system in enumerate(systems):
            low, high = stats.percentile(resampled_ranks[at], scoring.confidence)
            rows.append((system, points[at], ranks[at], low, high, first[at], len(corpora), ""))
    numeric = ["value", "rank", "low", "high", "first"]
    table = pd.DataFrame(rows, columns=["system", *numeric, "corpora", "note"])
    return table.astype(dict.fromkeys(numeric, float)).sort_values(["rank", "system"], ignore_index=True)


def resampled(
    predictions: pd.DataFrame,
    scoring: Scoring,
    *,
    protocol: str = "loco",
    answers: str = "free",
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the mean chance-corrected UAR over corpora on resampled speakers: a row per resample, a column per system.

    All systems use the same resamples, so the values of a row can be compared. Systems that were not tested on all
    corpora are left out.

    Args:
        predictions, scoring, protocol, answers, draws, seed: as for `rank_systems`.

    Raises:
        PredictionError, ValueError: as `comparison.compare`.
    """
    selected, systems = _systems_on_all_corpora(predictions, protocol)
    means = _resampled_means(selected, systems, scoring, answers, draws, seed)[1]
    return pd.DataFrame(means.T, columns=systems)


def _systems_on_all_corpora(predictions: pd.DataFrame, protocol: str) -> tuple[pd.DataFrame, list[str]]:
    """The predictions of a protocol, and the systems that were tested on all of its corpora."""
    selected = predictions[predictions["protocol"] == protocol]
    refuse_random(selected)
    tested = selected.groupby("system")["test_corpus"].nunique()
    return selected, sorted(tested.index[tested == selected["test_corpus"].nunique()])


def _resampled_means(
    predictions: pd.DataFrame, systems: list[str], scoring: Scoring, answers: str, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The mean over corpora of each system, (systems,), and of its resamples, (systems, draws).

    Args:
        predictions: predictions of one protocol.
        systems: systems that were tested on all corpora.
        scoring, answers, draws, seed: as for `rank_systems`.
    """
    points, means = np.zeros(len(systems)), np.zeros((len(systems), draws))
    if not systems:
        return points, means
    predictions = predictions[predictions["system"].isin(systems)]
    [protocol], n_classes = set(predictions["protocol"]), len(scoring.classes)
    statistic = per_block(corrected_uar(answers, protocol, n_classes), n_classes)
    corpora = predictions["test_corpus"].nunique()
    for number, (_, of_family) in enumerate(predictions.groupby("family", sort=True)):
        stacks = _family_confusions(of_family, scoring, answers)
        share = of_family["test_corpus"].nunique() / corpora
        values = stats.resample(stacks, statistic, draws, seed=seed + number)
        means += share * np.stack([values[system] for system in systems])
        points += share * np.array([np.mean(statistic(stacks[system].sum(axis=1))) for system in systems])
    return points, means


def _family_confusions(predictions: pd.DataFrame, scoring: Scoring, answers: str) -> dict[str, np.ndarray]:
    """System -> confusions of a family, (seeds, clusters, corpora * k, corpora * k); clusters are the same for all."""
    names = {
        corpus: cluster_keys(part, scoring.clusters[corpus]).unique().sort_values()
        for corpus, part in predictions.groupby("test_corpus", sort=True)
    }
    stacks = {}
    for system, part in predictions.groupby("system", sort=True):
        counts = {
            c: count(part[part["test_corpus"] == c], answers, scoring.classes, scoring.clusters[c], names[c])
            for c in names
        }
        stack, groupings = merge_family(counts)
        # of two kinds of clusters, the first is resampled: there are fewer speakers than dialogues
        stacks[system] = stack if groupings is None else stats.sum_by_group(stack, groupings[0], axis=1)
    return stacks
