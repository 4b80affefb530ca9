"""Which rows train, choose and test in each protocol.

A cell is planned from the manifest alone, before anything is trained. Validation rows choose the epoch and
the regularisation; they always belong to the training corpora. Test rows are never both.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from mer.dataset.identity import duplicates
from mer.dataset.identity import speakers as people
from mer.dataset.splits import fold_parts
from mer.evaluation.protocols import copies_across_families
from mer.evaluation.protocols.family_overlap import remove_overlap, shared_items

NO_ROWS = np.array([], dtype=int)
MIN_FOLDS = 3
"""one to test, one to validate, one to train"""

Protocol = Literal["in_corpus", "cross_corpus", "multi_corpus", "loco"]

INNER = "inner_loco"
"""two families held out at once, to choose for each of them by the other (mer/evaluation/comparison/selection.py)"""
RANDOM = "random_split"
"""clips dealt at random, so that speakers train and test: no protocol of a study, and never a score (`random_split`)"""


@dataclass(frozen=True)
class Cell:
    """One set of training, validation and test rows that a protocol plans.

    Cells are equal if protocol, corpora, held-out family and fold are equal, because these identify a cell of a plan.

    Attributes:
        protocol: the protocol, or `inner_loco` or `random_split`.
        train_corpora: the corpora on which a job is trained.
        held_out: the family that is held out (loco), both families joined by + (inner_loco), else empty text.
        fold: number of the fold, 0 if there is one.
        train, validation, test: row numbers of the usable manifest; `test` may span several corpora.
    """

    protocol: Protocol | Literal["inner_loco", "random_split"]
    train_corpora: tuple[str, ...]
    held_out: str
    fold: int
    train: np.ndarray = field(compare=False)
    validation: np.ndarray = field(compare=False)
    test: np.ndarray = field(compare=False)


def scored_corpora(manifest: pd.DataFrame, min_clips: int, min_speakers: int) -> dict[str, str]:
    """Return corpus -> "" where it is scored, else why it is only listed."""
    reasons = {}
    for corpus, rows in manifest.groupby("corpus", sort=True):
        speakers = (rows["speaker_id"] if has_official_split(rows) else people.speaker_groups(rows)).nunique()
        if len(rows) < min_clips:
            reasons[corpus] = f"{len(rows)} clips, fewer than {min_clips}"
        elif speakers < min_speakers:
            names = rows["speaker_id"].nunique()
            why = f" ({names} names, which may be of one person or share recordings)" if names > speakers else ""
            reasons[corpus] = f"{speakers} speakers, fewer than {min_speakers}{why}"
        elif missing := _missing_part(rows):
            reasons[corpus] = f"the published split has no {missing} part"
        elif not has_official_split(rows) and rows["fold"].nunique() < MIN_FOLDS:
            by_session = "session" in rows and rows["session"].notna().any()
            why = "sessions share their speakers" if by_session else "speakers share recordings, or may be one person"
            reasons[corpus] = f"{rows['fold'].nunique()} folds, fewer than 3: its {why}"
        elif rows["emotion"].nunique() < 2:
            reasons[corpus] = "one class only"
        else:
            reasons[corpus] = ""
    return reasons


def _missing_part(rows: pd.DataFrame) -> str:
    parts = set(rows["split"]) if has_official_split(rows) else {"train", "test"}
    return next((part for part in ("train", "test") if part not in parts), "")


def plan(
    manifest: pd.DataFrame,
    protocols: tuple[str, ...],
    corpora: list[str],
    near: pd.DataFrame = duplicates.NO_DUPLICATES,
    accepted: Iterable[str] = (),
) -> list[Cell]:
    """Return every cell of some protocols.

    Args:
        manifest: usable rows, index 0..n-1.
        corpora: those that are scored; only they train, validate and test.
        near: near-duplicates, as from `duplicates.load`.
        accepted: corpora that may be tested where copies of their recordings were trained on.

    Raises:
        ValueError: a corpus that would be tested as a stranger is none; names all of them.
    """
    makers = {
        "in_corpus": _in_corpus,
        "cross_corpus": _cross_corpus,
        "multi_corpus": _multi_corpus,
        "loco": _loco,
    }
    shared = shared_items(manifest)
    cells = [cell for name in protocols for cell in makers[name](manifest, corpora, shared)]
    return _checked(manifest, cells, near, accepted)


def has_official_split(rows: pd.DataFrame) -> bool:
    """Whether a corpus is scored on its published parts (it then has no folds)."""
    return bool(rows["fold"].isna().all())


def _row_numbers(mask: pd.Series) -> np.ndarray:
    return np.flatnonzero(mask.to_numpy())


def _training_rows(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation rows of corpora that are tested elsewhere: all but what validates in any of them, and of
    a published split its training part only."""
    chosen = manifest["corpus"].isin(corpora)
    published_test = manifest["fold"].isna() & (manifest["split"] == "test")
    validation = chosen & (manifest["split"] == "validation")
    return remove_overlap(
        shared, _row_numbers(chosen & ~validation & ~published_test), _row_numbers(validation), NO_ROWS
    )


def _test_rows(manifest: pd.DataFrame, corpora: list[str]) -> np.ndarray:
    """All of a corpus; of a published split its test part."""
    return _row_numbers(manifest["corpus"].isin(corpora) & (manifest["fold"].notna() | (manifest["split"] == "test")))


def _in_corpus(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> list[Cell]:
    cells = []
    for corpus in corpora:
        rows = _row_numbers(manifest["corpus"] == corpus)
        part = manifest.iloc[rows]
        if has_official_split(part):
            train, validation, test = (rows[part["split"] == s] for s in ("train", "validation", "test"))
            cells.append(Cell("in_corpus", (corpus,), "", 0, train, validation, test))
            continue
        for number, parts in enumerate(fold_parts(part)):
            train, validation, test = (rows[r] for r in parts)
            cells.append(Cell("in_corpus", (corpus,), "", number, train, validation, test))
    return cells


def _cross_corpus(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> list[Cell]:
    family = manifest.groupby("corpus")["family"].first()
    cells = []
    for corpus in corpora:
        others = [c for c in corpora if family[c] != family[corpus]]
        train, validation = _training_rows(manifest, [corpus], shared)
        if others:
            cells.append(Cell("cross_corpus", (corpus,), "", 0, train, validation, _test_rows(manifest, others)))
    return cells


def _multi_corpus(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> list[Cell]:
    chosen = manifest["corpus"].isin(corpora)
    train, validation, test = (_row_numbers(chosen & (manifest["split"] == s)) for s in ("train", "validation", "test"))
    train, validation = remove_overlap(shared, train, validation, test)
    return [Cell("multi_corpus", tuple(corpora), "", 0, train, validation, test)]


def _loco(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> list[Cell]:
    family = manifest.groupby("corpus")["family"].first()
    cells = []
    for held_out in sorted({family[c] for c in corpora}):
        inside = [c for c in corpora if family[c] == held_out]
        outside = [c for c in corpora if family[c] != held_out]
        if outside:
            train, validation = _training_rows(manifest, outside, shared)
            cells.append(Cell("loco", tuple(outside), held_out, 0, train, validation, _test_rows(manifest, inside)))
    return cells


def inner_loco(
    manifest: pd.DataFrame,
    corpora: list[str],
    near: pd.DataFrame = duplicates.NO_DUPLICATES,
    accepted: Iterable[str] = (),
) -> list[Cell]:
    """Return a cell per pair of families, trained on all others and tested on both.

    A model trained without families a and b serves both choices: its score on b selects a system for held-out a, and
    its score on a one for held-out b. With two families nothing is left to train on, and there is no cell.

    Args:
        manifest: usable rows, index 0..n-1.
        corpora: those that are scored.
        near, accepted: as in `plan`.

    Raises:
        ValueError: as `plan`.
    """
    family, cells, shared = manifest.groupby("corpus")["family"].first(), [], shared_items(manifest)
    for pair in combinations(sorted({family[c] for c in corpora}), 2):
        inside, outside = ([c for c in corpora if (family[c] in pair) == within] for within in (True, False))
        if outside:
            train, validation = _training_rows(manifest, outside, shared)
            cells.append(
                Cell(INNER, tuple(outside), "+".join(pair), 0, train, validation, _test_rows(manifest, inside))
            )
    return _checked(manifest, cells, near, accepted)


def _checked(manifest: pd.DataFrame, cells: list[Cell], near: pd.DataFrame, accepted: Iterable[str]) -> list[Cell]:
    """The cells, none of which is to be refused, without training rows that are copies of what chooses."""
    refuse_overlaps(manifest, cells, near, accepted)
    known = duplicates.recordings(manifest, near)
    if not known.has_copy.any():
        return cells
    return [cell if cell.protocol == "in_corpus" else _without_copies(cell, known) for cell in cells]


def _without_copies(cell: Cell, known: duplicates.Recordings) -> Cell:
    """The cell without copies: trained on none of its validation rows, nor, if of all corpora, on what it is tested on.

    Other cells test strangers, whose copies are refused, or accepted as they are.
    """
    test = cell.test if cell.protocol == "multi_corpus" else cell.test[:0]
    validation = _rows_without_copies(cell.validation, test, known)
    return replace(cell, train=_rows_without_copies(cell.train, np.r_[validation, test], known), validation=validation)


def _rows_without_copies(rows: np.ndarray, among: np.ndarray, known: duplicates.Recordings) -> np.ndarray:
    return np.setdiff1d(rows, duplicates.copies(known, rows, among)["row"], assume_unique=True)


def refuse_overlaps(manifest: pd.DataFrame, cells: Iterable[Cell], near: pd.DataFrame = duplicates.NO_DUPLICATES,
           accepted: Iterable[str] = ()) -> None:  # fmt: skip
    """Refuse cells that test as a stranger who trains or chooses there, by name or by recording.

    Args:
        near, accepted: as in `plan`.

    Raises:
        ValueError: a line for each corpus that would be known.
    """
    cells = list(cells)
    family, corpus = (manifest[name].to_numpy(object) for name in ("family", "corpus"))
    named = (line for cell in cells for line in _family_lines(cell, family, corpus))
    if lines := list(dict.fromkeys([*named, *copies_across_families.refusals(manifest, cells, near, accepted)])):
        raise ValueError("\n".join(lines))


def _family_lines(cell: Cell, family: np.ndarray, corpus: np.ndarray) -> Iterator[str]:
    """A line for what of a held-out family trains or chooses."""
    for held_out in cell.held_out.split("+") if cell.held_out else ():
        for rows, what in ((cell.train, "trained on"), (cell.validation, "selected with")):
            if leaked := sorted(set(corpus[rows[family[rows] == held_out]])):
                yield f"LOCO without {held_out}: {', '.join(leaked)} would be {what}"


def random_split(manifest: pd.DataFrame, corpora: list[str], seed: int, folds: int = 5) -> list[Cell]:
    """Return the cells of the split that this project warns of: each corpus's clips dealt at random.

    Its speakers are on both sides, on purpose: it shows by how much such a number overstates (`card.inflation`). `plan`
    does not make it, no parameter asks for it, and `refuse_random` stops its predictions where scores are made.
    Each class is dealt evenly; the next fold validates, as in `fold_parts`. There are as many folds as the corpus has
    where speakers are apart, so that as much trains. The deal depends on the seed and the ids, not on the order of
    rows or on other corpora.

    Args:
        manifest: usable rows, index 0..n-1.
        corpora: those that are scored.
        folds: of a corpus with a published split, which has none of its own.
    """
    cells = []
    for corpus in corpora:
        rows = _row_numbers(manifest["corpus"] == corpus)
        part = manifest.iloc[rows]
        count = folds if has_official_split(part) else int(part["fold"].nunique())
        drawn = [hashlib.sha256(f"{seed}|{name}".encode()).digest() for name in part["utterance_id"]]
        order = sorted(range(len(rows)), key=lambda at: (part["emotion"].iloc[at], drawn[at]))
        fold = np.empty(len(rows), int)
        fold[order] = np.arange(len(rows)) % count
        for number in range(count):
            nested = (number + 1) % count
            masks = ((fold != number) & (fold != nested), fold == nested, fold == number)
            cells.append(Cell(RANDOM, (corpus,), "", number, *(rows[mask] for mask in masks)))
    return cells


def refuse_random(table: pd.DataFrame) -> None:
    """Stop predictions or results of a random split from being taken for scores.

    Raises:
        ValueError: names the corpora.
    """
    random = table.loc[table["protocol"] == RANDOM, "test_corpus"]
    if len(random):
        raise ValueError(
            f"{', '.join(sorted(set(random)))}: in a random split speakers are in training and test, so this is no "
            "score; only the protocol card (mer/evaluation/comparison/sensitivity.py) shows it"
        )
