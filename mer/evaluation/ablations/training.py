"""Train the systems of a row, and predict its test rows."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer.evaluation.ablations import altered_tests
from mer.evaluation.ablations.row_data import Row, reason_against
from mer.evaluation.protocols.jobs import NothingToTrain, StudyTask
from mer.evaluation.purity import dependencies, purity
from mer.evaluation.scores import scores
from mer.params.schema import System
from mer.training import grid
from mer.training.engines.engine import Engine
from mer.training.job import Job, JobResult
from mer.training.task import Task


@dataclass(frozen=True)
class Predicted:
    """What systems predict.

    Attributes:
        predictions: as from `scores.predictions`; without rows if nothing could be trained.
        results: the results of the jobs, from which the predictions were made.
        skipped: a sentence for each cell that cannot be run, or the reason why none can.
    """

    predictions: pd.DataFrame
    results: list[JobResult]
    skipped: list[str]


def predict_systems(
    data: StudyTask, systems: Mapping[str, System], protocols: tuple[str, ...], engine: Engine, folder: Path
) -> Predicted:
    """Train systems by some protocols.

    Args:
        data: the study.
        systems: name -> system, which are trained in one plan: others would change the last bits of a stack.
        protocols: names of the protocols.
        engine: engine, device and threads.
        folder: stores the results of these jobs only.

    Raises:
        ContaminationError: a model derives from data of the held-out family.
    """
    return _predicted(data, systems, protocols, lambda task, jobs: grid.run_jobs(task, jobs, engine, folder))


def predict_row(row: Row, study: StudyTask, protocols: tuple[str, ...], engine: Engine, folder: Path) -> Predicted:
    """Train a row: its system and, if it changes the labels, all systems of the study.

    Args:
        row: the row.
        study: the study that it belongs to.
        protocols, engine, folder: as for `predict_systems`.

    Raises:
        ContaminationError: as `predict_systems`.
    """
    if reason := reason_against(row, study):
        return Predicted(pd.DataFrame(), [], [reason])
    if not row.changes.alters_tests:
        return predict_systems(row.data, systems_of(row), protocols, engine, folder)

    def tested_otherwise(task: Task, jobs: list[Job]) -> list[JobResult]:
        found = grid.run_jobs(*altered_tests.altered(task, jobs, row.changes), engine, folder)
        return altered_tests.with_original_rows(found, jobs)

    return _predicted(row.data, systems_of(row), protocols, tested_otherwise)


def delete_others(folder: Path, names: Iterable[str]) -> None:
    """Delete what a folder holds of rows or systems that the study no longer has.

    Args:
        folder: has a folder, or a Parquet file, for each of them.
        names: those that are kept.
    """
    kept = set(names)
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if path.name.removesuffix(".parquet") not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def systems_of(row: Row) -> dict[str, System]:
    """Return the systems that a row trains, its own first.

    A row that changes the labels trains all systems, so that they can be ranked. The reference is left out if it is the
    row's system.
    """
    systems = row.data.systems(finetuned=False)
    others = {name: one for name, one in systems.items() if row.changes.labels and one != systems[row.name]}
    return {row.name: systems[row.name], **others}


def baselines(study: StudyTask) -> list[str]:
    """Return the systems that rows are compared with, in order; all if some row changes the labels.

    Args:
        study: the study, with the section `ablations` among its parameters.
    """
    p = study.params
    ranked = any(row.labels for row in p.ablations.rows.values())
    used = {p.ablations.reference_of(name, p.systems) for name in p.ablations.rows}
    return [name for name in study.systems(finetuned=False) if ranked or name in used]


def _predicted(
    data: StudyTask,
    systems: Mapping[str, System],
    protocols: tuple[str, ...],
    run: Callable[[Task, list[Job]], list[JobResult]],
) -> Predicted:
    try:
        jobs, skipped = data.jobs(data.plan(protocols), systems)
    except NothingToTrain as error:
        return Predicted(pd.DataFrame(), [], [str(error)])
    p, near = data.params, data.near_duplicates
    items = dependencies.lineage_items(p, data.specs)
    purity.check(jobs, data.manifest, items, strict=p.evaluation.strict, near=near,
                 accepted=p.evaluation.accept_duplicates)  # fmt: skip
    results = data.with_ensembles(run(data.task, jobs), systems)
    table = scores.predictions(results, data.manifest, data.classes, data.task.features.present)
    return Predicted(table, results, skipped)
