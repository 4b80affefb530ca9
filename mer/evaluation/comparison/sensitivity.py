"""Sensitivity analysis: the same predictions under other metrics, and the same systems under other splits."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from mer.evaluation.comparison.comparison import (
    BETTER,
    COLUMNS,
    MEAN,
    WORSE,
    compare_pair,
    corrected_uar,
    statistic_of,
    with_verdicts,
)
from mer.evaluation.protocols.cells import Cell
from mer.evaluation.protocols.random_split import RANDOM, refuse_random
from mer.evaluation.scores.confusions import KEYS, Scoring, SpeakerConfusions, count
from mer.evaluation.scores.scores import n_choices
from mer.stats import CONFUSION_METRICS

SPLIT_NAMES = {RANDOM: "random", "in_corpus": "speakers apart", "loco": "corpus held out"}
"""Protocol -> name of its split in tables, from the highest expected score to the lowest."""
SPLIT_PAIRS = (("random", "speakers apart"), ("speakers apart", "corpus held out"), ("random", "corpus held out"))
"""The splits whose scores are compared: the score of the first minus that of the second."""
INFLATION_COLUMNS = [
    "system", "test_corpus", "answers", "metric", "split", "split_value", "than", "than_value", "points", "low", "high",
    "p", "p_holm", "smallest_p", "verdict", "n", "speakers", "seeds", "of", "clusters", "n_clusters",
]  # fmt: skip
"""The columns of `split_inflation.csv` without flags."""


def speaker_overlap(manifest: pd.DataFrame, cells: Iterable[Cell]) -> pd.DataFrame:
    """Return the share of test utterances whose speaker is in the training rows: a row per corpus, a column per split.

    Args:
        manifest: usable rows, index 0..n-1.
        cells: cells of one corpus each, of the protocols in `SPLIT_NAMES`; the folds of a corpus are averaged.
    """
    speaker = manifest["speaker_id"].to_numpy()
    rows = [
        (cell.train_corpora[0], SPLIT_NAMES[cell.protocol], np.isin(speaker[cell.test], speaker[cell.train]).mean())
        for cell in cells
    ]
    table = pd.DataFrame(rows, columns=["corpus", "split", "share"])
    wide = table.pivot_table(index="corpus", columns="split", values="share")
    return wide.reindex(columns=[name for name in SPLIT_NAMES.values() if name in set(table["split"])])


def metric_sensitivity(predictions: pd.DataFrame, scoring: Scoring, answers: str = "free") -> pd.DataFrame:
    """Score the same predictions under each metric.

    Args:
        predictions: as from `scores.predictions`.
        scoring: classes and clusters.
        answers: free or restricted.

    Returns:
        one row per system, protocol, training and test corpus, with the means over seeds of UAR, WA, macro_F1 and
        weighted_F1. `points` is the range of these four in percentage points, `chance` the UAR of guessing. `best_by`
        names the metrics under which the system is best among the systems with the same protocol and corpora. `n` and
        `classes` count test utterances and their classes.

    Raises:
        ValueError: predictions are of a random split, which only `split_inflation` reads.
        PredictionError: as from `confusions.count`.
    """
    refuse_random(predictions)
    rows = []
    for values, part in predictions.groupby(list(KEYS), sort=True):
        counts = count(part, answers, scoring.classes, scoring.clusters[values[-1]])
        total = counts.confusions.sum(axis=1)
        by_metric = {name: float(np.mean(metric.function(total))) for name, metric in CONFUSION_METRICS.items()}
        points = 100 * (max(by_metric.values()) - min(by_metric.values()))
        base = {"answers": answers, "points": points, "n": counts.n, "classes": counts.classes}
        base["chance"] = 1 / n_choices(answers, values[1], counts.classes, len(scoring.classes))
        rows.append(dict(zip(KEYS, values, strict=True)) | base | by_metric)
    table = pd.DataFrame(rows, columns=[*KEYS, "answers", *CONFUSION_METRICS, "points", "n", "classes", "chance"])
    highest = table.groupby(list(KEYS[1:]))[list(CONFUSION_METRICS)].transform("max")
    is_best = table[list(CONFUSION_METRICS)] == highest
    return table.assign(
        best_by=[" ".join(name for name in CONFUSION_METRICS if row[name]) for _, row in is_best.iterrows()]
    )


def split_inflation(
    predictions: pd.DataFrame, scoring: Scoring, *, answers: str = "restricted", metric: str = "UAR"
) -> pd.DataFrame:
    """Compare the same systems under a random split, a split by speaker, and LOCO.

    Args:
        predictions: as from `scores.predictions`; protocols that are not in `SPLIT_NAMES` are ignored.
        scoring: classes, clusters and confidence.
        answers: free or restricted. A model that is trained within a corpus chooses among the classes of this corpus,
            so restricted predictions make the splits comparable.
        metric: UAR, WA, macro_F1 or weighted_F1.

    Returns:
        `INFLATION_COLUMNS`, three rows per system and corpus, one for each of `SPLIT_PAIRS`, and three for the mean
        over corpora, which is of the chance-corrected UAR. Both splits are scored on the utterances that all splits
        test. `points` is the score of `split` minus that of `than` in percentage points, with its paired interval,
        p-values and verdict as from `comparison.compare`. The corpora of a system are one family of tests, its means
        another. The verdict is shown, not shown, `comparison.DIFFER` with one seed of a network, or the reason why
        there is no comparison.

    Raises:
        PredictionError: as from `confusions.count`.
    """
    selected = predictions[predictions["protocol"].isin(SPLIT_NAMES)]
    tables = [pd.DataFrame(columns=INFLATION_COLUMNS)]
    for system, part in selected.groupby("system", sort=True):
        rows = [{"system": system, "answers": answers, "metric": metric} | row
                for row in _system_rows(part, scoring, answers, metric)]  # fmt: skip
        table = with_verdicts(pd.DataFrame(rows, columns=["split", "than", *COLUMNS]), 1 - scoring.confidence)
        tables.append(_in_points(table))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _system_rows(part: pd.DataFrame, scoring: Scoring, answers: str, metric: str) -> list[dict]:
    """The rows of one system: every pair of splits on each corpus and on their mean."""
    family = part.groupby("test_corpus")["family"].first().to_dict()
    counts = {corpus: _by_split(rows, answers, scoring) for corpus, rows in part.groupby("test_corpus", sort=True)}
    groups = {corpus: [corpus] for corpus in counts} | ({MEAN: list(counts)} if len(counts) > 1 else {})
    rows = []
    for (name, corpora), (split, than) in product(groups.items(), SPLIT_PAIRS):
        pairs = {corpus: _pair(counts[corpus], split, than) for corpus in corpora}
        # restricted predictions have the same chance under all splits
        mean = corrected_uar("restricted", "loco", len(scoring.classes)) if name == MEAN else None
        row = compare_pair(pairs, family, statistic_of(metric, mean), scoring)
        rows.append({"test_corpus": name, "split": split, "than": than} | row)
    return rows


def _by_split(rows: pd.DataFrame, answers: str, scoring: Scoring) -> dict[str, SpeakerConfusions]:
    """Split -> confusions on the utterances that all splits test; empty if there is no such utterance."""
    by_split = {name: rows[rows["protocol"] == protocol] for protocol, name in SPLIT_NAMES.items()}
    by_split = {name: side for name, side in by_split.items() if len(side)}
    utterances = set.intersection(*(set(side["utterance_id"]) for side in by_split.values()))
    if not utterances:
        return {}
    cluster = scoring.clusters[rows["test_corpus"].iloc[0]]
    common = {name: side[side["utterance_id"].isin(utterances)] for name, side in by_split.items()}
    return {name: count(side, answers, scoring.classes, cluster) for name, side in common.items()}


def _pair(
    counts: dict[str, SpeakerConfusions], split: str, than: str
) -> tuple[SpeakerConfusions, SpeakerConfusions] | str:
    if not counts:
        return "no clip in common"
    missing = [name for name in (split, than) if name not in counts]
    return f"not trained with {' and '.join(missing)}" if missing else (counts[split], counts[than])


def _in_points(table: pd.DataFrame) -> pd.DataFrame:
    verdict = table["verdict"].replace(dict.fromkeys((BETTER, WORSE), "shown"))
    points = 100 * table[["difference", "low", "high"]].set_axis(["points", "low", "high"], axis=1)
    renamed = table.rename(columns={"value": "split_value", "reference_value": "than_value"})
    return renamed.drop(columns=["difference", "low", "high"]).join(points).assign(verdict=verdict)[INFLATION_COLUMNS]
