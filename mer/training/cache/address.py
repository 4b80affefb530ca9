"""What a training is given, as digests: every field of its task, job and engine, but for those that are named here.

A field that is new counts until somebody says that no result depends on it, so none can be forgotten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from mer import files
from mer.features.vectors import digest_array
from mer.params.schema import System
from mer.training.engines.engine import Engine
from mer.training.job import Job
from mer.training.task import Task

IRRELEVANT: dict[type, set[str]] = {
    Job: {"system", "cell"},  # only name the job
    System: {"training"},  # the job's `training` has all of it
    Engine: {"name", "at_once"},  # only say how the engine was chosen; which one it is stands in `told`
}
"""fields on which no result depends"""


class Given:
    """What the trainings of one task are given. The task is read once, and not kept.

    Args:
        how: the engine of each run, device and threads.
    """

    def __init__(self, task: Task, how: Engine) -> None:
        self._how, self._outline = how, task.outline()
        self._task = plain(task)
        self._checkpoints: dict[str, dict] = {}

    def told(self, job: Job) -> dict:
        """Return everything that determines one run besides its company and the code, in JSON types."""
        how = plain(self._how) | {"engine": self._how.of(self._outline, job)}
        return {"how": how, "job": plain(job), "task": self._seen_by(job), "begun": self._begun(job)}

    def _seen_by(self, job: Job) -> dict:
        """The task, without what this run does not look at: other modalities, other answers, who is scaled together."""
        seen = dict(self._task)
        seen["features"] = {name: _of(value, job.spec.inputs) for name, value in seen["features"].items()}
        seen["answers"] = {k: v for k, v in seen["answers"].items() if k == job.training.targets}
        if job.training.normalisation == "training":
            del seen["groups"]
        return seen

    def _begun(self, job: Job) -> dict | None:
        """The checkpoint that training begins with, its tensors, too: a card may stand beside others than its own."""
        if (place := job.training.start_from) is None:
            return None
        if place not in self._checkpoints:
            both = [files.from_root(place) / name for name in ("model.json", "model.safetensors")]
            self._checkpoints[place] = {p.name: files.digest_file(p) if p.is_file() else None for p in both}
        return self._checkpoints[place]


def plain(value: object) -> Any:
    """Return a value in JSON types: fields by name, digests of arrays.

    Raises:
        TypeError: a value of a type that is not known here.
    """
    if isinstance(value, np.ndarray):
        return files.digest(value.tolist()) if value.dtype.kind in "OU" else digest_array(np.atleast_1d(value))
    if is_dataclass(value) or isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in _relevant(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a training is given a {type(value).__name__}, and `plain` does not say what it consists of")


def _relevant(value: object) -> Iterator[str]:
    names = type(value).model_fields if isinstance(value, BaseModel) else [field.name for field in fields(value)]
    left_out = {name for kind in type(value).__mro__ for name in IRRELEVANT.get(kind, ())}
    return (name for name in names if name not in left_out)


def _of(value: object, inputs: tuple[str, ...]) -> object:
    """A mapping by input, of some of them; anything else as it is."""
    if isinstance(value, dict):
        return {name: value[name] for name in inputs if name in value}
    return value
