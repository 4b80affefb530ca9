"""Splits by speaker. They are reproducible and do not depend on other corpora of the study."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.identity import speakers
from mer.dataset.identity.speaker_names import folded

TRAIN, VALIDATION, TEST = "train", "validation", "test"
MAX_LEAVE_ONE_OUT = 10
"""The largest number of speakers or sessions for which within-corpus folds leave one out."""

CANDIDATES = 64
"""The number of pseudo-random splits, of which the one with the most even labels is taken."""

SplitParts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The train, validation and test rows (row numbers)."""


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """The section `splits` of the parameters.

    Attributes:
        seed: the seed of the draws.
        validation, test: the shares of speakers.
        folds: the number of folds of a corpus with more than `MAX_LEAVE_ONE_OUT` speakers.
        text_disjoint: whether the sentences of read speech are disjoint between training and test.
    """

    seed: int
    validation: float
    test: float
    folds: int
    text_disjoint: bool = False


def assign(
    manifest: pd.DataFrame, official: set[str], options: SplitOptions, *, by_session: Collection[str] = ()
) -> pd.DataFrame:
    """Return the manifest with `split`, `fold` and `text_side` filled in for its usable rows.

    With `text_disjoint` the sentences of read speech are assigned to two sides. Training and validation speakers keep
    side 0 and test speakers side 1; rows on the other side have no `split`.

    Args:
        manifest: all rows.
        official: corpora whose own split is kept; they have no folds.
        options: the section `splits` of the parameters.
        by_session: corpora whose sessions stay in one part, and not only their speakers.
    """
    integers = pd.Series(pd.NA, manifest.index, "Int64")
    manifest = manifest.assign(split=pd.Series(None, manifest.index, "str"), fold=integers, text_side=integers)
    seed, validation, test, folds = options.seed, options.validation, options.test, options.folds
    for corpus, rows in manifest[manifest["exclude_reason"].isna()].groupby("corpus", sort=True):
        if corpus in official:
            manifest.loc[rows.index, "split"] = rows["split_official"]
            continue
        rows = rows.assign(speaker_id=speakers.speaker_groups(rows))
        if corpus in by_session:
            groups = speaker_groups_within(rows)
            parts, folds_of_group = session_splits(groups, validation, test), session_folds(groups, folds)
        else:
            groups, family_names = rows["speaker_id"], _family_names(corpus, rows)
            parts = speaker_splits(rows, seed, validation, test, family_names)
            folds_of_group = speaker_folds(rows, seed, folds)
        split = groups.map(parts)
        if options.text_disjoint and (side := text_sides(rows, seed)) is not None:
            manifest.loc[rows.index, "text_side"] = side
            split = split.where(side == (split == TEST))
        manifest.loc[rows.index, "split"] = split
        manifest.loc[rows.index, "fold"] = groups.map(folds_of_group).astype("Int64")
    return manifest


def speaker_splits(
    rows: pd.DataFrame, seed: int, validation: float, test: float, family_names: tuple[str, str] | None = None
) -> dict[str, str]:
    """Return speaker -> train, validation or test; fewer than 3 speakers are all in train.

    Args:
        rows: the utterances of one corpus, columns `speaker_id`, `gender`, `emotion`.
        seed, validation, test: the section `splits` of the parameters.
        family_names: the corpus and its family, if its speakers are those of the family's first corpus.

    Test speakers are drawn first, then validation speakers, with alternating genders. Of `CANDIDATES` draws, the one is
    taken whose parts have the most similar label shares and the intended share of clips. Draws depend on the seed, the
    ids and the genders, not on the order of files or on other corpora.

    A speaker in two corpora of a family should have one part, but neither split may depend on the other corpus. With
    `family_names`, the first draw is therefore taken without regard to labels, and uses the names in the family's first
    corpus. It equals the draw of that corpus if speakers have the same labels, which holds for actors. If the two draws
    differ, `mer.evaluation.protocols.family_overlap` removes the overlap from training and validation rows.
    """
    counts = _label_counts(rows)
    if len(counts) < 3:
        return dict.fromkeys(counts.index, TRAIN)
    gender, names = _genders(rows), _part_names(len(counts), validation, test)
    if family_names is not None:
        return _by_family(gender, seed, validation, test, *family_names)
    best = min(
        (_alternating(gender, seed, draw) for draw in range(CANDIDATES)),
        key=lambda order: _unevenness(counts.loc[order].to_numpy(), names),
    )
    return dict(zip(best, names.tolist(), strict=True))


def _family_names(corpus: str, rows: pd.DataFrame) -> tuple[str, str] | None:
    """Return the corpus and its family, if its speakers are those of another corpus, which may be absent."""
    family = rows["family"].iloc[0] if "family" in rows else corpus
    has_other_speakers = corpus in CORPORA and not CORPORA[corpus].shares_speakers
    return None if family == corpus or has_other_speakers else (corpus, family)


def _by_family(
    gender: pd.Series, seed: int, validation: float, test: float, corpus: str, family: str
) -> dict[str, str]:
    """Return speaker -> part as the family's first corpus draws it, with genders in alphabetical order."""
    ids = {f"{family}_{speakers.anonymous_code(corpus, speaker)}": speaker for speaker in gender.index}
    published = CORPORA.get(corpus)
    complete = published is not None and published.speakers == len(gender)
    absent = {f"{family}_{name}": g for name, g in published.absent_speakers.items()} if complete else {}
    present = {name: gender[speaker] for name, speaker in ids.items()}
    for genders in (present | absent, present):
        lists = [sorted((n for n in genders if genders[n] == g), key=lambda n: _rank(seed, 0, n))
                 for g in sorted(set(genders.values()))]  # fmt: skip
        order = [name for turn in zip_longest(*lists) for name in turn if name is not None]
        assignment = zip(order, _part_names(len(order), validation, test).tolist(), strict=True)
        parts = {ids[name]: part for name, part in assignment if name in ids}
        if len(set(parts.values())) == 3:  # otherwise absent speakers would be a whole part
            break
    return parts


def speaker_folds(rows: pd.DataFrame, seed: int, folds: int) -> dict[str, int]:
    """Return speaker -> fold, with each gender distributed over the folds; up to ten speakers are one fold each."""
    counts, gender = _label_counts(rows), _genders(rows)
    if len(counts) <= MAX_LEAVE_ONE_OUT:
        return {speaker: i for i, speaker in enumerate(chain(*_shuffled(gender, seed, 0)))}
    numbers = np.arange(len(counts)) % folds
    best = min(
        ([*chain(*_shuffled(gender, seed, draw))] for draw in range(CANDIDATES)),
        key=lambda order: _unevenness(counts.loc[order].to_numpy(), numbers),
    )
    return dict(zip(best, numbers.tolist(), strict=True))


def speaker_groups_within(rows: pd.DataFrame) -> pd.Series:
    """Return the group of each row: sessions that share a speaker or a name, named by the first session.

    >>> rows = pd.DataFrame({"session": ["2", "1", "3", "4"], "speaker_id": ["a", "a", "b", "c"]})
    >>> speaker_groups_within(rows).tolist()
    ['1', '1', '3', '4']
    """
    component = speakers.connected_groups(rows["session"].map(folded), rows["speaker_id"])
    return rows["session"].groupby(component).transform("min")


def session_splits(sessions: pd.Series, validation: float, test: float) -> dict[str, str]:
    """Return session -> train, validation or test. By convention the last sessions are tested, those before validate.

    >>> session_splits(pd.Series(["Ses01", "Ses02", "Ses03", "Ses04", "Ses05"]), 0.1, 0.1)["Ses05"]
    'test'
    """
    order = sorted(set(sessions), reverse=True)
    if len(order) < 3:
        return dict.fromkeys(order, TRAIN)
    n_test, n_validation = _part_sizes(len(order), validation, test)
    return {s: TEST if i < n_test else VALIDATION if i < n_test + n_validation else TRAIN for i, s in enumerate(order)}


def session_folds(sessions: pd.Series, folds: int) -> dict[str, int]:
    """Return session -> fold, in order; up to ten sessions are one fold each."""
    order = sorted(set(sessions))
    return {s: i % (len(order) if len(order) <= MAX_LEAVE_ONE_OUT else folds) for i, s in enumerate(order)}


def text_sides(rows: pd.DataFrame, seed: int) -> pd.Series | None:
    """Return 0 or 1 for each row of read speech, by its sentence; None if sentences do not recur.

    Sentences are assigned alternately. If sentences are specific to emotions, they are ordered by emotion, so that both
    sides have all emotions.
    """
    sentence, control = rows["sentence_id"].fillna(rows["transcription"]), rows["lexical_control"].iloc[0]
    if control == "free" or sentence.isna().any() or sentence.nunique() < 2:
        return None
    emotion = rows.groupby(sentence)["emotion"].agg(lambda labels: sorted(labels.mode())[0])
    order = sorted(
        emotion.index, key=lambda s: (emotion[s] if control == "emotion_specific" else "", _rank(seed, 0, s))
    )
    return sentence.map({s: i % 2 for i, s in enumerate(order)}).astype("Int64")


def fold_parts(rows: pd.DataFrame) -> list[SplitParts]:
    """Return the train, validation and test rows, numbered from 0, of every fold of one corpus.

    The next fold is the validation part. With text sides, each fold is tested on either side after training on the
    other.

    >>> rows = pd.DataFrame({"fold": [0, 1, 2, 0], "text_side": pd.array([None] * 4, "Int64")})
    >>> [part.tolist() for part in fold_parts(rows)[2]]
    [[1], [0, 3], [2]]
    """
    fold = rows["fold"].to_numpy(dtype=int)
    side = rows["text_side"].to_numpy(dtype=float, na_value=np.nan)
    sides = [side == 0, side == 1] if not np.isnan(side).any() else [np.ones(len(fold), bool)]
    count, parts = int(fold.max()) + 1, []
    for number in range(count):
        validation_fold = (number + 1) % count
        for test_side in sides:
            training_side = ~test_side if len(sides) == 2 else test_side
            masks = (
                training_side & (fold != number) & (fold != validation_fold),
                training_side & (fold == validation_fold),
                test_side & (fold == number),
            )
            parts.append(tuple(np.flatnonzero(mask) for mask in masks))
    return parts


def _part_sizes(total: int, validation: float, test: float) -> tuple[int, int]:
    """Return the numbers of test and validation speakers of three or more: at least one each, with one left to train.

    >>> _part_sizes(10, 0.1, 0.1), _part_sizes(3, 0.4, 0.5)
    ((1, 1), (1, 1))
    """
    n_test = min(max(1, round(test * total)), total - 2)
    return n_test, min(max(1, round(validation * total)), total - n_test - 1)


def _part_names(total: int, validation: float, test: float) -> np.ndarray:
    """Return the parts of a number of speakers in the order in which they are drawn."""
    n_test, n_validation = _part_sizes(total, validation, test)
    return np.array([TEST] * n_test + [VALIDATION] * n_validation + [TRAIN] * (total - n_test - n_validation))


def _label_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the number of utterances of each speaker and label."""
    return pd.crosstab(rows["speaker_id"].astype(object), rows["emotion"].astype(object))


def _genders(rows: pd.DataFrame) -> pd.Series:
    """Return speaker -> gender, empty if unknown, independent of the order of rows."""
    genders_by_speaker = rows.assign(gender=rows["gender"].astype(object).fillna("")).groupby("speaker_id")["gender"]
    return genders_by_speaker.agg(lambda genders: min((gender for gender in genders if gender), default="")).astype(str)


def _rank(seed: int, draw: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}|{draw}|{name}".encode()).digest()


def _shuffled(gender: pd.Series, seed: int, draw: int) -> list[list[str]]:
    """Return a list of speakers per gender, the larger one first."""
    ranked = sorted(gender.index, key=lambda speaker: _rank(seed, draw, speaker))
    genders = sorted(set(gender), key=lambda g: (-sum(gender == g), g))
    return [[speaker for speaker in ranked if gender[speaker] == g] for g in genders]


def _alternating(gender: pd.Series, seed: int, draw: int) -> list[str]:
    turns = zip_longest(*_shuffled(gender, seed, draw))
    return [speaker for turn in turns for speaker in turn if speaker is not None]


def _unevenness(counts: np.ndarray, names: np.ndarray) -> float:
    """Return how far parts differ from the corpus in label shares, and in clips from their share of speakers.

    Args:
        counts: numbers of utterances, (speakers, labels).
        names: the part of each speaker, (speakers,).
    """
    shares, total, difference = counts.sum(0) / counts.sum(), counts.sum(), 0.0
    for name in np.unique(names):
        part = counts[names == name].sum(0)
        if part.sum():
            difference += np.abs(part / part.sum() - shares).sum()
        difference += abs(part.sum() / total - np.mean(names == name))
    return difference
