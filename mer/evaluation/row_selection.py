"""Rows of a study on which a checkpoint is tested: those that overlap with its training data are left out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer import files, params
from mer.dataset.manifest import labels, schema
from mer.params import output_check
from mer.params.schema import Params
from mer.training.checkpoints import training_data
from mer.training.checkpoints.card import Card
from mer.training.checkpoints.lineage import rows_digest
from mer.training.checkpoints.training_data import Exposure

REQUIRED_FILES = ("params.yaml", "data/manifest.parquet")
PARTS = ("auto", "all", "train", "validation", "test")
TESTS = ("auto", "test")
"""The values of `part` that are called a test. In the others, rows that overlap with the training data are marked."""
UNKNOWN = "unknown"
"""The value of the column `overlap` in every row if the model's training data is unknown."""


class IncompatibleCheckpoint(ValueError):
    """The checkpoint and the study do not fit, or no row is left to test."""


@dataclass(frozen=True)
class EvaluationData:
    """Parameters and manifest of a run folder in which step 01 has run: all that a test of a checkpoint needs."""

    name: str
    params: Params
    manifest: pd.DataFrame
    classes: tuple[str, ...]

    @property
    def usable(self) -> pd.DataFrame:
        """The usable rows, index 0..n-1."""
        return schema.usable(self.manifest)


@dataclass(frozen=True)
class TestRows:
    """The rows to test.

    Attributes:
        rows: row numbers of the usable manifest.
        overlap: the overlap of each usable row with the training data (`training_data.overlap_per_row`); else empty.
        left_out: columns corpus, overlap, rows: how many rows are left out because of an overlap.
    """

    rows: np.ndarray
    overlap: pd.Series
    left_out: pd.DataFrame


def open_study(folder: Path) -> EvaluationData:
    """Read the parameters and the manifest of a run folder.

    Raises:
        IncompatibleCheckpoint: the folder is no run folder in which step 01 has run.
        OutputChanged: a file differs from what its step wrote.
    """
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise IncompatibleCheckpoint(
            f"{files.to_root(folder)}: {missing[0]} does not exist; run the study's step 01 first"
        )
    for name in REQUIRED_FILES:
        output_check.check(folder, name)
    p = params.load(folder / "params.yaml")
    manifest = pd.read_parquet(folder / "data/manifest.parquet")
    if absent := [name for name in schema.COLUMNS if name not in manifest]:
        raise IncompatibleCheckpoint(
            f"{files.to_root(folder / REQUIRED_FILES[1])}: the column {absent[0]} is missing, because an earlier "
            "version wrote this file: run step 01 again"
        )
    return EvaluationData(p.name, p, manifest, labels.of_study(p.labels).classes)


def select_rows(
    card: Card, exposure: Exposure | None, study: EvaluationData, names: tuple[str, ...], part: str
) -> TestRows:
    """Return the rows to test.

    Args:
        card: the model's card.
        exposure: digests of the model's training data; None if they are unknown.
        names: corpora; an empty tuple means all.
        part: a part of the study's split, `all`, or `auto`: the test part of corpora whose family the model or an
            ancestor was trained on, and all rows of the others. Rows that overlap with the training data are left out
            of `auto` and `test`.

    Raises:
        IncompatibleCheckpoint: the study has no such corpus, no row is left, or the training data is unknown and the
            part is called a test.
    """
    usable = study.usable
    corpus = usable["corpus"]
    if unknown := sorted(set(names) - set(corpus)):
        raise IncompatibleCheckpoint(f"{unknown[0]} is not in this study, which has {', '.join(sorted(set(corpus)))}")
    if exposure is None and part in TESTS:
        raise IncompatibleCheckpoint(
            "the model's training data is not completely known, because an earlier version wrote the model or its "
            "initial checkpoint: it cannot be tested; train it again, or evaluate it with `--part all`"
        )
    families = families_of(card)
    requested = corpus.isin(names) if names else pd.Series(True, corpus.index)
    if part == "auto":
        requested &= ~usable["family"].isin(families) | (usable["split"] == "test")
    elif part != "all":
        requested &= usable["split"] == part
    overlap = pd.Series(UNKNOWN, usable.index) if exposure is None else _overlap(card, exposure, families, study)
    excluded = requested & (overlap != "") if part in TESTS else pd.Series(False, usable.index)
    counts = pd.DataFrame({"corpus": corpus[excluded], "overlap": overlap[excluded]}).value_counts(sort=False)
    rows = np.flatnonzero(requested & ~excluded)
    if not len(rows):
        reason = f": the model was trained on all {excluded.sum()} of them, or on their speakers"
        raise IncompatibleCheckpoint(
            f"no row is left of {', '.join(names) or 'all corpora'}, part {part}{reason if excluded.any() else ''}"
        )
    return TestRows(rows, overlap, counts.reset_index(name="rows"))


def families_of(card: Card) -> set[str]:
    """Return the families in the training data of a model and its ancestors, by name."""
    return {family for one in (card, *card.ancestors) for family in one.families}


def _overlap(card: Card, exposure: Exposure, families: set[str], study: EvaluationData) -> pd.Series:
    """The overlap of each usable row with the training data.

    In the data on which the model was trained, the plan has already removed long sentences that two corpora of a
    family share (`family_overlap.remove_overlap`). A published test part may repeat a sentence of its own training
    part, so there such an overlap does not count. It counts if an initial checkpoint was trained on other rows.
    """
    usable = study.manifest["exclude_reason"].isna()
    overlap = training_data.overlap_per_row(exposure, families, study.manifest)[usable.to_numpy()].reset_index(
        drop=True
    )
    trained = study.usable[overlap.isin(training_data.PARTS)]
    same_rows = all(ancestor.training_rows == card.training_rows for ancestor in card.ancestors)
    if same_rows and rows_digest(trained) == card.rows_sha256:
        overlap = overlap.where(overlap != training_data.SENTENCE, "")
    return overlap
