"""Labels that models of the other speakers are sure are wrong."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mer.dataset.audit.findings import EXAMPLES, NOTE, Finding, examples
from mer.dataset.audit.measures import measures
from mer.dataset.audit.measures.quality import silent

SEEN = ("level_db", "spread_db", "pauses", *measures.TIMBRE)
GROUPS = 10
"""of speakers, each judged by a model of the others; up to so many speakers each is a group"""
SURE = 0.95
"""probability from which on a model is sure"""
RIGHT = 0.9
"""share of the clips of which it is sure, in which it must agree with the label: else its doubts mean nothing"""
FEWEST = 20
"""clips of which it must be sure for that to be known"""
MOST_ROWS = 5_000
"""that one model learns from, evenly spaced among more: a judge of measures gets no better by many"""


def label_findings(manifest: pd.DataFrame, heard: pd.DataFrame) -> Iterator[Finding]:
    """Yield for each corpus the clips whose label the other speakers contradict, the clearest first.

    A balanced logistic regression on level, pauses and timbre is trained without the speaker, or the tenth of the
    speakers, that it judges. Where it is sure and nearly always agrees with the label, the few contradictions deserve
    an ear. Where it is not that good, nothing is said: a label is then not known to be right either.
    """
    seen = heard.loc[~silent(heard), list(SEEN)]
    rows = manifest[["utterance_id", "corpus", "emotion", "speaker_id"]].join(seen)
    rows = rows.dropna(subset=["emotion", "speaker_id", *SEEN])
    for corpus, part in rows.groupby("corpus", sort=True):
        groups = pd.factorize(part["speaker_id"], sort=True)[0] % GROUPS
        labels, truth = np.unique(part["emotion"].to_numpy(dtype=str), return_inverse=True)
        if len(labels) < 2 or len(part) < FEWEST:
            continue
        chances = _by_others(part[list(SEEN)].to_numpy(float), truth, groups, len(labels))
        best = chances.argmax(axis=1)
        sure = chances.max(axis=1) >= SURE
        wrong = sure & (best != truth)
        if sure.sum() >= FEWEST and wrong.any() and wrong.sum() <= (1 - RIGHT) * sure.sum():
            order = np.argsort(-chances.max(axis=1) * wrong, kind="stable")[: wrong.sum()]
            part = part.iloc[order].assign(sounds=labels[best[order]])
            yield _finding(corpus, part, int(sure.sum()), len(sure))


def _by_others(values: np.ndarray, truth: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """Probability of each class, (rows, classes); 0 where nobody else could be learned from."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    found = np.zeros((len(values), classes))
    for group in np.unique(groups):
        here, (others,) = groups == group, np.nonzero(groups != group)
        others = others[:: -(-len(others) // MOST_ROWS) or 1]
        if len(set(truth[others])) < 2:
            continue
        scaler = StandardScaler().fit(values[others])
        model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000, tol=1e-3)
        model.fit(scaler.transform(values[others]), truth[others])
        found[np.ix_(here, model.classes_)] = model.predict_proba(scaler.transform(values[here]))
    return found


def _finding(corpus: str, part: pd.DataFrame, sure: int, of: int) -> Finding:
    first = part.head(EXAMPLES)
    told = ", ".join(f"{row.utterance_id} ({row.emotion}, sounds like {row.sounds})" for row in first.itertuples())
    return Finding(
        "label outlier",
        NOTE,
        corpus,
        len(part),
        of,
        examples(part["utterance_id"]),
        f"Models of the other speakers are sure of {sure:,} clips and agree with the label in all but {len(part):,}: "
        f"{told}.",
        "a slip of the label, or an emotion that was acted unlike by others; the score cannot tell which.",
        "listen to them; change no label of a test part, and none without a second listener.",
    )
