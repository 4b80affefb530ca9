"""The protocol card: what the same predictions score under other metrics, and the same system under other splits."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.counts import KEYS, Counts, count
from mer.evaluation.protocols import RANDOM
from mer.evaluation.scores import METRICS

SPLITS = {RANDOM: "random", "in_corpus": "speakers_apart", "loco": "corpus_held_out"}
"""protocol -> what a column of the card calls it, from the most flattering to the strictest"""
STEPS = (("random", "speakers_apart"), ("speakers_apart", "corpus_held_out"), ("random", "corpus_held_out"))
INFLATION_COLUMNS = [
    "system", "test_corpus", "answers", "metric", *SPLITS.values(), "from_split", "to_split", "points", "low", "high",
    "p", "p_holm", "smallest_p", "verdict", "n", "speakers", "classes",
]  # fmt: skip


def metrics(
    predictions: pd.DataFrame, classes: tuple[str, ...], clusters: Mapping[str, str], answers: str = "free"
) -> pd.DataFrame:
    """Score the same predictions under each metric.

    Returns:
        a row per system, protocol, training and test corpus: the mean over seeds of UAR, WA, macro_F1 and weighted_F1,
        `points` between the highest and the lowest of them, n, classes, and `first_by`: the metrics by which this
        system is ahead of all others of its row's protocol and corpora.
    """
    rows = []
    for values, part in predictions.groupby(list(KEYS), sort=True):
        counted = count(part, answers, classes, clusters[values[-1]])
        total = counted.confusions.sum(axis=1)
        found = {name: float(np.mean(metric(total))) for name, metric in METRICS.items()}
        points = 100 * (max(found.values()) - min(found.values()))
        about = {"answers": answers, "points": points, "n": counted.n, "classes": counted.classes}
        rows.append(dict(zip(KEYS, values, strict=True)) | about | found)
    table = pd.DataFrame(rows, columns=[*KEYS, "answers", *METRICS, "points", "n", "classes"])
    best = table.groupby(list(KEYS[1:]))[list(METRICS)].transform("max")
    first = table[list(METRICS)] == best
    return table.assign(first_by=[" ".join(name for name in METRICS if row[name]) for _, row in first.iterrows()])


def inflation(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, str],
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
        three rows per system and corpus, one per pair of splits: what each split scores on the clips that all of its
        splits test, by how many points the first of the pair flatters, with the paired interval over speakers, p-values
        as in `comparison.compare` (Holm over the table) and a verdict: shown, not shown, or what is missing.

    Raises:
        Unusable: as from `counts.count`.
    """
    rows = []
    asked = predictions[predictions["protocol"].isin(SPLITS)]
    for (system, corpus), part in asked.groupby(["system", "test_corpus"], sort=True):
        sides = {name: part[part["protocol"] == protocol] for protocol, name in SPLITS.items()}
        there = {name: side for name, side in sides.items() if len(side)}
        clips = set.intersection(*(set(side["utterance_id"]) for side in there.values()))
        counted = {
            name: count(side[side["utterance_id"].isin(clips)], answers, classes, clusters[corpus])
            for name, side in there.items()
            if clips
        }
        about = {"system": system, "test_corpus": corpus, "answers": answers, "metric": metric}
        about |= {n: float(np.mean(METRICS[metric](c.confusions.sum(axis=1)))) for n, c in counted.items()}
        for first, second in STEPS:
            rows.append(
                about | {"from_split": first, "to_split": second} | _step(counted, first, second, metric, confidence)
            )
    table = pd.DataFrame(rows, columns=INFLATION_COLUMNS)
    table["p_holm"] = stats.holm(table["p"])
    table["smallest_p"] = (table["smallest_p"].astype(float) * table["p"].notna().sum()).clip(upper=1)
    shown = np.where(table["p_holm"] <= 1 - confidence, "shown", "not shown")
    return table.assign(verdict=table["verdict"].where(table["p"].isna(), shown))


def _step(counted: dict[str, Counts], first: str, second: str, metric: str, confidence: float) -> dict:
    if lacking := [name for name in (first, second) if name not in counted]:
        return {"verdict": f"not trained: {', '.join(lacking)}" if counted else "no clip in common"}
    one, other = counted[first], counted[second]
    found = stats.compare([(one.confusions, other.confusions)], METRICS[metric], confidence)
    return {
        "points": 100 * found.point, "low": 100 * found.low, "high": 100 * found.high, "p": found.p,
        "smallest_p": found.smallest, "n": one.n, "speakers": one.speakers, "classes": one.classes,
    }  # fmt: skip
