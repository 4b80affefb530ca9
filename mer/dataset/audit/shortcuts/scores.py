"""What can be scored without hearing an emotion, under the same split as the models."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from mer import stats
from mer.dataset.audit.findings import NOTE, WARNING, Finding
from mer.dataset.audit.sentences.shared_sentences import normal
from mer.dataset.audit.shortcuts.cues import BY_NAME, LINEAR, MEASURED, RULE, SHORTCUTS, TREE, Shortcut
from mer.dataset.manifest import schema
from mer.dataset.splits import fold_parts

FAR = 0.25
"""Share of the way from chance to perfect. A cue alone that lies beyond reaches what models reach on unseen corpora, so
that nothing of their score need be about emotion. A shortcut is a warning where its whole interval lies beyond, and a
note where only its score does and its interval lies above chance."""
NEAR = 0.1
"""Share of the way from chance to perfect. A cue that no emotion changes is a note from here on, if it is above chance
by more than luck. Less is not told: with thousands of clips the least trace of speech in a pause is significant."""
LUCK = 0.01
"""how often a study in which nothing tells emotions apart may get a note of a shortcut that is above chance"""
POOLED = "all corpora"
"""in place of a corpus: its rows are those of one model for all corpora, trained and tested on the single split"""
MOST_CLASSES = 64
"""more are no classes: the column holds something else"""
PENALTY = 100.0
"""of the linear model's squared weights, columns of unit variance: 200 of them, and as few clips"""
MOST_ROWS = 20_000
"""that a linear model learns from, evenly spaced among more"""
COLUMNS = ("corpus", "shortcut", "UAR", "low", "high", "chance", "majority", "n", "flagged")

_NEEDED = ("corpus", "emotion", "split", "fold", "text_side", "speaker_id", "dialogue_id", "sentence_id",
           "transcription")  # fmt: skip
"""columns of a manifest, null where a foreign table lacks them"""

Answers = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""rows to learn from, rows to answer for -> class numbers"""
Parts = list[tuple[np.ndarray, np.ndarray]]
"""rows to learn from, rows to be tested on"""


@dataclass(frozen=True)
class _Score:
    """A row of the table, whether clusters took turns to train and to test, and counts (clusters, classes, classes)."""

    corpus: str
    shortcut: Shortcut
    interval: stats.Interval
    classes: int
    majority: float
    n: int
    turns: bool
    confusions: np.ndarray


def shortcut_scores(
    manifest: pd.DataFrame,
    heard: pd.DataFrame,
    clusters: Mapping[str, str],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return what each shortcut alone scores in each corpus, and for one model of all corpora.

    Numbers are given to a shallow balanced tree, or, where they are many, to a linear model; identities to a rule that
    answers with the most frequent training emotion of that sentence, speaker or corpus. Ties go to the emotion that is
    more frequent in training, unseen values to the most frequent one. Each learns from the training part of a published
    split, or from all other folds. Rules are left out where nothing that is tested was seen in training, models where
    nothing was measured, and what is no part of an emotion where all clips are alike in it.

    Args:
        manifest: usable rows.
        heard: what `listen` returns for them; without columns no recording was listened to.
        clusters: corpus -> the column over which its intervals are computed.

    Returns:
        `COLUMNS`. majority: the UAR of answering with the most frequent training emotion; chance: 1 / number of
        classes in the truth; n: clips that were scored; flagged: whether it is a finding, as `FAR` and `NEAR` say;
        which one, `severities` tells. Without an interval nothing is flagged, but where that is for a class that one
        speaker alone says: then the score itself counts, as a note.
    """
    rows, classes = _prepared(manifest, heard, clusters)
    if classes > MOST_CLASSES:
        return pd.DataFrame(columns=list(COLUMNS))
    found = []
    for corpus, part in rows.groupby("corpus", sort=True):
        part = part.reset_index(drop=True)
        found += _scores(str(corpus), part, _own_parts(part), classes, confidence)
    if rows["corpus"].nunique() > 1:
        found += _scores(POOLED, rows, _published(rows), classes, confidence)
    flags = [_flagged(score, sure) for score, sure in zip(found, _surely_above(found), strict=True)]
    table = [
        (s.corpus, s.shortcut.name, s.interval.point, s.interval.low, s.interval.high, 1 / s.classes, s.majority, s.n)
        for s in found
    ]
    table = [(*row, bool(flag)) for row, flag in zip(table, flags, strict=True)]
    return pd.DataFrame(table, columns=list(COLUMNS))


def seconds(manifest: pd.DataFrame, heard: pd.DataFrame) -> pd.Series:
    """Return how long each row is: by the manifest where that says so, else by what was heard."""
    told, measured = manifest.reindex(columns=["duration"])["duration"], heard.reindex(columns=["seconds"])["seconds"]
    return told.astype("float64").fillna(measured.astype("float64"))


def shortcut_findings(scores: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for every flagged row of `shortcut_scores`."""
    for row in scores.assign(severity=severities(scores))[scores["flagged"]].itertuples():
        shortcut = BY_NAME[row.shortcut]
        interval = "" if np.isnan(row.low) else f" [{row.low:.3f}, {row.high:.3f}]"
        yield Finding(
            f"{row.shortcut} shortcut",
            row.severity,
            row.corpus,
            row.n,
            row.n,
            (),
            f"{shortcut.what[:1].upper()}{shortcut.what[1:]} alone scores UAR {row.UAR:.3f}{interval} "
            f"on {row.n:,} clips, where chance is {row.chance:.3f}.",
            _meaning(row.corpus, shortcut, row.severity, row.UAR, row.chance),
            shortcut.advice,
        )


def _meaning(corpus: str, shortcut: Shortcut, severity: str, uar: float, chance: float) -> str:
    where = "a single model of all corpora" if corpus == POOLED else "a model of this corpus"
    if severity == WARNING:
        return (
            f"{where} may score so without hearing an emotion, and what it learns is of no use anywhere else "
            f"(a warning: the whole interval lies more than {FAR:.0%} of the way from chance to perfect)."
        )
    if shortcut.natural:
        return (
            f"{where} may score so without hearing more of an emotion than that (a note: the score, but not its whole "
            f"interval, lies more than {FAR:.0%} of the way from chance to perfect; people do differ in this when they "
            f"feel)."
        )
    far = "and far, if not surely" if (uar - chance) / (1 - chance) > FAR else "if not far"
    close = "" if shortcut.learner == TREE else ", unless clips were cut so close that their pauses hold speech"
    return (
        f"labels depend on how clips were made, and {where} can gain about as much from that (a note: above chance by "
        f"more than luck, corrected for all shortcuts and corpora that were tried, {far}; no emotion changes "
        f"this{close})."
    )


def shortcut_sentence(scores: pd.DataFrame) -> str:
    """Say which shortcuts are flagged, the clearest first, or which one comes nearest to it."""
    if scores.empty:
        return "Nothing could be scored without hearing an emotion."
    gain = (scores["UAR"] - scores["chance"]) / (1 - scores["chance"])
    order = scores.loc[gain.sort_values(ascending=False, kind="stable").index]
    if not scores["flagged"].any():
        return f"No single cue is shown to score far above chance; {_told(order.head(1))} comes nearest."
    warned, noted = (order[severities(order) == severity] for severity in (WARNING, NOTE))
    first = f"A single cue scores far above chance: {_told(warned)}." if len(warned) else ""
    second = f"Above chance, if not surely far: {_told(noted)}." if len(noted) else ""
    return " ".join(sentence for sentence in (first, second) if sentence)


def _told(scores: pd.DataFrame) -> str:
    cues = [f"{r.shortcut} in {r.corpus} (UAR {r.UAR:.2f}, chance {r.chance:.2f})" for r in scores.itertuples()]
    return ", ".join(cues)


def severities(scores: pd.DataFrame) -> pd.Series:
    """Return what each row of `shortcut_scores` is: warning, note or "", where it is not flagged."""
    far = (scores["low"] - scores["chance"]) / (1 - scores["chance"]) > FAR
    found = np.where(far, WARNING, NOTE)
    return pd.Series(np.where(scores["flagged"].astype(bool), found, ""), scores.index, "str")


def _flagged(score: _Score, surely_above: bool) -> bool:
    """Whether it is a finding; see `FAR` and `NEAR`."""
    found = score.interval
    alone = np.isnan(found.low) and found.clusters >= stats.MIN_CLUSTERS  # one speaker alone says a class
    if np.isnan(found.low) and not alone:
        return False
    ends = (found.point if alone else found.low, found.point)
    low, point = (stats.chance_corrected(value, score.classes) for value in ends)
    return bool(low > 0 and point > (NEAR if surely_above else FAR))


def _surely_above(scores: list[_Score]) -> np.ndarray:
    """Which scores are above chance by more than luck, of those that should be at it: what is no part of an emotion,
    corpus by corpus. (A model of all corpora hears by the channel which corpus it is, and so what is frequent there.)

    Chance is what labels score that are permuted within each cluster (`stats.permuted`), with twice the variance where
    clusters take turns; p is one-sided by the normal distribution, adjusted after Holm over all of them.
    """
    p = np.full(len(scores), np.nan)
    for at, score in enumerate(scores):
        if not score.shortcut.natural and score.corpus != POOLED:
            mean, deviation = stats.permuted(score.confusions)
            deviation *= np.sqrt(2.0 if score.turns else 1.0)
            p[at] = ndtr((mean - score.interval.point) / deviation) if deviation > 0 else 1.0
    return np.array(stats.holm(p)) < LUCK


def _prepared(manifest: pd.DataFrame, heard: pd.DataFrame, clusters: Mapping[str, str]) -> tuple[pd.DataFrame, int]:
    """The labelled rows, numbered from 0, with `truth` (class number), `cluster` and every shortcut's columns; and how
    many classes there are."""
    rows = manifest.reindex(columns=list(_NEEDED)).astype({name: schema.COLUMNS[name] for name in _NEEDED})
    rows["corpus"] = rows["corpus"].fillna("?")
    sound = heard.reindex(rows.index, columns=list(MEASURED)).to_numpy("float64")
    rows = rows.join(pd.DataFrame(sound, rows.index, columns=list(MEASURED)))
    rows["seconds"] = seconds(manifest, heard)
    line = rows["transcription"].map({text: normal(text) for text in rows["transcription"].dropna().unique()})
    rows["sentence"] = (rows["corpus"] + "\x1f" + rows["sentence_id"]).fillna(line.astype("str").replace("", None))
    columns = rows["corpus"].map(lambda corpus: clusters.get(corpus, "speaker_id"))
    own = rows["dialogue_id"].where(columns == "dialogue_id", rows["speaker_id"])
    rows["cluster"] = rows["corpus"] + "\x1f" + own.fillna("")  # people whom nobody names are one: they may be
    rows = rows.dropna(subset=["emotion"]).reset_index(drop=True)
    truth, names = pd.factorize(rows["emotion"], sort=True)
    return rows.assign(truth=truth), len(names)


def _own_parts(part: pd.DataFrame) -> Parts:
    """Where a corpus is learned from and tested, as its in-corpus models are; rows are numbered from 0."""
    if part["fold"].isna().all():
        return _published(part)
    here = np.flatnonzero(part["fold"].notna())
    folded = part.iloc[here].assign(fold=lambda rows: pd.factorize(rows["fold"], sort=True)[0])
    parts = [(np.concatenate([train, validation]), test) for train, validation, test in fold_parts(folded)]
    return [(here[train], here[test]) for train, test in parts]


def _published(rows: pd.DataFrame) -> Parts:
    return [tuple(np.flatnonzero(rows["split"] == name) for name in ("train", "test"))]


def _scores(corpus: str, rows: pd.DataFrame, parts: Parts, classes: int, confidence: float) -> Iterator[_Score]:
    """Yield the scores of every shortcut that can be judged."""
    truth = rows["truth"].to_numpy()
    for shortcut in SHORTCUTS:
        known, answers = _learner(shortcut, rows, truth, parts, classes)
        if answers is None or (shortcut.name == "corpus" and corpus != POOLED):
            continue
        predicted, majority = np.full(len(rows), -1), np.full(len(rows), -1)
        for train, test in parts:
            train, test = train[known[train]], test[known[test]]
            if len(train) and len(test):
                predicted[test] = answers(train, test)
                majority[test] = _by_frequency(truth[train], classes)[0]
        scored = predicted >= 0
        k = len(set(truth[scored]))
        if k < 2:
            continue
        people = rows["cluster"].to_numpy(dtype=object)[scored]
        confusions, _ = stats.cluster_confusions(truth[scored], predicted[scored], people, classes)
        interval = stats.jackknife(confusions, confidence=confidence)
        dull = stats.uar(stats.confusion(truth[scored], majority[scored], classes))
        yield _Score(corpus, shortcut, interval, k, float(dull), int(scored.sum()), len(parts) > 1, confusions)


def _learner(
    shortcut: Shortcut, rows: pd.DataFrame, truth: np.ndarray, parts: Parts, classes: int
) -> tuple[np.ndarray, Answers | None]:
    """Which rows it can be asked about, and what answers; nothing where there is nothing to learn."""
    if shortcut.learner == RULE:
        return _rule(pd.factorize(rows[shortcut.columns[0]])[0], truth, parts, classes)
    values = rows[list(shortcut.columns)].to_numpy(float)
    known = np.isfinite(values).all(axis=1)
    varies = known.any() and (values[known] != values[known][0]).any()
    if not shortcut.natural and not varies:
        return known, None
    return known, _model(shortcut.learner, values, truth)


def _model(learner: str, values: np.ndarray, truth: np.ndarray) -> Answers:
    """A shallow tree, or ridge regression of each class, both with balanced classes."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    def answers(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        model = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=0)
        if learner == LINEAR and len(set(truth[train])) > 1:
            model = make_pipeline(StandardScaler(), RidgeClassifier(PENALTY, class_weight="balanced"))
            train = train[:: -(-len(train) // MOST_ROWS)]
        return model.fit(values[train], truth[train]).predict(values[test])

    return answers


def _rule(keys: np.ndarray, truth: np.ndarray, parts: Parts, classes: int) -> tuple[np.ndarray, Answers | None]:
    """Every row, and a rule that looks its key up (-1: it has none); no rule where no key that is tested is known."""
    every = np.ones(len(keys), bool)
    if not any(np.isin(keys[test], keys[train][keys[train] >= 0]).any() for train, test in parts):
        return every, None

    def answers(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        order = _by_frequency(truth[train], classes)
        counts = np.zeros((keys.max() + 2, classes), int)  # the last row is that of rows without a key
        np.add.at(counts, (keys[train], truth[train]), 1)
        counts[-1] = 0
        return order[counts[:, order].argmax(axis=1)][keys[test]]

    return every, answers


def _by_frequency(truth: np.ndarray, classes: int) -> np.ndarray:
    """Class numbers, the most frequent first, equals in the order of the classes."""
    return np.argsort(-np.bincount(truth, minlength=classes), kind="stable")
