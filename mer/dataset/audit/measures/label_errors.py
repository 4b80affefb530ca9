"""Possible label errors: labels that classifiers of the other speakers contradict with high confidence."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mer.dataset.audit.findings import EXAMPLES, NOTE, Finding, examples
from mer.dataset.audit.measures.measures import TIMBRE
from mer.dataset.audit.measures.quality import silent

FEATURE_COLUMNS = ("level_db", "spread_db", "pauses", *TIMBRE)
N_GROUPS = 10
"""The largest number of groups of speakers. Each group is predicted by a classifier of the others; up to this number,
each speaker is a group."""
MIN_CONFIDENCE = 0.95
"""The probability from which a classifier counts as confident."""
MIN_ACCURACY = 0.9
"""The share of confident predictions that must agree with the label. Below it, contradictions mean nothing."""
MIN_ROWS = 20
"""The smallest number of confident predictions from which this share is estimated."""
MAX_TRAINING_ROWS = 5_000
"""The largest number of rows that one classifier is trained on, evenly spaced among more."""


def label_findings(manifest: pd.DataFrame, measures: pd.DataFrame) -> Iterator[Finding]:
    """Yield for each corpus the clips whose label a classifier of other speakers contradicts, the clearest first.

    A balanced logistic regression on level, pauses and timbre is trained without the speaker, or the tenth of the
    speakers, that it predicts. If its confident predictions nearly always agree with the label, the few contradictions
    are reported. If they agree less often, nothing is reported.

    Args:
        manifest: rows with utterance_id, corpus, emotion and speaker_id.
        measures: the measures of these rows, as from `measure_recordings`.
    """
    features = measures.loc[~silent(measures), list(FEATURE_COLUMNS)]
    rows = manifest[["utterance_id", "corpus", "emotion", "speaker_id"]].join(features)
    rows = rows.dropna(subset=["emotion", "speaker_id", *FEATURE_COLUMNS])
    for corpus, members in rows.groupby("corpus", sort=True):
        groups = pd.factorize(members["speaker_id"], sort=True)[0] % N_GROUPS
        labels, truth = np.unique(members["emotion"].to_numpy(dtype=str), return_inverse=True)
        if len(labels) < 2 or len(members) < MIN_ROWS:
            continue
        probabilities = _probabilities(members[list(FEATURE_COLUMNS)].to_numpy(float), truth, groups, len(labels))
        best = probabilities.argmax(axis=1)
        sure = probabilities.max(axis=1) >= MIN_CONFIDENCE
        wrong = sure & (best != truth)
        if sure.sum() >= MIN_ROWS and wrong.any() and wrong.sum() <= (1 - MIN_ACCURACY) * sure.sum():
            order = np.argsort(-probabilities.max(axis=1) * wrong, kind="stable")[: wrong.sum()]
            members = members.iloc[order].assign(prediction=labels[best[order]])
            yield _finding(corpus, members, int(sure.sum()), len(sure))


def _probabilities(values: np.ndarray, truth: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """Return the probability of each class, (rows, classes); 0 if there are no other groups to train on."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    probabilities = np.zeros((len(values), classes))
    for group in np.unique(groups):
        in_group, (others,) = groups == group, np.nonzero(groups != group)
        others = others[:: -(-len(others) // MAX_TRAINING_ROWS) or 1]
        if len(set(truth[others])) < 2:
            continue
        scaler = StandardScaler().fit(values[others])
        model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000, tol=1e-3)
        model.fit(scaler.transform(values[others]), truth[others])
        probabilities[np.ix_(in_group, model.classes_)] = model.predict_proba(scaler.transform(values[in_group]))
    return probabilities


def _finding(corpus: str, outliers: pd.DataFrame, sure: int, total: int) -> Finding:
    first = outliers.head(EXAMPLES)
    shown = ", ".join(
        f"{row.utterance_id} ({row.emotion}, classified as {row.prediction})" for row in first.itertuples()
    )
    return Finding(
        "label outlier",
        NOTE,
        corpus,
        len(outliers),
        total,
        examples(outliers["utterance_id"]),
        f"Classifiers of the other speakers are confident about {sure:,} clips and contradict the label of "
        f"{len(outliers):,}: {shown}.",
        "the label may be wrong, or the emotion was acted unlike that of other speakers.",
        "listen to them; change no label of a test part, and none without a second listener.",
    )
