"""UAR of parts of a corpus: women and men, the young and the old, languages, short and long clips; and the gaps."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from mer import stats
from mer.evaluation.protocols.cells import refuse_random
from mer.evaluation.scores.confusions import KEYS, Cluster, SpeakerConfusions, cluster_keys, count, no_interval_reason

SCORE_COLUMNS = [
    "system", "protocol", "answers", "train_corpora", "test_corpus", "attribute", "slice", "value", "low", "high", "n",
    "speakers", "classes", "note", "clusters", "n_clusters", "why_none",
]  # fmt: skip
GAP_COLUMNS = [
    "system", "protocol", "answers", "train_corpora", "test_corpus", "attribute", "slice", "than", "gap", "low", "high",
    "speakers", "shared_speakers", "classes", "verdict",
]  # fmt: skip
RECALL_COLUMNS = [
    "system", "protocol", "answers", "train_corpora", "test_corpus", "emotion", "recall", "low", "high", "n",
    "speakers", "clusters", "n_clusters", "why_none",
]  # fmt: skip
AGES = (0, 18, 30, 45, 60, np.inf)
SECONDS = (0, 2, 4, 8, np.inf)
UNKNOWN = "not known"


def bands(values: pd.Series, edges: tuple[float, ...], unit: str) -> pd.Series:
    """Return the band of each number, from each edge up to the next; what is missing or negative is not known.

    >>> bands(pd.Series([17.0, 18.0, None, 70.0]), (0, 18, 60, np.inf), "years").tolist()
    ['under 18 years', '18 to 60 years', 'not known', '60 years or more']
    """
    names = [f"under {edges[1]} {unit}"] + [f"{a} to {b} {unit}" for a, b in pairwise(edges[1:-1])]
    names.append(f"{edges[-2]} {unit} or more")
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    return pd.cut(numbers, edges, right=False, labels=names).astype(object).fillna(UNKNOWN)


def attributes(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return what clips are told apart by, indexed by utterance_id: gender, age, language, duration."""
    known = manifest.set_index("utterance_id")
    return pd.DataFrame(
        {
            "gender": known["gender"].astype(object).fillna(UNKNOWN),
            "age": bands(known["age"], AGES, "years"),
            "language": known["language"].astype(object).fillna(UNKNOWN),
            "duration": bands(known["duration"], SECONDS, "s"),
        }
    )


def score(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, Cluster],
    *,
    answers: str = "free",
    confidence: float = 0.95,
    min_clips: int = 30,
    min_speakers: int = stats.MIN_CLUSTERS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every slice of every corpus, and how far apart slices are.

    Args:
        predictions: as from `scores.predictions`.
        manifest: usable rows.
        clusters: corpus -> column over which intervals are computed.
        min_clips, min_speakers: a slice with fewer clips, or fewer of those clusters, is listed and not scored.

    Returns:
        scores: `SCORE_COLUMNS`, a row per slice; value is NaN and `note` says why where it is only listed. An attribute
            that does not part a corpus has no rows.
        gaps: `GAP_COLUMNS`, each scored slice against the scored one with the most clips, on the classes that both
            have. Speakers who are in both are left out of both at once, so that what is theirs cancels; where the
            slices have different speakers, errors add up. `verdict` is "shown" where an interval at the level that
            Bonferroni asks of all gaps of the table leaves out 0, else "not shown"; "no interval" where one speaker
            alone says a class. It is of these trained models. A gap is of who was recorded and what they said as well
            as of the system.

    Raises:
        ValueError: predictions of clips that the manifest does not have, or of a random split.
        Unusable: as from `counts.count`.
    """
    refuse_random(predictions)
    known = attributes(manifest)
    if not (there := predictions["utterance_id"].isin(known.index)).all():
        name = predictions.loc[~there, "utterance_id"].iloc[0]
        raise ValueError(f"{name} has a prediction and is not in the manifest: the two are not of one study")
    scored, gaps = [], []
    keys = ["system", "protocol", "train_corpora", "test_corpus"]
    for values, part in predictions.groupby(keys, sort=True):
        about = dict(zip(keys, values, strict=True)) | {"answers": answers}
        cluster = clusters[about["test_corpus"]]
        everyone = cluster_keys(part, cluster).unique().sort_values()
        for attribute in known:
            belongs = known[attribute].reindex(part["utterance_id"]).to_numpy()
            if len(set(belongs)) < 2:
                continue
            counted = {
                name: count(part[belongs == name], answers, classes, cluster, everyone) for name in sorted(set(belongs))
            }
            here = about | {"attribute": attribute}
            notes = {name: _note(c, name, min_clips, min_speakers) for name, c in counted.items()}
            scored += [here | _score(name, counted[name], note, confidence, classes) for name, note in notes.items()]
            kept = {name: counted[name] for name, note in notes.items() if not note}
            gaps += [here | row for row in _gaps(kept)]
    found = pd.DataFrame(scored, columns=SCORE_COLUMNS)
    return found.assign(why_none=found["why_none"].astype(object).fillna("")), _with_verdicts(gaps, confidence)


def recalls(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    clusters: Mapping[str, Cluster],
    *,
    answers: str = "free",
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the recall of every class that a corpus has; their mean is its UAR.

    Returns:
        `RECALL_COLUMNS`, a row per system, protocol, training and test corpus, and class; n and speakers are those of
        the class. There is no interval where fewer than 3 say it; `why_none` tells.

    Raises:
        ValueError: predictions of a random split.
        Unusable: as from `counts.count`.
    """
    refuse_random(predictions)
    rows = []
    for values, part in predictions.groupby(list(KEYS), sort=True):
        about = dict(zip(KEYS, values, strict=True)) | {"answers": answers}
        cluster = clusters[about["test_corpus"]]
        for emotion in (name for name in classes if name in set(part["emotion"])):
            counted = count(part[part["emotion"] == emotion], answers, classes, cluster)
            # of one class, the UAR is its recall
            found = stats.jackknife(counted.confusions, confidence=confidence, groupings=counted.groupings)
            about |= {"emotion": emotion, "recall": found.point, "low": found.low, "high": found.high}
            rows.append(about | {"n": counted.n, "speakers": counted.speakers} | _clusters(counted, classes))
    return pd.DataFrame(rows, columns=RECALL_COLUMNS).astype(dict.fromkeys(["recall", "low", "high"], float))


def _note(counts: SpeakerConfusions, name: str, min_clips: int, min_speakers: int) -> str:
    """Why a slice is only listed; empty where it is scored."""
    clusters = counts.n_clusters
    if name == UNKNOWN:
        return "not known"
    if counts.n < min_clips:
        return f"{_count_phrase(counts.n, 'clip')}, fewer than {min_clips}"
    if clusters < min_speakers:
        return f"{_count_phrase(clusters, 'speaker')}, fewer than {min_speakers}"
    return "" if counts.classes > 1 else "one class only"


def _count_phrase(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _score(name: str, counts: SpeakerConfusions, note: str, confidence: float, classes: tuple[str, ...]) -> dict:
    about = {"slice": name, "n": counts.n, "speakers": counts.speakers, "classes": counts.classes, "note": note}
    if note:
        return about
    found = stats.jackknife(counts.confusions, confidence=confidence, groupings=counts.groupings)
    about |= _clusters(counts, classes)
    return about | {"value": found.point, "low": found.low, "high": found.high}


def _clusters(counts: SpeakerConfusions, classes: tuple[str, ...]) -> dict:
    return {
        "clusters": counts.cluster_name,
        "n_clusters": counts.n_clusters,
        "why_none": no_interval_reason(counts, classes),
    }


def _gaps(counted: dict[str, SpeakerConfusions]) -> list[dict]:
    """Each slice less the largest, as estimates that `_judged` makes intervals of."""
    rows = []
    largest = max(counted, key=lambda name: counted[name].n, default=None)
    for name in counted:
        if name == largest:
            continue
        one, other, ways = counted[name].confusions, counted[largest].confusions, counted[name].groupings
        both = one.sum((0, 1, 3)).astype(bool) & other.sum((0, 1, 3)).astype(bool)
        about = {"slice": name, "than": largest, "classes": int(both.sum())}
        if both.sum() < 2:
            rows.append(about | {"verdict": f"{both.sum()} classes in common", "parts": ()})
            continue
        one, other = one * both[:, None], other * both[:, None]
        speak = one.any((0, 2, 3)), other.any((0, 2, 3))
        if ways is not None:  # of two kinds of clusters the first is counted: people
            speak = tuple(stats.sum_by_group(side.astype(int), ways[0]) > 0 for side in speak)
        shared = int((speak[0] & speak[1]).sum())
        if shared:
            parts, weights = (stats.estimate(one, less=other, groupings=ways),), (1,)
        else:
            parts, weights = (stats.estimate(one, groupings=ways), stats.estimate(other, groupings=ways)), (1, -1)
        speakers = int((speak[0] | speak[1]).sum())
        rows.append(about | {"speakers": speakers, "shared_speakers": shared, "parts": parts, "weights": weights})
    return rows


def _with_verdicts(rows: list[dict], confidence: float) -> pd.DataFrame:
    asked = sum(bool(row["parts"]) for row in rows)
    for row in rows:
        if not row["parts"]:
            continue
        found, strict = (
            stats.combined(row["parts"], row["weights"], level) for level in (confidence, 1 - (1 - confidence) / asked)
        )
        shown = strict.low > 0 or strict.high < 0
        verdict = "no interval" if np.isnan(strict.low) else "shown" if shown else "not shown"
        row |= {"gap": found.point, "low": found.low, "high": found.high, "verdict": verdict}
    return pd.DataFrame(rows, columns=GAP_COLUMNS)
