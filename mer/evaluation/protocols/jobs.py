"""From planned cells to trainings: which system sees which rows, with which seeds."""

import numpy as np
import pandas as pd

from mer.evaluation.protocols.cells import Cell
from mer.features import Features
from mer.params.schema import System, Training
from mer.training.job import Done, Job
from mer.training.task import Task


class NothingToTrain(ValueError):
    """No cell of the plan can be run."""


def task_of(
    manifest: pd.DataFrame,
    features: Features,
    classes: tuple[str, ...],
    answers: dict[str, np.ndarray] | None = None,
) -> Task:
    """Return the usable manifest as a task; rows keep their numbers.

    Args:
        answers: as from `votes.targets`, where `training.targets` may ask for them.
    """
    labels = manifest["emotion"].map({c: i for i, c in enumerate(classes)}).to_numpy(dtype=np.int64)
    corpora = manifest["corpus"].to_numpy(dtype=str)
    return Task(features, labels, corpora, len(classes), answers or {}, scaled_together(manifest))


def scaled_together(manifest: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return `speaker` and `corpus` -> names of those whose rows `training.normalisation` scales together.

    Published splits may share speakers, so their parts are kept apart: what a model trains on must not follow from
    what it is tested on.
    """
    part = manifest["split"].astype(object).where(manifest["fold"].isna(), "").fillna("").astype(str)
    corpus = manifest["corpus"].astype(str) + "/" + part
    speaker = corpus + "/" + manifest["speaker_id"].astype(str)
    return {"speaker": speaker.to_numpy(str), "corpus": corpus.to_numpy(str)}


def jobs(
    cells: list[Cell], systems: dict[str, System], training: Training, seeds: tuple[int, ...], task: Task
) -> tuple[list[Job], list[str]]:
    """Return a job per cell, system and seed, and a sentence for every cell that cannot be run.

    A system sees the rows on which it has at least one of its modalities. A solution that does not depend
    on the seed is trained once.

    Raises:
        NothingToTrain: no cell can be run.
    """
    planned, skipped = [], []
    for name, system in systems.items():
        available, own = task.features.available(system.inputs), system.training_parameters(training)
        for cell in (cell for cell in cells if cell.train_corpora):
            train, validation, test = (rows[available[rows]] for rows in (cell.train, cell.validation, cell.test))
            lack = "test on" if not len(test) else "train on two classes" if len(set(task.labels[train])) < 2 else ""
            if lack:
                what = "+".join(system.inputs)
                skipped.append(f"{name}, {cell.protocol} of {'+'.join(cell.train_corpora)}: no {what} to {lack}")
                continue
            for seed in seeds if system.is_network else seeds[:1]:
                planned.append(Job((name, cell), system, own, seed, train, validation, test))
    if not planned:
        why = "; ".join(sorted(set(skipped))[:3]) or "no corpus is scored (evaluation.min_clips, min_speakers)"
        raise NothingToTrain(f"this step has nothing to train: {why}")
    return planned, sorted(set(skipped))


def curves(done: list[Done]) -> pd.DataFrame:
    """Return the histories of network trainings with columns run, epoch, corpus, metric, value.

    `corpus` is empty for the loss and `mean` for the mean over corpora.
    """
    rows = []
    for item in done:
        if not item.job.system.is_network:
            continue
        run = f"{item.job.key[0]}, seed {item.job.seed}"
        for epoch in item.history:
            rows.append((run, epoch["epoch"], "", "loss", epoch["loss"]))
            rows += [(run, epoch["epoch"], c, "UAR", v) for c, v in epoch.items() if c not in ("epoch", "loss", "rate")]
    return pd.DataFrame(rows, columns=["run", "epoch", "corpus", "metric", "value"])
