"""The training, validation and test rows of each protocol.

A cell is planned from the manifest alone, before anything is trained. Validation rows select the epoch and the
regularisation of systems that choose by speakers; they belong to the training corpora. Systems that choose by corpora
train on them, too (`inner_folds`). No test row is a training or validation row.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from mer.dataset.identity import duplicates
from mer.dataset.identity import speakers as speaker_identity
from mer.dataset.splits import fold_parts
from mer.evaluation.protocols import copies_across_families, inner_folds
from mer.evaluation.protocols.family_overlap import remove_overlap, remove_shared_episodes, shared_items
from mer.training.job import Fold

NO_ROWS = np.array([], dtype=int)
"""An empty array of row numbers."""
MIN_FOLDS = 3
"""The minimum number of folds: one to test, one to validate, at least one to train."""

Protocol = Literal["in_corpus", "cross_corpus", "within_family", "multi_corpus", "loco"]
"""The protocols of a study."""

WITH_SHARED_EPISODES = "within_family_shared_episodes"
"""The protocol of the cells beside `within_family` that also train on episodes of the test corpus."""
INNER = "inner_loco"
"""The protocol of cells that hold out two families, each to select a system for the other
(mer/evaluation/comparison/selection.py)."""


@dataclass(frozen=True)
class Cell:
    """One set of training, validation and test rows that a protocol plans.

    Cells are equal if protocol, corpora, held-out family and fold are equal, because these identify a cell of a plan.

    Attributes:
        protocol: the protocol, or `inner_loco`, `random_split` or `within_family_shared_episodes`.
        train_corpora: the corpora on which a job is trained.
        held_out: the family that is held out (loco), both families joined by + (inner_loco), else empty text.
        fold: number of the fold, 0 if there is one.
        train, validation, test: row numbers of the usable manifest; `test` may span several corpora.
        folds: of a cell that trains on several families, the folds that leave out each of them (`inner_folds`).
        has_published_validation: whether a validation row belongs to a published split. The validation rows of the cell
            then only validate, as in published studies, unless `folds` choose.
    """

    protocol: Protocol | Literal["inner_loco", "random_split", "within_family_shared_episodes"]
    train_corpora: tuple[str, ...]
    held_out: str
    fold: int
    train: np.ndarray = field(compare=False)
    validation: np.ndarray = field(compare=False)
    test: np.ndarray = field(compare=False)
    folds: Iterable[Fold] = field(default=(), compare=False)
    has_published_validation: bool = field(default=False, compare=False)


def scored_corpora(manifest: pd.DataFrame, min_clips: int, min_speakers: int) -> dict[str, str]:
    """Return corpus -> the reason why it is not scored; empty text if it is scored.

    Args:
        manifest: usable rows.
        min_clips: the smallest number of utterances of a corpus that is scored.
        min_speakers: the smallest number of speakers of a corpus that is scored.
    """
    reasons = {}
    for corpus, rows in manifest.groupby("corpus", sort=True):
        speakers = (rows["speaker_id"] if has_official_split(rows) else speaker_identity.speaker_groups(rows)).nunique()
        if len(rows) < min_clips:
            reasons[corpus] = f"{len(rows)} clips, fewer than {min_clips}"
        elif speakers < min_speakers:
            names = rows["speaker_id"].nunique()
            detail = f" ({names} names, which may be of one speaker or share recordings)" if names > speakers else ""
            reasons[corpus] = f"{speakers} speakers, fewer than {min_speakers}{detail}"
        elif missing := _missing_part(rows):
            reasons[corpus] = f"the published split has no {missing} part"
        elif not has_official_split(rows) and rows["fold"].nunique() < MIN_FOLDS:
            by_session = "session" in rows and rows["session"].notna().any()
            cause = "sessions share speakers" if by_session else "speakers share recordings or may be one speaker"
            reasons[corpus] = f"{rows['fold'].nunique()} folds, fewer than {MIN_FOLDS}: its {cause}"
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
        protocols: names of the protocols.
        corpora: the corpora that are scored; only their rows train, validate and test.
        near: near-duplicates, as from `duplicates.load`.
        accepted: corpora that may be tested although copies of their recordings are training rows.

    Raises:
        ValueError: a cell tests a corpus as unseen although its family, or a copy of its recordings, is in the training
            or validation rows; the message names all such corpora.
    """
    planners = {
        "in_corpus": _in_corpus,
        "cross_corpus": _cross_corpus,
        "within_family": _within_family,
        "multi_corpus": _multi_corpus,
        "loco": _loco,
    }
    shared = shared_items(manifest)
    cells = [cell for name in protocols for cell in planners[name](manifest, corpora, shared)]
    return _checked(manifest, cells, near, accepted)


def has_official_split(rows: pd.DataFrame) -> bool:
    """Return whether a corpus has a published split; it then has no folds.

    Args:
        rows: the usable rows of one corpus.
    """
    return bool(rows["fold"].isna().all())


def _row_numbers(mask: pd.Series) -> np.ndarray:
    return np.flatnonzero(mask.to_numpy())


def _training_rows(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The training and validation rows of corpora that are not tested in the same cell.

    The test part of a published split is left out, and so is what corpora of one family share (`remove_overlap`).
    """
    selected = manifest["corpus"].isin(corpora)
    published_test = manifest["fold"].isna() & (manifest["split"] == "test")
    validation = selected & (manifest["split"] == "validation")
    return remove_overlap(
        shared, _row_numbers(selected & ~validation & ~published_test), _row_numbers(validation), NO_ROWS
    )


def _test_rows(manifest: pd.DataFrame, corpora: list[str]) -> np.ndarray:
    """All rows of the corpora; of a published split only its test part."""
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


def _within_family(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> list[Cell]:
    """Each corpus tested on the others of its family, without and with the episodes that they share."""
    family, cells = manifest.groupby("corpus")["family"].first(), []
    for corpus in corpora:
        others = [c for c in corpora if c != corpus and family[c] == family[corpus]]
        if not others:
            continue
        train, validation = _training_rows(manifest, [corpus], shared)
        test = _test_rows(manifest, others)
        cells.append(Cell(WITH_SHARED_EPISODES, (corpus,), "", 0, train, validation, test))
        train, validation = remove_overlap(shared, train, validation, test)
        train, validation = (remove_shared_episodes(manifest, rows, test) for rows in (train, validation))
        cells.append(Cell("within_family", (corpus,), "", 0, train, validation, test))
    return cells


def _multi_corpus(manifest: pd.DataFrame, corpora: list[str], shared: pd.DataFrame) -> list[Cell]:
    selected, split = manifest["corpus"].isin(corpora), manifest["split"]
    train, validation, test = (_row_numbers(selected & (split == part)) for part in ("train", "validation", "test"))
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
    its score on a selects one for held-out b. With two families there is no cell, because no corpus is left to train
    on.

    Args:
        manifest: usable rows, index 0..n-1.
        corpora: the corpora that are scored.
        near, accepted: as for `plan`.

    Raises:
        ValueError: as from `plan`.
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
    """The cells without training rows that are copies of validation rows, and with folds, if no cell is refused."""
    refuse_overlaps(manifest, cells, near, accepted)
    recordings = duplicates.recordings(manifest, near)
    if recordings.has_copy.any():
        cells = [cell if cell.protocol == "in_corpus" else _without_copies(cell, recordings) for cell in cells]
    families, published = manifest["family"].to_numpy(object), manifest["fold"].isna().to_numpy()
    cells = [replace(cell, has_published_validation=bool(published[cell.validation].any())) for cell in cells]
    return [_with_folds(cell, families, recordings) for cell in cells]


def _with_folds(cell: Cell, families: np.ndarray, recordings: duplicates.Recordings) -> Cell:
    """The cell with its folds, if it trains on several families."""
    rows = np.concatenate([cell.train, cell.validation])
    if len(set(families[rows])) < inner_folds.MIN_FAMILIES:
        return cell
    return replace(cell, folds=inner_folds.FamilyFolds(families, rows, recordings))


def _without_copies(cell: Cell, recordings: duplicates.Recordings) -> Cell:
    """The cell without training rows that are copies of validation rows or, for the model of all corpora, of test rows.

    Other cells test unseen corpora, whose copies have been refused, or accepted as they are.
    """
    test = cell.test if cell.protocol == "multi_corpus" else cell.test[:0]
    validation = _rows_without_copies(cell.validation, test, recordings)
    train = _rows_without_copies(cell.train, np.r_[validation, test], recordings)
    return replace(cell, train=train, validation=validation)


def _rows_without_copies(rows: np.ndarray, among: np.ndarray, recordings: duplicates.Recordings) -> np.ndarray:
    return np.setdiff1d(rows, duplicates.copies(recordings, rows, among)["row"], assume_unique=True)


def refuse_overlaps(
    manifest: pd.DataFrame,
    cells: Iterable[Cell],
    near: pd.DataFrame = duplicates.NO_DUPLICATES,
    accepted: Iterable[str] = (),
) -> None:
    """Refuse cells that test a corpus as unseen although its family, or a copy of its recordings, is used in training.

    Args:
        manifest: usable rows, index 0..n-1.
        cells: cells of any protocols.
        near, accepted: as for `plan`.

    Raises:
        ValueError: one line for each such corpus.
    """
    cells = list(cells)
    family, corpus = (manifest[name].to_numpy(object) for name in ("family", "corpus"))
    by_family = (line for cell in cells for line in _family_lines(cell, family, corpus))
    if lines := list(dict.fromkeys([*by_family, *copies_across_families.refusals(manifest, cells, near, accepted)])):
        raise ValueError("\n".join(lines))


def _family_lines(cell: Cell, family: np.ndarray, corpus: np.ndarray) -> Iterator[str]:
    """A line for each part that has rows of a held-out family."""
    for held_out in cell.held_out.split("+") if cell.held_out else ():
        for rows, use in ((cell.train, "trained on"), (cell.validation, "selected with")):
            if leaked := sorted(set(corpus[rows[family[rows] == held_out]])):
                yield f"LOCO without {held_out}: {', '.join(leaked)} would be {use}"
