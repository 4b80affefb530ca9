"""Everything that determines the result of a job, as digests: every field of task, job and engine except `IRRELEVANT`.

A new field counts until it is declared irrelevant here, so that none can be forgotten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from mer import files
from mer.features.encoder_items import EncoderItems
from mer.features.vectors import digest_array
from mer.params.normalisation import groups
from mer.params.schema import System
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.task import Task

IRRELEVANT: dict[type, set[str]] = {
    EncoderItems: {"clips", "positions"},  # follow from the keys and from how recordings are decoded, as the vectors do
    Job: {"system", "cell", "member_of", "family"},  # only name the job
    System: {"training"},  # the job's `training` has all of it
    Engine: {"name", "max_processes", "log"},  # only say how the engine was chosen; `describe` has the engine itself
}
"""The fields on which no result depends."""


class JobIdentity:
    """Everything that determines the results of the jobs of one task. The task is read once, and not stored.

    Args:
        engine: engine, device and threads of the jobs.
    """

    def __init__(self, task: Task, engine: Engine) -> None:
        self._engine, self._outline = engine, task.without_features()
        self._task = to_json(task.without_augmented())
        self._augmented_task = to_json(task) if len(task.augmented) else self._task
        self._checkpoints: dict[str, dict] = {}

    def describe(self, job: Job) -> dict:
        """Return everything that determines the result of a job except the other jobs of its stack and the code."""
        engine = to_json(self._engine) | {"engine": self._engine.name_for(self._outline, job)}
        initial = self._initial_checkpoint(job)
        return {"engine": engine, "job": to_json(job), "task": self._task_view(job), "initial": initial}

    def _task_view(self, job: Job) -> dict:
        """The task without what this job does not read: other inputs, other targets, groups of normalisation."""
        task = dict(self._augmented_task if job.training.augmented else self._task)
        names, features = set(task["features"]["arrays"]), task["features"]
        task["features"] = {field: _for_inputs(value, job.spec.inputs, names) for field, value in features.items()}
        task["targets"] = {kind: v for kind, v in task["targets"].items() if kind == job.training.targets}
        if not groups(job.training.normalisation):
            del task["groups"]
        return task

    def _initial_checkpoint(self, job: Job) -> dict | None:
        """Digests of the checkpoint that training starts from: of the card and of the tensors."""
        if (place := job.training.start_from) is None:
            return None
        if place not in self._checkpoints:
            both = [files.from_root(place) / name for name in ("model.json", "model.safetensors")]
            self._checkpoints[place] = {p.name: files.digest_file(p) if p.is_file() else None for p in both}
        return self._checkpoints[place]


def to_json(value: object) -> Any:
    """Return a value in JSON types: fields by name, digests of arrays.

    Raises:
        TypeError: the value is of a type that has no JSON form here.
    """
    if isinstance(value, np.ndarray):
        return files.digest(value.tolist()) if value.dtype.kind in "OU" else digest_array(np.atleast_1d(value))
    if is_dataclass(value) or isinstance(value, BaseModel):
        return {name: to_json(getattr(value, name)) for name in _relevant(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a job depends on a {type(value).__name__}, for which `to_json` has no rule")


def _relevant(value: object) -> Iterator[str]:
    names = type(value).model_fields if isinstance(value, BaseModel) else [field.name for field in fields(value)]
    left_out = {name for kind in type(value).__mro__ for name in IRRELEVANT.get(kind, ())}
    return (name for name in names if name not in left_out)


def _for_inputs(value: object, inputs: tuple[str, ...], names: set[str]) -> object:
    """Some entries of a mapping by input; anything else as it is."""
    if isinstance(value, dict) and set(value) <= names:
        return {name: value[name] for name in inputs if name in value}
    return value
