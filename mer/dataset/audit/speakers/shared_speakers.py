"""Leaks between parts or folds of one corpus: shared speakers, dialogues and sessions."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset.audit.columns import PART_NAMES, PART_PAIRS, by_speaker, shared_rows
from mer.dataset.audit.findings import BREACH, NOTE, WARNING, Finding, examples
from mer.dataset.identity.speaker_names import folded


@dataclass(frozen=True)
class _Shared:
    """A kind of group that two parts may share, and the consequences.

    Attributes:
        severity: the severity if the training and the test part share one.
        training_meaning: the consequence for the score in this case.
    """

    column: str
    noun: str
    severity: str
    training_meaning: str
    advice: str


_KINDS = (
    _Shared(
        "speaker_id",
        "speakers",
        BREACH,
        "the score holds for speakers of the training data: a model may recognise the speaker and recall the labels",
        "split by speaker, so that every speaker is on one side only",
    ),
    _Shared(
        "dialogue_id",
        "dialogues",
        BREACH,
        "turns of one conversation share topic, words, room and mood, and the training data contains neighbours of the "
        "tested turns",
        "split by dialogue, so that every dialogue is on one side only",
    ),
    _Shared(
        "session",
        "sessions",
        WARNING,
        "the training data contains a session's room, microphones and partner, even if the speaker differs",
        "split by session, or report next to the score that sessions are shared",
    ),
)


def across_parts(rows: pd.DataFrame, official: set[str]) -> Iterator[Finding]:
    """Yield groups that the parts of a corpus share: for each corpus and kind, the worst pair of parts.

    Args:
        rows: rows as from `with_all_columns`.
        official: corpora whose published split is kept; speakers that it shares are a note.
    """
    for kind in _KINDS:
        for corpus, members in rows.groupby("corpus", sort=True):
            for source, target, _ in PART_PAIRS:
                shared = _shared(members, kind, members["split"] == source, members["split"] == target)
                if shared.any():
                    by_design = corpus in official and kind.column != "dialogue_id"
                    yield _parts_finding(kind, members, (source, target), shared, by_design)
                    break


def _shared(rows: pd.DataFrame, kind: _Shared, source: pd.Series, target: pd.Series) -> pd.Series:
    """Return the target rows that share a group with the source rows. One of several joint speakers is enough."""
    if kind.column != "speaker_id":
        return shared_rows(_key(rows[kind.column]), source, target)
    speakers = by_speaker(rows)
    shared = shared_rows(speakers["speaker"], source.loc[speakers.index], target.loc[speakers.index])
    return pd.Series(rows.index.isin(speakers.index[shared]), rows.index)


def _key(names: pd.Series) -> pd.Series:
    """Return names of dialogues and sessions without case and leading zeros."""
    return names.map({name: folded(name) for name in names.dropna().unique()}).astype(object)


def _parts_finding(
    kind: _Shared, rows: pd.DataFrame, parts: tuple[str, str], shared: pd.Series, by_design: bool
) -> Finding:
    source, target = parts
    count = rows.loc[shared, kind.column].nunique()
    total = rows.loc[rows["split"] == target, kind.column].nunique()
    sentence = f"{count} of the {total} {kind.noun} of the {target} part are also in the {PART_NAMES[source]} part."
    if kind.column == "speaker_id" and parts == ("train", "test"):
        sentence += _rule_sentence(rows)
    meaning, advice = kind.training_meaning, kind.advice
    if "validation" in parts:
        meaning = f"selection on the validation part uses {kind.noun} of another part"
    if by_design:
        meaning = f"the published split shares {kind.noun} by design, so no score on it is independent of them"
        advice = "keep the split, so that scores are comparable, and report this next to them"
    severity = NOTE if by_design else kind.severity if parts == ("train", "test") else WARNING
    return Finding(f"{kind.noun} across parts", severity, rows["corpus"].iloc[0], count, total,
                   examples(rows.loc[shared, kind.column]), sentence, f"{meaning}.", f"{advice}.")  # fmt: skip


def _rule_sentence(rows: pd.DataFrame) -> str:
    score = speaker_rule(rows[rows["split"] == "train"], rows[rows["split"] == "test"])
    if score is None:
        return ""
    uar, chance = score
    return (
        " A rule that uses no audio and predicts the speaker's most frequent training emotion scores "
        f"UAR {uar:.3f} (chance {chance:.3f})."
    )


def speaker_rule(train: pd.DataFrame, test: pd.DataFrame) -> tuple[float, float] | None:
    """Return the UAR of predicting each speaker's most frequent training emotion, and the chance level.

    A tie goes to the emotion that is more frequent in training, then to the first in alphabetical order. A speaker
    without training rows gets the most frequent emotion. None if nothing can be scored.

    >>> train = pd.DataFrame({"speaker_id": ["a", "a", "b"], "emotion": ["sad", "sad", "glad"]})
    >>> speaker_rule(train, pd.DataFrame({"speaker_id": ["a", "b"], "emotion": ["sad", "glad"]}))
    (1.0, 0.5)
    """
    train, test = (rows.dropna(subset=["speaker_id", "emotion"]) for rows in (train, test))
    if train.empty or test["emotion"].nunique() < 2:
        return None
    order = sorted(train["emotion"].value_counts().items(), key=lambda item: (-item[1], item[0]))
    counts = pd.crosstab(train["speaker_id"], train["emotion"])[[emotion for emotion, _ in order]]
    most_frequent = dict(zip(counts.index, counts.columns[counts.to_numpy().argmax(axis=1)], strict=True))
    predictions = [most_frequent.get(speaker, order[0][0]) for speaker in test["speaker_id"]]
    classes = {name: number for number, name in enumerate(sorted({*train["emotion"], *test["emotion"]}))}
    truth, predicted = (np.array([classes[name] for name in names]) for names in (test["emotion"], predictions))
    return stats.uar(stats.confusion(truth, predicted, len(classes))), 1 / test["emotion"].nunique()


def across_folds(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield groups that the folds of a corpus share."""
    folded_rows = rows[rows["fold"].notna()]
    for kind in _KINDS:
        for corpus, members in folded_rows.groupby("corpus", sort=True):
            is_speaker = kind.column == "speaker_id"
            groups = by_speaker(members) if is_speaker else members.assign(speaker=_key(members[kind.column]))
            groups = groups.dropna(subset=["speaker", kind.column])
            folds = groups.groupby("speaker")["fold"].nunique()
            shared = groups.loc[groups["speaker"].isin(folds.index[folds > 1]), kind.column].unique()
            if len(shared):
                yield Finding(
                    f"{kind.noun} across folds",
                    kind.severity,
                    corpus,
                    len(shared),
                    len(folds),
                    examples(pd.Series(shared)),
                    f"{len(shared)} of {len(folds)} {kind.noun} are in several folds.",
                    f"{kind.training_meaning}.",
                    f"{kind.advice.replace('on one side', 'in one fold')}.",
                )
