"""Scores of slices (subgroups by gender, age, language and duration) and of classes, and the gaps between slices."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.protocols.random_split import refuse_random
from mer.evaluation.scores.confusions import KEYS, Scoring, SpeakerConfusions, cluster_keys, count, no_interval_reason

SCORE_COLUMNS = [
    "system", "protocol", "answers", "train_corpora", "test_corpus", "attribute", "slice", "value", "low", "high", "n",
    "speakers", "classes", "note", "clusters", "n_clusters", "why_none",
]  # fmt: skip
"""The columns of `slices.csv` without flags."""
GAP_COLUMNS = [
    "system", "protocol", "answers", "train_corpora", "test_corpus", "attribute", "slice", "than", "gap", "low", "high",
    "speakers", "shared_speakers", "classes", "verdict",
]  # fmt: skip
"""The columns of `slice_gaps.csv` without flags."""
RECALL_COLUMNS = [
    "system", "protocol", "answers", "train_corpora", "test_corpus", "emotion", "recall", "low", "high", "n",
    "speakers", "clusters", "n_clusters", "why_none",
]  # fmt: skip
"""The columns of `recalls.csv` without flags."""
AGES = (0, 18, 30, 45, 60, np.inf)
"""The edges of the age bands, in years."""
SECONDS = (0, 2, 4, 8, np.inf)
"""The edges of the duration bands, in seconds."""
UNKNOWN = "not known"
"""The slice of utterances whose attribute is unknown."""


def bands(values: pd.Series, edges: tuple[float, ...], suffix: str) -> pd.Series:
    """Return the band of each number, from one edge up to the next; missing and negative numbers are `UNKNOWN`.

    Args:
        values: numbers, such as durations in seconds.
        edges: ascending edges of the bands, from 0 to infinity.
        suffix: the unit in the names of the bands.

    >>> bands(pd.Series([17.0, 18.0, None, 70.0]), (0, 18, 60, np.inf), "years").tolist()
    ['under 18 years', '18 to 60 years', 'not known', '60 years or more']
    """
    names = [f"under {edges[1]} {suffix}"] + [f"{a} to {b} {suffix}" for a, b in pairwise(edges[1:-1])]
    names.append(f"{edges[-2]} {suffix} or more")
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    return pd.cut(numbers, edges, right=False, labels=names).astype(object).fillna(UNKNOWN)


def attributes(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the slice of each utterance by gender, age, language and duration, indexed by utterance_id."""
    rows = manifest.set_index("utterance_id")
    return pd.DataFrame(
        {
            "gender": rows["gender"].astype(object).fillna(UNKNOWN),
            "age": bands(rows["age"], AGES, "years"),
            "language": rows["language"].astype(object).fillna(UNKNOWN),
            "duration": bands(rows["duration"], SECONDS, "s"),
        }
    )


def score(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    scoring: Scoring,
    *,
    answers: str = "free",
    min_clips: int = 30,
    min_speakers: int = stats.MIN_CLUSTERS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every slice of every corpus, and the gaps between the slices of an attribute.

    A gap depends on the recorded speakers and on what they said, not only on the system.

    Args:
        predictions: as from `scores.predictions`.
        manifest: usable rows.
        scoring: classes, clusters and confidence.
        answers: free or restricted.
        min_clips: the smallest number of utterances of a slice that is scored.
        min_speakers: the smallest number of clusters of a slice that is scored.

    Returns:
        scores: `SCORE_COLUMNS`, one row per slice. A slice that is not scored has no value, and `note` is the reason.
            An attribute with a single slice in a corpus has no rows there.
        gaps: `GAP_COLUMNS`, one row per scored slice, compared with the scored slice with the most utterances on the
            classes that both have. Speakers who are in both slices are left out of both at once, so their common
            variation cancels. If the slices share no speakers, their variances add up. `verdict` is "shown" if the
            interval, at the level of Bonferroni for all gaps of the table, excludes 0; otherwise "not shown". It is "no
            interval" if a class occurs in one cluster only. The verdict concerns these trained models.

    Raises:
        ValueError: predictions are of utterances that are not in the manifest, or of a random split.
        PredictionError: as from `confusions.count`.
    """
    refuse_random(predictions)
    by_utterance = attributes(manifest)
    if not (in_manifest := predictions["utterance_id"].isin(by_utterance.index)).all():
        name = predictions.loc[~in_manifest, "utterance_id"].iloc[0]
        raise ValueError(f"{name} has a prediction and is not in the manifest: the two are not of one study")
    scored, gaps = [], []
    for values, part in predictions.groupby(list(KEYS), sort=True):
        base = dict(zip(KEYS, values, strict=True)) | {"answers": answers}
        for attribute, counts in _by_attribute(part, by_utterance, scoring, answers):
            notes = {name: _note(c, name, min_clips, min_speakers) for name, c in counts.items()}
            own = base | {"attribute": attribute}
            scored += [own | _score(name, counts[name], note, scoring) for name, note in notes.items()]
            gaps += [own | row for row in _gaps({name: counts[name] for name, note in notes.items() if not note})]
    table = pd.DataFrame(scored, columns=SCORE_COLUMNS)
    table["why_none"] = table["why_none"].astype(object).fillna("")
    return table, _with_verdicts(gaps, scoring.confidence)


def recalls(predictions: pd.DataFrame, scoring: Scoring, answers: str = "free") -> pd.DataFrame:
    """Return the recall of every class of every corpus; the mean over the classes of a corpus is its UAR.

    Args:
        predictions: as from `scores.predictions`.
        scoring: classes, clusters and confidence.
        answers: free or restricted.

    Returns:
        `RECALL_COLUMNS`, one row per system, protocol, training and test corpus, and class; n and speakers are those of
        the class. There is no interval with fewer than 3 clusters, and `why_none` is the reason.

    Raises:
        ValueError: predictions are of a random split.
        PredictionError: as from `confusions.count`.
    """
    refuse_random(predictions)
    rows = []
    for values, part in predictions.groupby(list(KEYS), sort=True):
        base = dict(zip(KEYS, values, strict=True)) | {"answers": answers}
        cluster = scoring.clusters[base["test_corpus"]]
        for emotion in (name for name in scoring.classes if name in set(part["emotion"])):
            counts = count(part[part["emotion"] == emotion], answers, scoring.classes, cluster)
            # the UAR of one class is its recall
            recall = stats.jackknife(counts.confusions, confidence=scoring.confidence, groupings=counts.groupings)
            row = base | {"emotion": emotion, "recall": recall.point, "low": recall.low, "high": recall.high}
            rows.append(row | {"n": counts.n, "speakers": counts.speakers} | _clusters(counts, scoring))
    return pd.DataFrame(rows, columns=RECALL_COLUMNS).astype(dict.fromkeys(["recall", "low", "high"], float))


def _by_attribute(
    part: pd.DataFrame, by_utterance: pd.DataFrame, scoring: Scoring, answers: str
) -> Iterator[tuple[str, dict[str, SpeakerConfusions]]]:
    """Each attribute that divides a corpus, with the confusions of its slices over the clusters of the whole corpus."""
    cluster = scoring.clusters[part["test_corpus"].iloc[0]]
    clusters = cluster_keys(part, cluster).unique().sort_values()
    for attribute in by_utterance:
        slices = by_utterance[attribute].reindex(part["utterance_id"]).to_numpy()
        names = sorted(set(slices))
        if len(names) > 1:
            yield (
                attribute,
                {name: count(part[slices == name], answers, scoring.classes, cluster, clusters) for name in names},
            )


def _note(counts: SpeakerConfusions, name: str, min_clips: int, min_speakers: int) -> str:
    """The reason why a slice is not scored; empty text if it is scored."""
    clusters = counts.n_clusters
    if name == UNKNOWN:
        return UNKNOWN
    if counts.n < min_clips:
        return f"{_count_phrase(counts.n, 'clip')}, fewer than {min_clips}"
    if clusters < min_speakers:
        return f"{_count_phrase(clusters, 'speaker')}, fewer than {min_speakers}"
    return "" if counts.classes > 1 else "one class only"


def _count_phrase(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _score(name: str, counts: SpeakerConfusions, note: str, scoring: Scoring) -> dict:
    row = {"slice": name, "n": counts.n, "speakers": counts.speakers, "classes": counts.classes, "note": note}
    if note:
        return row
    uar = stats.jackknife(counts.confusions, confidence=scoring.confidence, groupings=counts.groupings)
    return row | _clusters(counts, scoring) | {"value": uar.point, "low": uar.low, "high": uar.high}


def _clusters(counts: SpeakerConfusions, scoring: Scoring) -> dict:
    return {
        "clusters": counts.cluster_name,
        "n_clusters": counts.n_clusters,
        "why_none": no_interval_reason(counts, scoring.classes),
    }


def _gaps(counts: dict[str, SpeakerConfusions]) -> list[dict]:
    """Each slice compared with the largest one, as estimates; `_with_verdicts` computes their intervals."""
    rows = []
    largest = max(counts, key=lambda name: counts[name].n, default=None)
    for name in (name for name in counts if name != largest):
        first, second, groupings = counts[name].confusions, counts[largest].confusions, counts[name].groupings
        both = first.sum((0, 1, 3)).astype(bool) & second.sum((0, 1, 3)).astype(bool)
        row = {"slice": name, "than": largest, "classes": int(both.sum())}
        if both.sum() < 2:
            rows.append(row | {"verdict": f"{both.sum()} classes in common", "estimates": ()})
            continue
        first, second = first * both[:, None], second * both[:, None]
        speakers, shared = _speaker_counts(first, second, groupings)
        if shared:
            estimates, weights = (stats.estimate(first, less=second, groupings=groupings),), (1,)
        else:
            estimates = tuple(stats.estimate(side, groupings=groupings) for side in (first, second))
            weights = (1, -1)
        row |= {"speakers": speakers, "shared_speakers": shared}
        rows.append(row | {"estimates": estimates, "weights": weights})
    return rows


def _speaker_counts(first: np.ndarray, second: np.ndarray, groupings: tuple[np.ndarray, ...] | None) -> tuple[int, int]:
    """The number of speakers of two slices together, and the number of speakers in both."""
    present = first.any((0, 2, 3)), second.any((0, 2, 3))
    if groupings is not None:  # of two kinds of clusters, the first is counted: speakers
        present = tuple(stats.sum_by_group(side.astype(int), groupings[0]) > 0 for side in present)
    return int((present[0] | present[1]).sum()), int((present[0] & present[1]).sum())


def _with_verdicts(rows: list[dict], confidence: float) -> pd.DataFrame:
    tests = sum(bool(row["estimates"]) for row in rows)
    for row in (row for row in rows if row["estimates"]):
        gap, strict = (
            stats.combined(row["estimates"], row["weights"], level)
            for level in (confidence, 1 - (1 - confidence) / tests)
        )
        is_significant = strict.low > 0 or strict.high < 0
        verdict = "no interval" if np.isnan(strict.low) else "shown" if is_significant else "not shown"
        row |= {"gap": gap.point, "low": gap.low, "high": gap.high, "verdict": verdict}
    return pd.DataFrame(rows, columns=GAP_COLUMNS)
