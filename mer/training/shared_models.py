"""Trained models that several people and machines share, beside the results of trainings (mer/shared.py)."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mer import shared
from mer.temporary import TemporaryFolder
from mer.training import grid
from mer.training.cache import arrays as cached
from mer.training.cache.results import ResultCache
from mer.training.checkpoints import checkpoint
from mer.training.checkpoints.card import CheckpointError
from mer.training.checkpoints.checkpoint import StudyRecord
from mer.training.choosing.choice import Choice, chosen_job
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.model import TrainedModel
from mer.training.task import Task

FOLDER = "models"
"""The folder of models in a shared store."""


def fit_job(task: Task, job: Job, engine: Engine, record: StudyRecord, choice: Choice | None) -> TrainedModel:
    """Return what `grid.fit_job` returns, from the shared store if it is there; else the store gets it.

    Without a shared store, and with encoders that are trained, the model is trained.

    Args:
        engine: the engine of the study. A single model is always trained by itself.
        record: what the card of a checkpoint says about the study.
        choice: as from `grid.choices`.
    """
    store = shared.current()
    if store is None or task.features.trained(job.spec.inputs):
        return grid.fit_job(task, job, engine.device, choice=choice)
    final = chosen_job(task, job, choice)
    single = replace(engine, name="single")
    with TemporaryFolder() as place:
        path = Path(place) / f"{ResultCache(Path(place), task, single).address([final])}.safetensors"
        if shared.attempt(store, "fetch", f"{FOLDER}/{path.name}", path, otherwise=False):
            model = _read(path, task, final, record, engine.device)
            if model is not None:
                model.choice = choice
                return model
        model = grid.fit_job(task, job, engine.device, choice=choice)
        _write(path, model)
        shared.attempt(store, "put", path, f"{FOLDER}/{path.name}")
    return model


def _write(path: Path, model: TrainedModel) -> None:
    cached.write_arrays(path, "model", checkpoint.tensors_of(model), {
        "history": model.history, "temperature": float(model.temperature),
    })  # fmt: skip


def _read(path: Path, task: Task, job: Job, record: StudyRecord, device: str) -> TrainedModel | None:
    """Return the model of a file; None if it is damaged, with a warning, or is of another form."""
    if (stored := cached.read_arrays(path, "model")) is None:
        return None
    arrays, metadata = stored
    own = checkpoint.card(job, task, record).model_copy(
        update={"training": job.training, "temperature": metadata["temperature"]}
    )
    try:
        model = checkpoint.model_of(own, {name: np.asarray(values) for name, values in arrays.items()}, device)
    except (CheckpointError, KeyError, TypeError, ValueError, RuntimeError):
        return None
    model.history = metadata["history"]
    return model
