"""LOCO that has not seen what it is tested on, or none at all.

Before anything is trained, `check` walks back every job: its rows, the networks behind its features, the checkpoint
that it begins with and that one's ancestors (mer/evaluation/purity/dependencies.py), by names and by digests of what
they have seen (mer/training/checkpoints/training_data.py). `check_blind` then shows that what is fitted
inside a training (means, scales, document frequencies, class shares, temperature, the choice of epoch and strength) is
fitted on its training and validation rows: it is the same where all other rows are spoilt.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from mer.corpora import CORPORA
from mer.dataset.identity import duplicates
from mer.evaluation.protocols import cells as protocols
from mer.evaluation.purity.dependencies import KNOWN, UNKNOWN, Loaded
from mer.training import grid
from mer.training.checkpoints import training_data
from mer.training.checkpoints.lineage import rows_digest
from mer.training.job import Job
from mer.training.task import Task

NONE = "none of the corpora of MER"
COLUMNS = ["held_out", "what", "has seen", "certainty", "source"]
AT_HOME = ("in_corpus", "multi_corpus")
"""protocols that test corpora on which they train"""
ALTERED = "altered copies of what it has seen are not known here"
"""said of checkpoints: their digests are of samples, and nobody has listened to what they were trained on"""
SPOILT = 1e6
"""a feature of every row that a training may not look at: finite, so that nothing stops by accident"""


class Impure(ValueError):
    """Something has seen the held-out family, or may have and `evaluation.strict` is set; the message names it."""


def check(
    jobs: Iterable[Job],
    usable: pd.DataFrame,
    items: list[Loaded],
    *,
    strict: bool,
    near: pd.DataFrame = duplicates.NO_DUPLICATES,
    accepted: Iterable[str] = (),
) -> None:
    """Refuse jobs of which something has seen the family that they are asked about as strangers.

    That is the held-out one of LOCO, and every one on which a model of another corpus is tested. Within a corpus, and
    for the model of all corpora, nobody is a stranger; but a checkpoint that training begins with may not have seen the
    tested rows or their speakers.

    Args:
        jobs: as from `study.jobs`.
        usable: the usable rows.
        items: as from `loaded.loaded`.
        strict: whether what is unknown is refused.
        near, accepted: as in `protocols.plan`.

    Raises:
        Impure: one line for each thing that has.
    """
    jobs = list(jobs)
    seen: dict[Loaded, set[str]] = {}
    across: dict[Loaded, set[str]] = {}
    asked: dict[Loaded, None] = {}
    for system, cell, _ in _held_out(jobs):
        for item in (item for item in items if system in item.systems):
            asked[item] = None
            if cell.held_out in item.families:
                seen.setdefault(item, set()).add(cell.held_out)
    for system, families in _across(jobs, usable).items():
        for item in (item for item in items if system in item.systems):
            asked[item] = None
            if known := families & set(item.families) - seen.get(item, set()):
                across.setdefault(item, set()).update(known)
    named = {item: seen.get(item, set()) | across.get(item, set()) for item in seen | across}
    met = _met(jobs, usable, items, named)
    unknown = [item for item in asked if strict and item.certainty == UNKNOWN and item not in seen | across | met]
    lines = [
        *_rows(jobs, usable, near, accepted),
        *(_seen("LOCO without", item, families, usable) for item, families in seen.items()),
    ]
    lines += [_seen("models of other corpora, tested on", item, families, usable) for item, families in across.items()]
    lines += [line for told in met.values() for line in told]
    lines += _tested(jobs, usable, items)
    lines += map(_not_known, unknown)
    if lines:
        raise Impure("\n".join(lines))


def check_blind(task: Task, jobs: Iterable[Job], device: str = "cpu") -> dict[str, str]:
    """Refuse trainings that depend on other rows than their own.

    The first LOCO job of every system is trained twice, networks for one epoch and others with two strengths: as it
    is, and with all rows besides its training and validation rows spoilt. The two have to agree to the last bit.

    Returns:
        system -> the held-out family with which it was shown.

    Raises:
        Impure: names the parts of the model that differ.
    """
    shown: dict[str, str] = {}
    for system, cell, job in _held_out(jobs):
        if system in shown:
            continue
        less = {"epochs": 1, "inverse_regularisation": job.training.inverse_regularisation[:2]}
        short = replace(job, training=job.training.model_copy(update=less))
        plain, spoilt = (_parts(grid.fit_job(given, short, device)) for given in (task, blind(task, job)))
        parts = [name for name in plain if not _equal(plain[name], spoilt[name])]
        if parts:  # the first that differs, as the others follow from it
            others = ", ".join(sorted(set(task.corpora[_others(task, job)].tolist())))
            raise Impure(
                f"LOCO without {cell.held_out}: {system}'s {parts[0]} were fitted on other rows than those that it "
                f"trains on and chooses with: on some of {others}"
            )
        shown[system] = cell.held_out
    return shown


def blind(task: Task, job: Job) -> Task:
    """Return a task whose rows are spoilt, all but a job's training and validation rows: features, labels, votes."""
    others, spoilt = _others(task, job), np.float32(SPOILT)
    rarest = int(np.bincount(task.labels[others], minlength=task.classes).argmin())  # so that class shares change
    wrong = np.eye(task.classes, dtype=np.float32)[rarest]
    arrays = {m: np.where(others[:, None], spoilt, task.features.arrays[m]) for m in job.spec.inputs}
    present = {m: task.features.present[m] | others for m in job.spec.inputs}
    return replace(
        task,
        features=replace(task.features, arrays=arrays, present=present),
        labels=np.where(others, rarest, task.labels),
        corpora=np.where(others, "spoilt", task.corpora),
        targets={kind: np.where(others[:, None], wrong, a) for kind, a in task.targets.items()},
    )


def table(jobs: Iterable[Job], usable: pd.DataFrame, items: list[Loaded]) -> pd.DataFrame:
    """Return what LOCO systems load and what it has seen, rows first; for people, beside the scores.

    Returns:
        columns held_out (empty where it is the same for all), what, has seen, certainty, source, systems.
    """
    rows, systems = [], set()
    for system, cell, job in _held_out(jobs):
        systems.add(system)
        for role, numbers in (("training", job.train), ("validation", job.validation)):
            part = usable.iloc[numbers]
            seen, digest = ", ".join(sorted(set(part["corpus"]))) or NONE, rows_digest(part)[:12]
            rows.append((system, cell.held_out, f"{len(part):,} {role} rows", seen, KNOWN, f"sha256 {digest}"))
    for item in items:
        for system in (s for s in item.systems if s in systems):
            seen = ", ".join(item.corpora) or ("not known" if item.certainty == UNKNOWN else NONE)
            source = item.source if item.memory is None else f"{item.source}; {ALTERED}"
            rows.append((system, "", item.what, seen, item.certainty, source))
    found = pd.DataFrame(rows, columns=["systems", *COLUMNS])
    return found.groupby(COLUMNS, sort=False, as_index=False)["systems"].agg(", ".join)


def _rows(jobs: list[Job], usable: pd.DataFrame, near: pd.DataFrame, accepted: Iterable[str]) -> list[str]:
    """What is wrong with the rows that jobs train on, choose with and are tested on."""
    cells = {}  # seeds see the same
    for job in jobs:
        system, cell = job.system, job.cell
        rows = {"train": job.train, "validation": job.validation, "test": job.test}
        cells[system, cell.protocol, cell.train_corpora, cell.held_out, cell.fold] = replace(cell, **rows)
    try:
        protocols.refuse(usable, cells.values(), near, accepted)
    except ValueError as error:
        return str(error).splitlines()
    return []


def _held_out(jobs: Iterable[Job]) -> Iterable[tuple[str, protocols.Cell, Job]]:
    """One LOCO job of each system and family: seeds see the same."""
    seen = set()
    for job in jobs:
        system, cell = job.system, job.cell
        if cell.protocol == "loco" and (system, cell.held_out, cell.fold) not in seen:
            seen.add((system, cell.held_out, cell.fold))
            yield system, cell, job


def _across(jobs: Iterable[Job], usable: pd.DataFrame) -> dict[str, set[str]]:
    """System -> families on which models of other corpora are tested."""
    families, found = usable["family"].to_numpy(), {}
    for job in jobs:
        system, cell = job.system, job.cell
        if cell.protocol == "cross_corpus":
            found.setdefault(system, set()).update(families[job.test])
    return found


def _met(
    jobs: list[Job], usable: pd.DataFrame, items: list[Loaded], named: dict[Loaded, set[str]]
) -> dict[Loaded, list[str]]:
    """Item -> a line for each family that it has seen by digests of recordings or lines, whatever its card says.

    Args:
        named: item -> families that it has seen by name, of which nothing more is said.
    """
    strangers, held = _across(jobs, usable), set()
    for system, cell, _ in _held_out(jobs):
        strangers.setdefault(system, set()).add(cell.held_out)
        held.add(cell.held_out)
    found: dict[Loaded, list[str]] = {}
    for item in (item for item in items if item.memory is not None):
        families = set().union(*(strangers.get(system, ()) for system in item.systems))
        of_it = [known for other, known in named.items() if other.what.startswith(item.what)]  # and of its ancestors
        for family in sorted(families.difference(*of_it)):
            rows = usable[usable["family"] == family]
            if told := training_data.overlap_reasons(item.memory, rows):
                members = ", ".join(sorted(set(rows["corpus"])))
                asked = "LOCO without" if family in held else "models of other corpora, tested on"
                found.setdefault(item, []).append(
                    f"{asked} {family}: {item.what}, or one that it began with, has seen {told}, under whatever name "
                    f"(its digests of what it has seen; {item.source}); {item.instead}, or leave {members} out of "
                    "`corpora`"
                )
    return found


def _tested(jobs: list[Job], usable: pd.DataFrame, items: list[Loaded]) -> list[str]:
    """A line for each checkpoint that has seen what is tested, or its speakers, where a training begins with it."""
    lines = []
    for item in (item for item in items if item.memory is not None):
        mine = [job for job in jobs if job.system in item.systems and job.cell.protocol in AT_HOME]
        if not mine:
            continue
        tested = np.unique(np.concatenate([job.test for job in mine]))
        known = training_data.overlap_per_row(item.memory, item.families, usable).iloc[tested]
        known = known[known.isin([*training_data.PARTS, "person"])]
        if len(known):
            corpora = ", ".join(sorted(set(usable.loc[known.index, "corpus"])))
            asked = " and ".join(sorted({job.cell.protocol for job in mine}))
            lines.append(
                f"{asked}: {item.what}, or one that it began with, has seen {len(known):,} of {len(tested):,} tested "
                f"clips or their speakers, of {corpora}; {item.instead}"
            )
    return lines


def _others(task: Task, job: Job) -> np.ndarray:
    """Which rows a job neither trains on nor chooses with; bool of shape (rows,)."""
    others = np.ones(len(task.labels), bool)
    others[np.concatenate([job.train, job.validation])] = False
    return others


def _seen(what: str, item: Loaded, held_out: set[str], usable: pd.DataFrame) -> str:
    members = sorted(set(usable.loc[usable["family"].isin(held_out), "corpus"]))
    kin = {*members, *(name for name, corpus in CORPORA.items() if corpus.family in held_out)}
    named = [corpus for corpus in item.corpora if corpus in kin] or sorted(held_out)
    return (
        f"{what} {', '.join(sorted(held_out))}: {item.what} {item.how} {', '.join(named)} ({item.source}); "
        f"{item.instead}, or leave {', '.join(members)} out of `corpora`"
    )


def _not_known(item: Loaded) -> str:
    return (
        f"LOCO: what {item.what} has seen is not known ({item.source}); {item.instead}, "
        "or set evaluation.strict to false, which reports it beside the scores"
    )


def _parts(model) -> dict[str, list[np.ndarray]]:
    """A model's numbers by what they are, in the order in which they are fitted."""
    moments = {f"means and scales of {m}": list(pair) for m, pair in model.standardiser.moments.items()}
    weights = [value for _, value in sorted(model.tensors().items())]
    return {
        **moments,
        "weights (or class shares behind them)": weights,
        "certainties (temperature)": [np.array(model.temperature)],
    }


def _equal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
