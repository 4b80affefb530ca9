"""What each protocol would claim about one system, beside what holds on a corpus that nobody has seen.

The same system is scored on utterances of a random split, of new speakers of its training corpora, and of a corpus that
was held out. Only the last is what a model meets in other recordings. `claims` puts the UAR and the calibration error
of all of them into one table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.comparison.comparison import MEAN
from mer.evaluation.protocols.random_split import RANDOM
from mer.evaluation.scores import probabilities, scores
from mer.evaluation.scores.confusions import Scoring, count
from mer.training.job import JobResult

VALIDATION = "validation"
"""The value of `protocol` of predictions of the rows that chose the model and its temperature: validation speakers
of the training corpora, or training corpora that were left out (`training.choose_by`)."""
PROTOCOL_NAMES = {
    RANDOM: "random split", "in_corpus": "speakers apart", VALIDATION: "rows that chose the model",
    "multi_corpus": "new speakers, all corpora", "loco": "corpus held out",
}  # fmt: skip
"""Protocol -> its name in tables and figures, from the highest expected score to the lowest."""
PROBABILITY_METRICS = {"ECE": stats.calibration_error, "AURC": stats.area_under_risk_coverage}
"""Metrics of probabilities in the table of claims: calibration error, and mean risk over all coverages."""
COLUMNS = ["system", "protocol", "test_corpus", "answers", "metric", "value", "low", "high", "n", "speakers", "corpora"]
"""The columns of `claims` without flags."""


def claims(predictions: pd.DataFrame, scoring: Scoring, answers: str = "restricted") -> pd.DataFrame:
    """Return UAR, ECE and AURC of each system under each protocol, by corpus and as the mean over corpora.

    Args:
        predictions: as from `scores.predictions`; protocols that are not in `PROTOCOL_NAMES` are ignored. Those of
            `VALIDATION` are as from `validation_predictions`.
        scoring: classes, clusters and confidence.
        answers: free or restricted. Restricted predictions make the protocols comparable.

    Returns:
        `COLUMNS`. `low` and `high` are NaN with fewer than three speakers, and if no speaker changes the value. The
        mean is over the `corpora` that every protocol of the system tests, so that protocols are compared on the same
        corpora.

    Raises:
        PredictionError: as from `confusions.count`.
    """
    rows: list[dict] = []
    for system, part in predictions.groupby("system", sort=True):
        by_protocol = {p: part[part["protocol"] == p] for p in PROTOCOL_NAMES if (part["protocol"] == p).any()}
        if not by_protocol:
            continue
        shared = set.intersection(*(set(rows_["test_corpus"]) for rows_ in by_protocol.values()))
        for protocol, of_protocol in by_protocol.items():
            base = {"system": system, "protocol": protocol, "answers": answers}
            rows += [base | row for row in _protocol_rows(of_protocol, shared, scoring, answers)]
    return pd.DataFrame(rows, columns=COLUMNS)


def validation_predictions(
    results: list[JobResult], manifest: pd.DataFrame, classes: tuple[str, ...], present: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Return the predictions of the rows that chose the models of LOCO, with the protocol `VALIDATION`.

    A row is predicted once for each family that is held out, other than its own. `seed` numbers these trainings, so
    that `claims` averages over them. Rows that one of them lacks, such as copies of held-out recordings, are left out.

    Args:
        results: results of jobs; those of other protocols are ignored.
        manifest, classes, present: as for `scores.predictions`.
    """
    tables, numbers = [], {}
    for result in (one for one in results if one.job.cell.protocol == "loco" and len(one.validated_rows)):
        job, cell = result.job, result.job.cell
        number = numbers.setdefault((cell.held_out, job.seed), len(numbers))
        own = replace(job, test=result.validated_rows, seed=number, cell=replace(cell, protocol=VALIDATION))
        one = replace(result, job=own, probabilities=result.validation_probabilities, label_sets=None,
                      restricted_probabilities=None)  # fmt: skip
        tables.append(scores.predictions([one], manifest, classes, dict(present)).assign(transductive=False))
    if not tables:
        return pd.DataFrame(columns=["system", "protocol"])
    table = pd.concat(tables, ignore_index=True)
    trainings = table.groupby(["system", "test_corpus"])["seed"].transform("nunique")
    complete = table.groupby(["system", "utterance_id"])["seed"].transform("size") == trainings
    return table[complete].reset_index(drop=True)


def _protocol_rows(part: pd.DataFrame, shared: set[str], scoring: Scoring, answers: str) -> Iterator[dict]:
    """The rows of one system and protocol: each corpus, and the mean over those that all protocols test."""
    estimates: dict[str, dict[str, stats.Estimate]] = {}
    for corpus, rows in part.groupby("test_corpus", sort=True):
        estimates[corpus] = _estimates(rows, scoring, answers)
        sizes = {"n": rows["utterance_id"].nunique(), "speakers": rows["speaker_id"].nunique(), "corpora": 1}
        for metric, one in estimates[corpus].items():
            interval = stats.interval(one, scoring.confidence) if metric == "UAR" else _interval([one], scoring)
            yield {"test_corpus": corpus, "metric": metric, **sizes, **_ends(interval)}
    own = part[part["test_corpus"].isin(shared)]
    sizes = {"n": own["utterance_id"].nunique(), "speakers": own["speaker_id"].nunique(), "corpora": len(shared)}
    for metric in ("UAR", *PROBABILITY_METRICS) if shared else ():
        interval = _interval([estimates[corpus][metric] for corpus in sorted(shared)], scoring)
        yield {"test_corpus": MEAN, "metric": metric, **sizes, **_ends(interval)}


def _estimates(rows: pd.DataFrame, scoring: Scoring, answers: str) -> dict[str, stats.Estimate]:
    """Metric -> estimate on one corpus; trainings without different held-out families count as one more seed each."""
    counts = count(rows, answers, scoring.classes, scoring.clusters[rows["test_corpus"].iloc[0]])
    values = probabilities.read(rows, answers, scoring)
    of_probabilities = {name: values.estimate(function) for name, function in PROBABILITY_METRICS.items()}
    return {"UAR": stats.estimate(counts.confusions, stats.uar, groupings=counts.groupings), **of_probabilities}


def _interval(parts: list[stats.Estimate], scoring: Scoring) -> stats.Interval:
    return stats.combined(parts, confidence=scoring.confidence)


def _ends(interval: stats.Interval) -> dict[str, float]:
    """The value and the ends of an interval, which lie in [0, 1]; none of zero width."""
    if interval.low == interval.high:
        return {"value": interval.point, "low": np.nan, "high": np.nan}
    return {"value": interval.point, "low": np.clip(interval.low, 0, 1), "high": np.clip(interval.high, 0, 1)}
