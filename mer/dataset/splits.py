"""Who is trained on and who is tested: by speaker, reproducible, the same whatever else is present."""

import hashlib
from itertools import zip_longest

import numpy as np
import pandas as pd

TRAIN, VALIDATION, TEST = "train", "validation", "test"
LEAVE_ONE_OUT = 10
"""Up to this many speakers, in-corpus folds leave one speaker out."""


def by_gender(speakers: pd.DataFrame, seed: int) -> list[list[str]]:
    """Return the speakers of one corpus, one list per gender, each in a fixed pseudo-random order.

    Args:
        speakers: columns `speaker_id`, `gender`; one row per speaker or more.

    The order depends on the seed, the ids and the genders, not on the order of files or on other corpora.
    """
    gender = speakers.drop_duplicates("speaker_id").set_index("speaker_id")["gender"].fillna("").astype(str)
    ranked = sorted(gender.index, key=lambda s: hashlib.sha256(f"{seed}|{s}".encode()).digest())
    genders = sorted(set(gender), key=lambda g: (-sum(gender == g), g))
    return [[s for s in ranked if gender[s] == g] for g in genders]


def speaker_splits(speakers: pd.DataFrame, seed: int, validation: float, test: float) -> dict[str, str]:
    """Return speaker -> train, validation or test; with fewer than 3 speakers all are train.

    Test speakers are drawn first, then validation speakers, the genders in turn.
    """
    turns = zip_longest(*by_gender(speakers, seed))
    order = [speaker for turn in turns for speaker in turn if speaker is not None]
    if len(order) < 3:
        return dict.fromkeys(order, TRAIN)
    n_test, n_validation = (max(1, round(share * len(order))) for share in (test, validation))
    return {s: TEST if i < n_test else VALIDATION if i < n_test + n_validation else TRAIN for i, s in enumerate(order)}


def speaker_folds(speakers: pd.DataFrame, seed: int, folds: int) -> dict[str, int]:
    """Return speaker -> fold, each gender dealt over the folds; up to ten speakers each is a fold of their own."""
    order = [speaker for group in by_gender(speakers, seed) for speaker in group]
    count = len(order) if len(order) <= LEAVE_ONE_OUT else folds
    return {s: i % count for i, s in enumerate(order)}


def assign(
    manifest: pd.DataFrame, official: set[str], *, seed: int, validation: float, test: float, folds: int
) -> pd.DataFrame:
    """Return the manifest with `split` and `fold` filled in for its usable rows.

    Args:
        official: corpora whose own split is kept; they have no folds.
    """
    nobody = {"split": pd.Series(None, manifest.index, "str"), "fold": pd.Series(pd.NA, manifest.index, "Int64")}
    manifest = manifest.assign(**nobody)
    for corpus, rows in manifest[manifest["exclude_reason"].isna()].groupby("corpus", sort=True):
        if corpus in official:
            manifest.loc[rows.index, "split"] = rows["split_official"]
            continue
        parts = speaker_splits(rows, seed, validation, test)
        numbers = speaker_folds(rows, seed, folds)
        manifest.loc[rows.index, "split"] = rows["speaker_id"].map(parts)
        manifest.loc[rows.index, "fold"] = rows["speaker_id"].map(numbers).astype("Int64")
    return manifest


def fold_rows(fold: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the train, validation and test rows of one fold; the next fold validates.

    >>> [part.tolist() for part in fold_rows(np.array([0, 1, 2, 0]), 2)]
    [[1], [0, 3], [2]]
    """
    count = int(fold.max()) + 1
    nested = (number + 1) % count
    return (np.flatnonzero((fold != number) & (fold != nested)), np.flatnonzero(fold == nested),
            np.flatnonzero(fold == number))  # fmt: skip
