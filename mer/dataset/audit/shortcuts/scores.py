"""Score shortcuts: the UAR of classifiers on one cue, under the same split as the models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from mer import stats
from mer.dataset.audit.shortcuts.cues import MEASURED, SHORTCUTS, Shortcut
from mer.dataset.audit.shortcuts.predictors import TrainTestRows, classes_by_frequency, shortcut_predictor
from mer.dataset.audit.shortcuts.severities import ALARM_RATE, NOTE_SHARE, POOLED, WARNING_SHARE
from mer.dataset.identity.sentences import normalised
from mer.dataset.manifest import schema
from mer.dataset.splits import fold_parts

MAX_CLASSES = 64
"""The largest number of classes. With more, the column holds something other than emotions."""
COLUMNS = ("corpus", "shortcut", "UAR", "low", "high", "chance", "majority", "n", "flagged")

_NEEDED = ("corpus", "emotion", "split", "fold", "text_side", "speaker_id", "dialogue_id", "sentence_id",
           "transcription")  # fmt: skip
"""The columns of a manifest that are read; those that a foreign table lacks are null."""


@dataclass(frozen=True)
class _Score:
    """The score of one shortcut in one corpus.

    Attributes:
        interval: the UAR and its interval over clusters.
        n_classes: the number of classes in the truth.
        majority: the UAR of always predicting the most frequent training emotion.
        n: the number of scored clips.
        cross_validated: whether clusters are in training for some folds and tested in others.
        confusions: counts of shape (clusters, classes, classes).
    """

    corpus: str
    shortcut: Shortcut
    interval: stats.Interval
    n_classes: int
    majority: float
    n: int
    cross_validated: bool
    confusions: np.ndarray


def shortcut_scores(
    manifest: pd.DataFrame,
    measures: pd.DataFrame,
    clusters: Mapping[str, str],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the score of each shortcut alone in each corpus, and for one model of all corpora.

    Numeric cues are given to a shallow balanced tree or, if there are many, to a linear model. A sentence, speaker or
    corpus is given to a rule that predicts its most frequent training emotion. Ties go to the emotion that is more
    frequent in training, values without training rows to the most frequent emotion. Each classifier is trained on the
    training part of a published split, or on all other folds. A rule is left out if no value of a test row occurs in
    training. A model is left out if nothing was measured. A cue that emotion cannot change is left out if it is
    constant.

    Args:
        manifest: usable rows.
        measures: the measures of these rows, as from `measure_recordings`; without columns, no recording was measured.
        clusters: corpus -> the column over which its intervals are computed.
        confidence: the level of the intervals.

    Returns:
        `COLUMNS`. majority: the UAR of predicting the most frequent training emotion; chance: 1 / number of classes in
        the truth; n: number of scored clips; flagged: whether the row is a finding by `WARNING_SHARE` and
        `NOTE_SHARE`; `severities` returns which. A row without an interval is not flagged, with one exception: if a
        class has a single speaker, the score itself counts, as a note.
    """
    rows, n_classes = _prepared(manifest, measures, clusters)
    if n_classes > MAX_CLASSES:
        return pd.DataFrame(columns=list(COLUMNS))
    scores = []
    for corpus, part in rows.groupby("corpus", sort=True):
        part = part.reset_index(drop=True)
        scores += _corpus_scores(str(corpus), part, _within_corpus(part), n_classes, confidence)
    if rows["corpus"].nunique() > 1:
        scores += _corpus_scores(POOLED, rows, _single_split(rows), n_classes, confidence)
    flags = [_flagged(score, sure) for score, sure in zip(scores, _surely_above(scores), strict=True)]
    table = [
        (s.corpus, s.shortcut.name, s.interval.point, s.interval.low, s.interval.high, 1 / s.n_classes, s.majority, s.n)
        for s in scores
    ]
    table = [(*row, bool(flag)) for row, flag in zip(table, flags, strict=True)]
    return pd.DataFrame(table, columns=list(COLUMNS))


def seconds(manifest: pd.DataFrame, measures: pd.DataFrame) -> pd.Series:
    """Return the duration of each row in seconds: the manifest's if it has one, else the measured one."""
    stated = manifest.reindex(columns=["duration"])["duration"]
    measured = measures.reindex(columns=["seconds"])["seconds"]
    return stated.astype("float64").fillna(measured.astype("float64"))


def _flagged(score: _Score, surely_above: bool) -> bool:
    """Return whether a score is a finding; see `WARNING_SHARE` and `NOTE_SHARE`."""
    interval = score.interval
    single_speaker = np.isnan(interval.low) and interval.clusters >= stats.MIN_CLUSTERS  # of some class
    if np.isnan(interval.low) and not single_speaker:
        return False
    ends = (interval.point if single_speaker else interval.low, interval.point)
    low, point = (stats.chance_corrected(value, score.n_classes) for value in ends)
    return bool(low > 0 and point > (NOTE_SHARE if surely_above else WARNING_SHARE))


def _surely_above(scores: list[_Score]) -> np.ndarray:
    """Return which scores are significantly above chance, among cues that emotion cannot change, corpus by corpus.

    Rows of all corpora are left out: there, the channel tells the corpus and so its most frequent emotion. Chance is
    the mean score over labels permuted within each cluster (`stats.permuted`), with twice the variance under
    cross-validation. p is one-sided by the normal distribution and adjusted over all scores after Holm.
    """
    p = np.full(len(scores), np.nan)
    for at, score in enumerate(scores):
        if not score.shortcut.may_reflect_emotion and score.corpus != POOLED:
            mean, deviation = stats.permuted(score.confusions)
            deviation *= np.sqrt(2.0 if score.cross_validated else 1.0)
            p[at] = ndtr((mean - score.interval.point) / deviation) if deviation > 0 else 1.0
    return np.array(stats.holm(p)) < ALARM_RATE


def _prepared(manifest: pd.DataFrame, measures: pd.DataFrame, clusters: Mapping[str, str]) -> tuple[pd.DataFrame, int]:
    """Return the labelled rows, numbered from 0, with `truth` (class number), `cluster` and every shortcut's columns,
    and the number of classes."""
    rows = manifest.reindex(columns=list(_NEEDED)).astype({name: schema.COLUMNS[name] for name in _NEEDED})
    rows["corpus"] = rows["corpus"].fillna("?")
    measured = measures.reindex(rows.index, columns=list(MEASURED)).to_numpy("float64")
    rows = rows.join(pd.DataFrame(measured, rows.index, columns=list(MEASURED)))
    rows["seconds"] = seconds(manifest, measures)
    text = rows["transcription"].map({text: normalised(text) for text in rows["transcription"].dropna().unique()})
    rows["sentence"] = (rows["corpus"] + "\x1f" + rows["sentence_id"]).fillna(text.astype("str").replace("", None))
    columns = rows["corpus"].map(lambda corpus: clusters.get(corpus, "speaker_id"))
    cluster = rows["dialogue_id"].where(columns == "dialogue_id", rows["speaker_id"])
    rows["cluster"] = rows["corpus"] + "\x1f" + cluster.fillna("")  # unnamed speakers are one, because they may be
    rows = rows.dropna(subset=["emotion"]).reset_index(drop=True)
    truth, names = pd.factorize(rows["emotion"], sort=True)
    return rows.assign(truth=truth), len(names)


def _within_corpus(rows: pd.DataFrame) -> TrainTestRows:
    """Return the training and test rows of each fold of one corpus, as its within-corpus models have them."""
    if rows["fold"].isna().all():
        return _single_split(rows)
    numbers = np.flatnonzero(rows["fold"].notna())
    folded = rows.iloc[numbers].assign(fold=lambda rows: pd.factorize(rows["fold"], sort=True)[0])
    pairs = [(np.concatenate([train, validation]), test) for train, validation, test in fold_parts(folded)]
    return [(numbers[train], numbers[test]) for train, test in pairs]


def _single_split(rows: pd.DataFrame) -> TrainTestRows:
    return [tuple(np.flatnonzero(rows["split"] == name) for name in ("train", "test"))]


def _corpus_scores(
    corpus: str, rows: pd.DataFrame, pairs: TrainTestRows, n_classes: int, confidence: float
) -> Iterator[_Score]:
    """Yield the score of every shortcut that can be scored."""
    truth = rows["truth"].to_numpy()
    for shortcut in SHORTCUTS:
        complete, predict = shortcut_predictor(shortcut, rows, truth, pairs, n_classes)
        if predict is None or (shortcut.name == "corpus" and corpus != POOLED):
            continue
        predicted, majority = np.full(len(rows), -1), np.full(len(rows), -1)
        for train, test in pairs:
            train, test = train[complete[train]], test[complete[test]]
            if len(train) and len(test):
                predicted[test] = predict(train, test)
                majority[test] = classes_by_frequency(truth[train], n_classes)[0]
        scored = predicted >= 0
        tested_classes = len(set(truth[scored]))
        if tested_classes < 2:
            continue
        cluster = rows["cluster"].to_numpy(dtype=object)[scored]
        confusions, _ = stats.cluster_confusions(truth[scored], predicted[scored], cluster, n_classes)
        interval = stats.jackknife(confusions, confidence=confidence)
        constant = stats.uar(stats.confusion(truth[scored], majority[scored], n_classes))
        yield _Score(corpus, shortcut, interval, tested_classes, float(constant), int(scored.sum()), len(pairs) > 1,
                     confusions)  # fmt: skip
