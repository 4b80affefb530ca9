"""Refuse LOCO jobs whose models derive from data of the held-out family.

Before anything is trained, `check` follows every job back to its rows, the networks behind its features, its initial
checkpoint and the ancestors of that (mer/evaluation/purity/dependencies.py). It compares names of corpora, and digests
of training data (mer/training/checkpoints/training_data.py). `row_access.check_row_access` then shows that a training
depends on its training and validation rows only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.identity import duplicates
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.purity.dependencies import DOCUMENTED, UNKNOWN, LineageItem
from mer.params.schema import System
from mer.training.checkpoints import training_data
from mer.training.checkpoints.lineage import rows_digest
from mer.training.job import Job

NO_CORPUS = "none of the corpora of MER"
"""The text of the column `trained on` for items that were trained on other data only."""
COLUMNS = ["held_out", "item", "trained on", "status", "evidence"]
"""The columns of `table` that identify a row."""
SAME_FAMILY_PROTOCOLS = ("in_corpus", "multi_corpus", "within_family", protocols.WITH_SHARED_EPISODES)
"""The protocols that test families on which they train."""
ALTERED_COPIES = "altered copies of its training data are not recognised here"
"""The limit of a checkpoint's digests, which recognise identical samples only."""

Families = dict[str, set[str]]
"""System -> families on which it is tested without having been trained on them."""


class ContaminationError(ValueError):
    """A model derives from data of the held-out family, or may do so and `evaluation.strict` is set."""


def check(
    jobs: Iterable[Job],
    usable: pd.DataFrame,
    items: list[LineageItem],
    *,
    strict: bool,
    near: pd.DataFrame = duplicates.NO_DUPLICATES,
    accepted: Iterable[str] = (),
) -> None:
    """Refuse jobs that derive from data of a family on which they are tested as unseen.

    This concerns the held-out family in LOCO and the test corpus in cross-corpus cells. Within-corpus cells and the
    model of all corpora may train on the test corpus, but an initial checkpoint must not have been trained on the test
    rows or their speakers.

    Args:
        jobs: as from `jobs.plan_jobs`.
        usable: the usable rows, index 0..n-1.
        items: as from `dependencies.lineage_items`.
        strict: whether items of unknown training data are refused.
        near, accepted: as for `cells.plan`.

    Raises:
        ContaminationError: one line for each violation.
    """
    jobs = list(jobs)
    loco, cross = _loco_families(jobs), _cross_corpus_families(jobs, usable)
    held_out = {item: families for item in items if (families := _unseen_families(item, loco) & item.families)}
    other = {item: families for item in items
             if (families := (_unseen_families(item, cross) & item.families) - held_out.get(item, set()))}  # fmt: skip
    by_name = {item: held_out.get(item, set()) | other.get(item, set()) for item in held_out | other}
    by_digest = _exposure_lines(usable, items, by_name, (loco, cross))
    lines = _row_lines(jobs, usable, near, accepted)
    lines += [_contamination_line("LOCO without", item, names, usable) for item, names in held_out.items()]
    cross_test = "models of other corpora, tested on"
    lines += [_contamination_line(cross_test, item, names, usable) for item, names in other.items()]
    lines += [line for lines_of_item in by_digest.values() for line in lines_of_item]
    lines += _tested_lines(jobs, usable, items)
    if strict:
        tested = dict.fromkeys(item for item in items if _unseen_families(item, loco) | _unseen_families(item, cross))
        contaminated = by_name.keys() | by_digest.keys()
        lines += [_unknown_line(item) for item in tested if item.status == UNKNOWN and item not in contaminated]
    if lines:
        raise ContaminationError("\n".join(lines))


def table(
    jobs: Iterable[Job], usable: pd.DataFrame, items: list[LineageItem], systems: Mapping[str, System] | None = None
) -> pd.DataFrame:
    """Return the items from which LOCO systems derive, with the corpora of their training data; rows come first.

    Args:
        jobs: as for `check`.
        usable: the usable rows, index 0..n-1.
        items: as from `dependencies.lineage_items`.
        systems: name -> system; an ensemble among them has the rows of its members.

    Returns:
        columns held_out (empty if the row is the same for all held-out families), item, trained on, status, evidence,
        systems.
    """
    rows, ensembles = [], {name: spec.members for name, spec in (systems or {}).items() if spec.is_ensemble}
    tested = set()
    for system, cell, job in loco_jobs(jobs):
        users = (system, *(name for name, members in ensembles.items() if system in members))
        tested.update(users)
        for role, numbers in (("training", job.train), ("validation", job.validation)):
            if role == "validation" and job.folds:  # trained on, too
                continue
            part = usable.iloc[numbers]
            names, digest = ", ".join(sorted(set(part["corpus"]))) or NO_CORPUS, rows_digest(part)[:12]
            row = (cell.held_out, f"{len(part):,} {role} rows", names, DOCUMENTED, f"sha256 {digest}")
            rows += [(user, *row) for user in users]
    for item in items:
        for system in (s for s in item.systems if s in tested):
            names = ", ".join(item.corpora) or ("unknown" if item.status == UNKNOWN else NO_CORPUS)
            evidence = item.evidence if item.exposure is None else f"{item.evidence}; {ALTERED_COPIES}"
            rows.append((system, "", item.name, names, item.status, evidence))
    frame = pd.DataFrame(rows, columns=["systems", *COLUMNS])
    return frame.groupby(COLUMNS, sort=False, as_index=False)["systems"].agg(
        lambda names: ", ".join(dict.fromkeys(names))
    )


def loco_jobs(jobs: Iterable[Job]) -> Iterable[tuple[str, protocols.Cell, Job]]:
    """Yield system, cell and job of one LOCO job of each system and family: all seeds use the same rows.

    Members that are trained on one family have a part of the rows of their system, which is yielded.
    """
    visited = set()
    for job in (job for job in jobs if not job.member_of):
        system, cell = job.system, job.cell
        if cell.protocol == "loco" and (system, cell.held_out, cell.fold) not in visited:
            visited.add((system, cell.held_out, cell.fold))
            yield system, cell, job


def _unseen_families(item: LineageItem, families: Families) -> set[str]:
    """The families on which the systems of an item are tested as unseen."""
    return set().union(*(families.get(system, ()) for system in item.systems))


def _loco_families(jobs: Iterable[Job]) -> Families:
    families: Families = {}
    for system, cell, _ in loco_jobs(jobs):
        families.setdefault(system, set()).add(cell.held_out)
    return families


def _cross_corpus_families(jobs: Iterable[Job], usable: pd.DataFrame) -> Families:
    family, families = usable["family"].to_numpy(), {}
    for job in jobs:
        system, cell = job.system, job.cell
        if cell.protocol == "cross_corpus":
            families.setdefault(system, set()).update(family[job.test])
    return families


def _row_lines(jobs: list[Job], usable: pd.DataFrame, near: pd.DataFrame, accepted: Iterable[str]) -> list[str]:
    """A line for each overlap between the rows of a job's training, validation and test parts."""
    cells = {}  # all seeds use the same rows
    for job in jobs:
        system, cell = job.system, job.cell
        rows = {"train": job.train, "validation": job.validation, "test": job.test}
        cells[system, cell.protocol, cell.train_corpora, cell.held_out, cell.fold] = replace(cell, **rows)
    try:
        protocols.refuse_overlaps(usable, cells.values(), near, accepted)
    except ValueError as error:
        return str(error).splitlines()
    return []


def _exposure_lines(
    usable: pd.DataFrame,
    items: list[LineageItem],
    by_name: dict[LineageItem, set[str]],
    tested: tuple[Families, Families],
) -> dict[LineageItem, list[str]]:
    """Item -> a line for each family that its digests recognise, whatever its card says.

    Args:
        by_name: item -> families that are in its training data by name; these have a line already.
        tested: the families of LOCO and of cross-corpus cells.
    """
    loco = set().union(*tested[0].values())
    lines: dict[LineageItem, list[str]] = {}
    for item in (item for item in items if item.exposure is not None):
        families = _unseen_families(item, tested[0]) | _unseen_families(item, tested[1])
        reported = [names for other, names in by_name.items() if other.name.startswith(item.name)]  # and its ancestors
        for family in sorted(families.difference(*reported)):
            rows = usable[usable["family"] == family]
            if reasons := training_data.overlap_reasons(item.exposure, rows):
                members = ", ".join(sorted(set(rows["corpus"])))
                test = "LOCO without" if family in loco else "models of other corpora, tested on"
                lines.setdefault(item, []).append(
                    f"{test} {family}: {item.name}, or a checkpoint that it derives from, was trained on {reasons}, by "
                    f"the digests of its training data ({item.evidence}); {item.advice}, or leave {members} out of "
                    "`corpora`"
                )
    return lines


def _tested_lines(jobs: list[Job], usable: pd.DataFrame, items: list[LineageItem]) -> list[str]:
    """A line for each initial checkpoint that was trained on test rows, or on their speakers."""
    lines = []
    for item in (item for item in items if item.exposure is not None):
        own = [job for job in jobs if job.system in item.systems and job.cell.protocol in SAME_FAMILY_PROTOCOLS]
        if not own:
            continue
        tested = np.unique(np.concatenate([job.test for job in own]))
        overlap = training_data.overlap_per_row(item.exposure, item.families, usable).iloc[tested]
        overlap = overlap[overlap.isin([*training_data.PARTS, training_data.SPEAKER])]
        if len(overlap):
            corpora = ", ".join(sorted(set(usable.loc[overlap.index, "corpus"])))
            names = " and ".join(sorted({job.cell.protocol for job in own}))
            lines.append(
                f"{names}: {item.name}, or a checkpoint that it derives from, was trained on {len(overlap):,} of "
                f"{len(tested):,} test utterances or on their speakers, of {corpora}; {item.advice}"
            )
    return lines


def _contamination_line(test: str, item: LineageItem, families: set[str], usable: pd.DataFrame) -> str:
    members = sorted(set(usable.loc[usable["family"].isin(families), "corpus"]))
    relatives = {*members, *(name for name, corpus in CORPORA.items() if corpus.family in families)}
    names = [corpus for corpus in item.corpora if corpus in relatives] or sorted(families)
    return (
        f"{test} {', '.join(sorted(families))}: {item.name} {item.relation} {', '.join(names)} ({item.evidence}); "
        f"{item.advice}, or leave {', '.join(members)} out of `corpora`"
    )


def _unknown_line(item: LineageItem) -> str:
    return (
        f"LOCO: the training data of {item.name} is unknown ({item.evidence}); {item.advice}, "
        "or set evaluation.strict to false, which reports it next to the scores"
    )
