"""Who is trained on and who is tested: whole speakers, reproducible, the same whatever else is present."""

import hashlib
from collections.abc import Collection
from itertools import chain, zip_longest

import numpy as np
import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.identity import speakers
from mer.dataset.identity.speaker_names import folded

TRAIN, VALIDATION, TEST = "train", "validation", "test"
LEAVE_ONE_OUT = 10
"""Up to this many speakers or sessions, in-corpus folds leave one out."""

CANDIDATES = 64
"""pseudo-random ways to part the speakers, of which the one that spreads the labels most evenly is taken"""

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""train, validation and test rows"""


def assign(
    manifest: pd.DataFrame,
    official: set[str],
    *,
    seed: int,
    validation: float,
    test: float,
    folds: int,
    text_disjoint: bool = False,
    by_session: Collection[str] = (),
) -> pd.DataFrame:
    """Return the manifest with `split`, `fold` and `text_side` filled in for its usable rows.

    Args:
        official: corpora whose own split is kept; they have no folds.
        seed, validation, test, folds, text_disjoint: the section `splits` of the parameters.
        by_session: corpora whose sessions stay whole, and not only their speakers.

    With `text_disjoint` the sentences of read speech are dealt to two sides. Training and validation speakers
    keep side 0 and test speakers side 1; what lies on the other side has no `split`.
    """
    integers = pd.Series(pd.NA, manifest.index, "Int64")
    manifest = manifest.assign(split=pd.Series(None, manifest.index, "str"), fold=integers, text_side=integers)
    for corpus, rows in manifest[manifest["exclude_reason"].isna()].groupby("corpus", sort=True):
        if corpus in official:
            manifest.loc[rows.index, "split"] = rows["split_official"]
            continue
        rows = rows.assign(speaker_id=speakers.speaker_groups(rows))
        if corpus in by_session:
            units = inseparable(rows)
            parts, numbers = session_splits(units, validation, test), session_folds(units, folds)
        else:
            units, kin = rows["speaker_id"], _kin(corpus, rows)
            parts, numbers = speaker_splits(rows, seed, validation, test, kin), speaker_folds(rows, seed, folds)
        split = units.map(parts)
        if text_disjoint and (side := text_sides(rows, seed)) is not None:
            manifest.loc[rows.index, "text_side"] = side
            split = split.where(side == (split == TEST))
        manifest.loc[rows.index, "split"] = split
        manifest.loc[rows.index, "fold"] = units.map(numbers).astype("Int64")
    return manifest


def speaker_splits(
    rows: pd.DataFrame, seed: int, validation: float, test: float, kin: tuple[str, str] | None = None
) -> dict[str, str]:
    """Return speaker -> train, validation or test; with fewer than 3 speakers all are train.

    Args:
        rows: of one corpus, columns `speaker_id`, `gender`, `emotion`; one row per utterance.
        kin: the corpus and its family, where its speakers are those of the family's first corpus.

    Test speakers are drawn first, then validation speakers, the genders in turn. Of `CANDIDATES` such draws the
    one is taken whose parts are most alike in their labels and have about their share of the clips. Draws depend
    on the seed, the ids and the genders, not on the order of files or on other corpora.

    A person who speaks in two corpora of a family shall have one part, though neither corpus may be asked about the
    other. So with `kin` the first draw is taken, labels unseen, and goes by the name that a person has in the family's
    first corpus: it is what that corpus draws where its speakers have the same labels, as actors have. Where the two
    draws differ all the same, what trains and validates is parted by `mer.evaluation.protocols.family_overlap`.
    """
    counts = _label_counts(rows)
    if len(counts) < 3:
        return dict.fromkeys(counts.index, TRAIN)
    gender, names = _genders(rows), _parts(len(counts), validation, test)
    if kin is not None:
        return _as_kin(gender, seed, validation, test, *kin)
    best = min(
        (_alternating(gender, seed, draw) for draw in range(CANDIDATES)),
        key=lambda order: _unevenness(counts.loc[order].to_numpy(), names),
    )
    return dict(zip(best, names.tolist(), strict=True))


def _kin(corpus: str, rows: pd.DataFrame) -> tuple[str, str] | None:
    """The corpus and its family, where its speakers are those of another corpus, be that here or not."""
    family = rows["family"].iloc[0] if "family" in rows else corpus
    apart = corpus in CORPORA and not CORPORA[corpus].shares_speakers
    return None if family == corpus or apart else (corpus, family)


def _as_kin(gender: pd.Series, seed: int, validation: float, test: float, corpus: str, family: str) -> dict[str, str]:
    """Speaker -> part, as the family's first corpus draws it; the genders in the order of the alphabet."""
    here = {f"{family}_{speakers.anonymous_code(corpus, speaker)}": speaker for speaker in gender.index}
    known = CORPORA.get(corpus)
    missing = known.absent_speakers if known is not None and known.speakers == len(gender) else {}
    there = {name: gender[speaker] for name, speaker in here.items()}
    for everybody in (there | {f"{family}_{name}": who for name, who in missing.items()}, there):
        lists = [sorted((n for n in everybody if everybody[n] == g), key=lambda n: _rank(seed, 0, n))
                 for g in sorted(set(everybody.values()))]  # fmt: skip
        order = [name for turn in zip_longest(*lists) for name in turn if name is not None]
        drawn = zip(order, _parts(len(order), validation, test).tolist(), strict=True)
        found = {here[name]: part for name, part in drawn if name in here}
        if len(set(found.values())) == 3:  # unless who is missing would be a part
            break
    return found


def speaker_folds(rows: pd.DataFrame, seed: int, folds: int) -> dict[str, int]:
    """Return speaker -> fold, each gender dealt over the folds; up to ten speakers each is a fold of their own."""
    counts, gender = _label_counts(rows), _genders(rows)
    if len(counts) <= LEAVE_ONE_OUT:
        return {speaker: i for i, speaker in enumerate(chain(*_shuffled(gender, seed, 0)))}
    numbers = np.arange(len(counts)) % folds
    best = min(
        ([*chain(*_shuffled(gender, seed, draw))] for draw in range(CANDIDATES)),
        key=lambda order: _unevenness(counts.loc[order].to_numpy(), numbers),
    )
    return dict(zip(best, numbers.tolist(), strict=True))


def inseparable(rows: pd.DataFrame) -> pd.Series:
    """Return for each row the first of the sessions that belong together: those that share a speaker or a name do.

    >>> rows = pd.DataFrame({"session": ["2", "1", "3", "4"], "speaker_id": ["a", "a", "b", "c"]})
    >>> inseparable(rows).tolist()
    ['1', '1', '3', '4']
    """
    component = speakers.connected_groups(rows["session"].map(folded), rows["speaker_id"])
    return rows["session"].groupby(component).transform("min")


def session_splits(sessions: pd.Series, validation: float, test: float) -> dict[str, str]:
    """Return session -> train, validation or test: by convention the last sessions test, those before validate.

    >>> session_splits(pd.Series(["Ses01", "Ses02", "Ses03", "Ses04", "Ses05"]), 0.1, 0.1)["Ses05"]
    'test'
    """
    order = sorted(set(sessions), reverse=True)
    if len(order) < 3:
        return dict.fromkeys(order, TRAIN)
    n_test, n_validation = _sizes(len(order), validation, test)
    return {s: TEST if i < n_test else VALIDATION if i < n_test + n_validation else TRAIN for i, s in enumerate(order)}


def session_folds(sessions: pd.Series, folds: int) -> dict[str, int]:
    """Return session -> fold, in their order; up to ten sessions each is a fold of its own."""
    order = sorted(set(sessions))
    return {s: i % (len(order) if len(order) <= LEAVE_ONE_OUT else folds) for i, s in enumerate(order)}


def text_sides(rows: pd.DataFrame, seed: int) -> pd.Series | None:
    """Return 0 or 1 for each row of read speech, by its sentence; None where sentences do not recur.

    Sentences are dealt in turn; where they belong to emotions, those of one emotion after those of another, so that
    both sides have all emotions.
    """
    sentence, control = rows["sentence_id"].fillna(rows["transcription"]), rows["lexical_control"].iloc[0]
    if control == "free" or sentence.isna().any() or sentence.nunique() < 2:
        return None
    emotion = rows.groupby(sentence)["emotion"].agg(lambda labels: sorted(labels.mode())[0])
    order = sorted(
        emotion.index, key=lambda s: (emotion[s] if control == "emotion_specific" else "", _rank(seed, 0, s))
    )
    return sentence.map({s: i % 2 for i, s in enumerate(order)}).astype("Int64")


def fold_parts(rows: pd.DataFrame) -> list[Parts]:
    """Return the train, validation and test rows, numbered from 0, of every fold of one corpus; the next fold
    validates. With sides of text, each fold is tested on either side by what was trained on the other.

    >>> rows = pd.DataFrame({"fold": [0, 1, 2, 0], "text_side": pd.array([None] * 4, "Int64")})
    >>> [part.tolist() for part in fold_parts(rows)[2]]
    [[1], [0, 3], [2]]
    """
    fold = rows["fold"].to_numpy(dtype=int)
    side = rows["text_side"].to_numpy(dtype=float, na_value=np.nan)
    sides = [side == 0, side == 1] if not np.isnan(side).any() else [np.ones(len(fold), bool)]
    count, found = int(fold.max()) + 1, []
    for number in range(count):
        nested = (number + 1) % count
        for here in sides:
            seen = ~here if len(sides) == 2 else here
            masks = (seen & (fold != number) & (fold != nested), seen & (fold == nested), here & (fold == number))
            found.append(tuple(np.flatnonzero(mask) for mask in masks))
    return found


def _sizes(total: int, validation: float, test: float) -> tuple[int, int]:
    """How many of three or more test and validate: their shares, at least one each, and one is left to train.

    >>> _sizes(10, 0.1, 0.1), _sizes(3, 0.4, 0.5)
    ((1, 1), (1, 1))
    """
    n_test = min(max(1, round(test * total)), total - 2)
    return n_test, min(max(1, round(validation * total)), total - n_test - 1)


def _parts(total: int, validation: float, test: float) -> np.ndarray:
    """The parts of that many speakers in the order in which they are drawn."""
    n_test, n_validation = _sizes(total, validation, test)
    return np.array([TEST] * n_test + [VALIDATION] * n_validation + [TRAIN] * (total - n_test - n_validation))


def _label_counts(rows: pd.DataFrame) -> pd.DataFrame:
    """Speaker × label, utterances."""
    return pd.crosstab(rows["speaker_id"].astype(object), rows["emotion"].astype(object))


def _genders(rows: pd.DataFrame) -> pd.Series:
    """Speaker -> gender, empty where it is not known; whichever row says it, and in whatever order they are."""
    told = rows.assign(gender=rows["gender"].astype(object).fillna("")).groupby("speaker_id")["gender"]
    return told.agg(lambda genders: min((gender for gender in genders if gender), default="")).astype(str)


def _rank(seed: int, draw: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}|{draw}|{name}".encode()).digest()


def _shuffled(gender: pd.Series, seed: int, draw: int) -> list[list[str]]:
    """The speakers, a list per gender, the larger one first."""
    ranked = sorted(gender.index, key=lambda speaker: _rank(seed, draw, speaker))
    genders = sorted(set(gender), key=lambda g: (-sum(gender == g), g))
    return [[speaker for speaker in ranked if gender[speaker] == g] for g in genders]


def _alternating(gender: pd.Series, seed: int, draw: int) -> list[str]:
    turns = zip_longest(*_shuffled(gender, seed, draw))
    return [speaker for turn in turns for speaker in turn if speaker is not None]


def _unevenness(counts: np.ndarray, names: np.ndarray) -> float:
    """How far parts differ from the whole in their shares of labels, and from their share of speakers in clips.

    Args:
        counts: of speakers and labels, (speakers, labels).
        names: the part of each speaker, (speakers,).
    """
    whole, total, found = counts.sum(0) / counts.sum(), counts.sum(), 0.0
    for name in np.unique(names):
        part = counts[names == name].sum(0)
        if part.sum():
            found += np.abs(part / part.sum() - whole).sum()
        found += abs(part.sum() / total - np.mean(names == name))
    return found
