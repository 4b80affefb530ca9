"""What can be scored without hearing an emotion, under the same split as the models."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset import schema
from mer.dataset.audit.finding import WARNING, Finding
from mer.dataset.audit.texts import normal
from mer.dataset.splits import fold_parts

FAR = 0.25
"""A shortcut is flagged where its whole interval lies more than this share of the way from chance to perfect."""
POOLED = "all corpora"
"""in place of a corpus: its rows are those of one model for all corpora, trained and tested on the single split"""
MOST_CLASSES = 64
"""more are no classes: the column holds something else"""
COLUMNS = ("corpus", "shortcut", "UAR", "low", "high", "chance", "majority", "n", "flagged")

_NEEDED = ("corpus", "emotion", "split", "fold", "text_side", "speaker_id", "dialogue_id", "sentence_id",
           "transcription")  # fmt: skip
"""columns of a manifest, null where a foreign table lacks them"""

Answers = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""rows to learn from, rows to answer for -> class numbers"""
Parts = list[tuple[np.ndarray, np.ndarray]]
"""rows to learn from, rows to be tested on"""


@dataclass(frozen=True)
class Shortcut:
    """One thing that says nothing about emotions, unless the corpus makes it.

    Attributes:
        columns: what a shallow tree sees of a recording; of a lookup rule the one column that it looks up.
        lookup: whether it is a rule: answer with the most frequent training emotion of that value.
        what: in a sentence.
        advice: what to do where it is flagged.
    """

    name: str
    columns: tuple[str, ...]
    lookup: bool
    what: str
    advice: str


SHORTCUTS = (
    Shortcut("duration", ("seconds",), False, "the length of a clip",
             "crop or window all clips to one length and score again; what is lost was not about emotion."),
    Shortcut("loudness", ("level_db",), False, "the level of the speech",
             "find out how gain was set, as people are louder in some emotions; where it was not the same for all, "
             "bring them to one level and score again."),
    Shortcut("dynamics", ("spread_db",), False, "how much the level varies within a clip",
             "find out whether some emotions were compressed, or processed otherwise."),
    Shortcut("silence", ("lead_s", "trail_s", "pauses"), False, "the silence before, after and between the words",
             "cut the silence off both ends and score again; what is lost was in how files were cut."),
    Shortcut("recording", ("noise_db", "bandwidth_hz", "rate_hz", "channels", "clipped", "dc"), False,
             "how a clip was recorded (noise, bandwidth, sampling rate, channels, clipping and offset)",
             "find out which emotions were recorded elsewhere or otherwise; do not score within the corpus alone."),
    Shortcut("sentence", ("sentence",), True, "which sentence is spoken",
             "score on sentences that training does not have (splits.text_disjoint), or on those of all emotions."),
    Shortcut("speaker", ("speaker_id",), True, "who speaks",
             "split by speaker; where the split is published, say what speakers alone score beside every number."),
    Shortcut("corpus", ("corpus",), True, "which corpus a clip is from",
             "do not pool corpora into one score; score each one by itself and take the mean."),
)  # fmt: skip
_BY_NAME = {shortcut.name: shortcut for shortcut in SHORTCUTS}


def shortcut_scores(
    manifest: pd.DataFrame,
    heard: pd.DataFrame,
    clusters: Mapping[str, str],
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return what each shortcut alone scores in each corpus, and for one model of all corpora.

    Numbers are given to a shallow balanced tree; identities to a rule that answers with the most frequent training
    emotion of that sentence, speaker or corpus. Ties go to the emotion that is more frequent in training, unseen values
    to the most frequent one. Each learns from the training part of a published split, or from all other folds. Rules
    are left out where nothing that is tested was seen in training, and trees where nothing was measured.

    Args:
        manifest: usable rows.
        heard: what `listen` returns for them; without columns no recording was listened to.
        clusters: corpus -> the column over which its intervals are computed.

    Returns:
        `COLUMNS`. majority: the UAR of answering with the most frequent training emotion; chance: 1 / number of
        classes in the truth; n: clips that were scored; flagged: see `FAR`. Without an interval nothing is flagged,
        but where that is for a class that one speaker alone says: then the score itself counts.
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
    return pd.DataFrame(found, columns=list(COLUMNS))


def seconds(manifest: pd.DataFrame, heard: pd.DataFrame) -> pd.Series:
    """Return how long each row is: by the manifest where that says so, else by what was heard."""
    told, measured = manifest.reindex(columns=["duration"])["duration"], heard.reindex(columns=["seconds"])["seconds"]
    return told.astype("float64").fillna(measured.astype("float64"))


def shortcut_findings(scores: pd.DataFrame) -> Iterator[Finding]:
    """Yield a warning for every flagged row of `shortcut_scores`."""
    for row in scores[scores["flagged"]].itertuples():
        what = _BY_NAME[row.shortcut].what
        interval = "" if np.isnan(row.low) else f" [{row.low:.3f}, {row.high:.3f}]"
        where = "a single model of all corpora" if row.corpus == POOLED else "a model of this corpus"
        yield Finding(
            f"{row.shortcut} shortcut",
            WARNING,
            row.corpus,
            row.n,
            row.n,
            (),
            f"{what[:1].upper()}{what[1:]} alone scores UAR {row.UAR:.3f}{interval} "
            f"on {row.n:,} clips, where chance is {row.chance:.3f}.",
            f"{where} may score so without hearing an emotion, and what it learns is of no use anywhere else.",
            _BY_NAME[row.shortcut].advice,
        )


def shortcut_sentence(scores: pd.DataFrame) -> str:
    """Say which shortcuts are flagged, the clearest first, or which one comes nearest to it."""
    if scores.empty:
        return "Nothing could be scored without hearing an emotion."
    gain = (scores["UAR"] - scores["chance"]) / (1 - scores["chance"])
    order = scores.loc[gain.sort_values(ascending=False, kind="stable").index]
    told = [
        f"{row.shortcut} in {row.corpus} (UAR {row.UAR:.2f}, chance {row.chance:.2f})"
        for row in (order[order["flagged"]] if scores["flagged"].any() else order.head(1)).itertuples()
    ]
    if scores["flagged"].any():
        return f"A single cue scores far above chance: {', '.join(told)}."
    return f"No single cue is shown to score far above chance; {told[0]} comes nearest."


def _prepared(manifest: pd.DataFrame, heard: pd.DataFrame, clusters: Mapping[str, str]) -> tuple[pd.DataFrame, int]:
    """The labelled rows, numbered from 0, with `truth` (class number), `cluster` and every shortcut's columns; and how
    many classes there are."""
    sound = [column for shortcut in SHORTCUTS if not shortcut.lookup for column in shortcut.columns]
    rows = manifest.reindex(columns=list(_NEEDED)).astype({name: schema.COLUMNS[name] for name in _NEEDED})
    rows["corpus"] = rows["corpus"].fillna("?")
    rows = rows.join(heard.reindex(columns=sound).astype("float64"))
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


def _scores(corpus: str, rows: pd.DataFrame, parts: Parts, classes: int, confidence: float) -> Iterator[tuple]:
    """Yield the scores of every shortcut that can be judged."""
    truth = rows["truth"].to_numpy()
    for shortcut in SHORTCUTS:
        if shortcut.lookup:
            known, answers = _rule(pd.factorize(rows[shortcut.columns[0]])[0], truth, parts, classes)
        else:
            known, answers = _tree(rows[list(shortcut.columns)].to_numpy(), truth)
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
        found = stats.jackknife(confusions, confidence=confidence)
        dull = stats.uar(stats.confusion(truth[scored], majority[scored], classes))
        alone = np.isnan(found.low) and found.clusters >= stats.FEWEST_CLUSTERS
        flagged = bool(stats.chance_corrected(found.point if alone else found.low, k) > FAR)
        yield corpus, shortcut.name, found.point, found.low, found.high, 1 / k, dull, int(scored.sum()), flagged


def _tree(values: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, Answers]:
    """Which rows have been measured, and a shallow tree on them."""
    from sklearn.tree import DecisionTreeClassifier

    def answers(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=0)
        return tree.fit(values[train], truth[train]).predict(values[test])

    return np.isfinite(values).all(axis=1), answers


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
