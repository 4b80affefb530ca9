"""Leaks through people and occasions: speakers, sessions and dialogues that two sides of a split share."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer import stats
from mer.dataset.audit.findings import BREACH, NOTE, WARNING, Finding, examples
from mer.dataset.audit.tables.columns import NOUNS, PARTS, by_person, met
from mer.dataset.identity.speaker_names import merged


@dataclass(frozen=True)
class _Shared:
    """What two parts may share, and what follows."""

    column: str
    noun: str
    trained: str
    """severity where the training and the test part share one"""
    meaning: str
    advice: str


_KINDS = (
    _Shared(
        "speaker_id",
        "speakers",
        BREACH,
        "the score is that of known voices: a model may recognise the speaker and recall the speaker's labels",
        "split by speaker, every speaker on one side only",
    ),
    _Shared(
        "dialogue_id",
        "dialogues",
        BREACH,
        "turns of one conversation share topic, words, room and mood; a model has seen the neighbours of what it is "
        "tested on",
        "split by dialogue, every dialogue on one side only",
    ),
    _Shared(
        "session",
        "sessions",
        WARNING,
        "a session's room, microphones and partner are known from training, even where the speaker is not",
        "split by session, or say beside the score that sessions are shared",
    ),
)


def across_parts(rows: pd.DataFrame, official: set[str]) -> Iterator[Finding]:
    """Yield what the parts of a corpus share: for each corpus and column the worst pair of parts.

    Args:
        rows: from `complete`.
        official: corpora whose published split is kept; that it shares speakers is told, not held against it.
    """
    for kind in _KINDS:
        for corpus, part in rows.groupby("corpus", sort=True):
            for source, target, _ in PARTS:
                shared = _shared(part, kind, part["split"] == source, part["split"] == target)
                if shared.any():
                    excused = corpus in official and kind.column != "dialogue_id"
                    yield _parts_finding(kind, corpus, part, source, target, shared, excused)
                    break


def _shared(part: pd.DataFrame, kind: _Shared, source: pd.Series, target: pd.Series) -> pd.Series:
    """The target rows that share something with the source rows. One of several speakers is enough."""
    if kind.column != "speaker_id":
        return met(_key(part[kind.column]), source, target)
    each = by_person(part)
    hit = met(each["person"], source.loc[each.index], target.loc[each.index])
    return pd.Series(part.index.isin(each.index[hit]), part.index)


def _key(names: pd.Series) -> pd.Series:
    """Names of dialogues and sessions, in whatever case and with whatever zeros they are written."""
    return names.map({name: merged(name) for name in names.dropna().unique()}).astype(object)


def _parts_finding(
    kind: _Shared, corpus: str, part: pd.DataFrame, source: str, target: str, shared: pd.Series, excused: bool
) -> Finding:
    count = part.loc[shared, kind.column].nunique()
    of = part.loc[part["split"] == target, kind.column].nunique()
    worst = (source, target) == ("train", "test")
    what = f"Of the {of} {kind.noun} of the {target} part, {count} in the {NOUNS[source]} part, too."
    if kind.column == "speaker_id" and worst:
        what += _rule_sentence(part)
    meaning, advice = kind.meaning, kind.advice
    if target == "validation" or source == "validation":
        meaning = f"what is chosen on the validation part is chosen with {kind.noun} that it has in common"
    if excused:
        meaning = f"the published split shares {kind.noun} by design, so that no score on it is independent of them"
        advice = "keep the split, so that scores can be compared, and say this beside them"
    severity = NOTE if excused else kind.trained if worst else WARNING
    return Finding(f"{kind.noun} across parts", severity, corpus, count, of,
                   examples(part.loc[shared, kind.column]), what, f"{meaning}.", f"{advice}.")  # fmt: skip


def _rule_sentence(part: pd.DataFrame) -> str:
    score = speaker_rule(part[part["split"] == "train"], part[part["split"] == "test"])
    if score is None:
        return ""
    uar, chance = score
    return (
        " A rule that hears nothing and answers with the speaker's most frequent training emotion scores "
        f"UAR {uar:.3f} (chance {chance:.3f})."
    )


def speaker_rule(train: pd.DataFrame, test: pd.DataFrame) -> tuple[float, float] | None:
    """Return the UAR of answering with each speaker's most frequent training emotion, and the chance level.

    A tie goes to the emotion that is more frequent in training, then to the first in the alphabet; an unknown
    speaker gets the most frequent one. None where nothing can be scored.

    >>> train = pd.DataFrame({"speaker_id": ["a", "a", "b"], "emotion": ["sad", "sad", "glad"]})
    >>> speaker_rule(train, pd.DataFrame({"speaker_id": ["a", "b"], "emotion": ["sad", "glad"]}))
    (1.0, 0.5)
    """
    train, test = (part.dropna(subset=["speaker_id", "emotion"]) for part in (train, test))
    if train.empty or test["emotion"].nunique() < 2:
        return None
    order = sorted(train["emotion"].value_counts().items(), key=lambda item: (-item[1], item[0]))
    counts = pd.crosstab(train["speaker_id"], train["emotion"])[[emotion for emotion, _ in order]]
    usual = dict(zip(counts.index, counts.columns[counts.to_numpy().argmax(axis=1)], strict=True))
    answers = [usual.get(speaker, order[0][0]) for speaker in test["speaker_id"]]
    classes = {name: number for number, name in enumerate(sorted({*train["emotion"], *test["emotion"]}))}
    truth, answer = (np.array([classes[name] for name in names]) for names in (test["emotion"], answers))
    return stats.uar(stats.confusion(truth, answer, len(classes))), 1 / test["emotion"].nunique()


def across_folds(rows: pd.DataFrame) -> Iterator[Finding]:
    """Yield what the folds of a corpus share."""
    folded = rows[rows["fold"].notna()]
    for kind in _KINDS:
        for corpus, part in folded.groupby("corpus", sort=True):
            each = by_person(part) if kind.column == "speaker_id" else part.assign(person=_key(part[kind.column]))
            each = each.dropna(subset=["person", kind.column])
            apart = each.groupby("person")["fold"].nunique()
            shared = each.loc[each["person"].isin(apart.index[apart > 1]), kind.column].unique()
            if len(shared):
                yield Finding(
                    f"{kind.noun} across folds",
                    kind.trained,
                    corpus,
                    len(shared),
                    len(apart),
                    examples(pd.Series(shared)),
                    f"Of {len(apart)} {kind.noun}, {len(shared)} in several folds.",
                    f"{kind.meaning}.",
                    f"{kind.advice.replace('on one side', 'in one fold')}.",
                )
