"""The protocol card: what the same predictions score under other metrics, and the same system under other splits."""

from collections.abc import Iterable, Mapping
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
from mer.evaluation.protocols.cells import RANDOM, Cell, refuse_random
from mer.evaluation.scores.confusions import KEYS, Cluster, SpeakerConfusions, count
from mer.evaluation.scores.scores import n_choices
from mer.stats import CONFUSION_METRICS

SPLIT_NAMES = {RANDOM: "random", "in_corpus": "speakers apart", "loco": "corpus held out"}
"""protocol -> what the card calls it, from the most flattering to the strictest"""
SPLIT_PAIRS = (("random", "speakers apart"), ("speakers apart", "corpus held out"), ("random", "corpus held out"))
INFLATION_COLUMNS = [
    "system", "test_corpus", "answers", "metric", "split", "split_value", "than", "than_value", "points", "low", "high",
    "p", "p_holm", "smallest_p", "verdict", "n", "speakers", "seeds", "of", "clusters", "n_clusters",
]  # fmt: skip


def speaker_overlap(manifest: pd.DataFrame, cells: Iterable[Cell]) -> pd.DataFrame:
    """Return which share of the tested clips is of a speaker who was trained on: a row per corpus, a column per split.

    Args:
        manifest: usable rows, index 0..n-1.
        cells: of one corpus each, of the protocols in `SPLITS`; a corpus's folds are averaged.
    """
    speaker = manifest["speaker_id"].to_numpy()
    rows = [
        (cell.train_corpora[0], SPLIT_NAMES[cell.protocol], np.isin(speaker[cell.test], speaker[cell.train]).mean())
        for cell in cells
    ]
    table = pd.DataFrame(rows, columns=["corpus", "split", "share"])
    wide = table.pivot_table(index="corpus", columns="split", values="share")
    return wide.reindex(columns=[name for name in SPLIT_NAMES.values() if name in set(table["split"])])


def metric_sensitivity(
    predictions: pd.DataFrame, classes: tuple[str, ...], clusters: Mapping[str, Cluster], answers: str = "free"
) -> pd.DataFrame:
    """Score the same predictions under each metric.

    Returns:
        a row per system, protocol, training and test corpus: the mean over seeds of UAR, WA, macro_F1 and weighted_F1,
        `points` between the highest and the lowest of them, n, classes, chance (the UAR of guessing), and `best_by`:
        the metrics by which this system is ahead of all others of its row's protocol and corpora.

    Raises:
        ValueError: predictions of a random split, which only `inflation` takes.
        Unusable: as from `counts.count`.
    """
    refuse_random(predictions)
    rows = []
    for values, part in predictions.groupby(list(KEYS), sort=True):
        counted = count(part, answers, classes, clusters[values[-1]])
        total = counted.confusions.sum(axis=1)
        found = {name: float(np.mean(metric.function(total))) for name, metric in CONFUSION_METRICS.items()}
        points = 100 * (max(found.values()) - min(found.values()))
        about = {"answers": answers, "points": points, "n": counted.n, "classes": counted.classes}
        about["chance"] = 1 / n_choices(answers, values[1], counted.classes, len(classes))
        rows.append(dict(zip(KEYS, values, strict=True)) | about | found)
    table = pd.DataFrame(rows, columns=[*KEYS, "answers", *CONFUSION_METRICS, "points", "n", "classes", "chance"])
    best = table.groupby(list(KEYS[1:]))[list(CONFUSION_METRICS)].transform("max")
    first = table[list(CONFUSION_METRICS)] == best
    return table.assign(
        best_by=[" ".join(name for name in CONFUSION_METRICS if row[name]) for _, row in first.iterrows()]
    )


def split_inflation(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, Cluster],
    *,
    answers: str = "restricted",
    metric: str = "UAR",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare the same system under a random split, with speakers apart, and with the whole corpus held out.

    Args:
        predictions: of the protocols in `SPLITS`, as from `scores.predictions`; others are passed over.
        clusters: corpus -> column over which intervals are computed.
        answers: restricted, as what is trained within a corpus knows its classes.
        metric: UAR, WA, macro_F1 or weighted_F1.

    Returns:
        three rows per system and corpus, one per pair of splits, and three for the mean over corpora, of UAR
        chance-corrected: what each split scores on the clips that all of them test, by how many points the first of the
        pair flatters, and the paired interval, p-values and verdict of `comparison.compare`, where a system's corpora
        are one family of questions and its means another. The verdict is shown, not shown, `comparison.DIFFER` with one
        seed of a network, or what is missing.

    Raises:
        Unusable: as from `counts.count`.
    """
    asked = predictions[predictions["protocol"].isin(SPLIT_NAMES)]
    tables = [pd.DataFrame(columns=INFLATION_COLUMNS)]
    for system, part in asked.groupby("system", sort=True):
        family = part.groupby("test_corpus")["family"].first().to_dict()
        counted = {
            c: _splits(rows, answers, classes, clusters[c]) for c, rows in part.groupby("test_corpus", sort=True)
        }
        groups = {corpus: [corpus] for corpus in counted} | ({MEAN: list(counted)} if len(counted) > 1 else {})
        rows = []
        for (name, corpora), (first, second) in product(groups.items(), SPLIT_PAIRS):
            pairs = {corpus: _pair(counted[corpus], first, second) for corpus in corpora}
            mean = (
                corrected_uar("restricted", "loco", len(classes)) if name == MEAN else None
            )  # one chance for all splits
            found = compare_pair(pairs, family, statistic_of(metric, mean), confidence, tuple(classes))
            about = {"system": system, "test_corpus": name, "answers": answers, "metric": metric}
            rows.append(about | {"split": first, "than": second} | found)
        tables.append(
            _in_points(with_verdicts(pd.DataFrame(rows, columns=["split", "than", *COLUMNS]), 1 - confidence))
        )
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _splits(
    rows: pd.DataFrame, answers: str, classes: tuple[str, ...], cluster: Cluster
) -> dict[str, SpeakerConfusions]:
    """Name of a split -> counts on the clips that all splits have; none where they have no clip in common."""
    sides = {name: rows[rows["protocol"] == protocol] for protocol, name in SPLIT_NAMES.items()}
    there = {name: side for name, side in sides.items() if len(side)}
    clips = set.intersection(*(set(side["utterance_id"]) for side in there.values()))
    if not clips:
        return {}
    common = {name: side[side["utterance_id"].isin(clips)] for name, side in there.items()}
    return {name: count(side, answers, classes, cluster) for name, side in common.items()}


def _pair(
    counted: dict[str, SpeakerConfusions], first: str, second: str
) -> tuple[SpeakerConfusions, SpeakerConfusions] | str:
    if not counted:
        return "no clip in common"
    lacking = [name for name in (first, second) if name not in counted]
    return f"not trained with {' and '.join(lacking)}" if lacking else (counted[first], counted[second])


def _in_points(table: pd.DataFrame) -> pd.DataFrame:
    shown = table["verdict"].replace(dict.fromkeys((BETTER, WORSE), "shown"))
    points = 100 * table[["difference", "low", "high"]].set_axis(["points", "low", "high"], axis=1)
    named = table.rename(columns={"value": "split_value", "reference_value": "than_value"})
    return named.drop(columns=["difference", "low", "high"]).join(points).assign(verdict=shown)[INFLATION_COLUMNS]
