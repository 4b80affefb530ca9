"""Results of trainings on disk, addressed by all that determines them."""

import functools
import json
from pathlib import Path

import numpy as np

from mer import files
from mer.features.vectors import digest_array
from mer.training.engine import Engine
from mer.training.job import Done, Job
from mer.training.task import Task

CODE = ("mer/models", "mer/training")


class Finished:
    """A folder of finished runs.

    Args:
        folder: None keeps nothing.
        how: the engine of each run, device and threads; `at_once` is no part of a result.
    """

    def __init__(self, folder: Path | None, task: Task, how: Engine) -> None:
        self.folder, self._how, self._outline = folder, how, task.outline()
        self._data = _of_task(task) if folder else {}

    def address(self, job: Job) -> str:
        """Return the digest of everything that determines a result: data, rows, system, training, code, versions."""
        rows = [digest_array(part) for part in (job.train, job.validation, job.test)]
        looks_at = (*job.system.modalities, "labels", "corpora", "classes", job.training.targets)
        if job.training.normalisation != "training":
            looks_at += ("speaker groups", "corpus groups")
        data = {name: self._data[name] for name in looks_at}
        how = (self._how.of(self._outline, job), self._how.device, self._how.threads)
        told = [how, job.system.model, job.system.modalities, job.training.model_dump(mode="json"), job.seed]
        begun = job.training.start_from and files.digest_file(files.from_root(job.training.start_from) / "model.json")
        return files.digest([told, begun, rows, data, _versions()])

    def load(self, job: Job) -> Done | None:
        """Return what a finished run answered; None where it has not been run, or its file is damaged."""
        from safetensors import SafetensorError, safe_open

        if self.folder is None:
            return None
        path = self.folder / f"{self.address(job)[:32]}.safetensors"
        try:
            with safe_open(path, "numpy") as file:
                return Done(job, file.get_tensor("probabilities"), json.loads(file.metadata()["history"]))
        except (FileNotFoundError, SafetensorError, ValueError, KeyError):
            return None

    def save(self, done: Done) -> Done:
        """Keep a result, and return it."""
        from safetensors.numpy import save_file

        if self.folder is not None:
            path = self.folder / f"{self.address(done.job)[:32]}.safetensors"
            with files.replacing(path) as partial:
                tensors = {"probabilities": np.ascontiguousarray(done.probabilities)}
                save_file(tensors, partial, metadata={"history": json.dumps(done.history)})
        return done

    def forget_others(self, jobs: list[Job]) -> None:
        """Delete what earlier plans have left, once this one is through: the folder is what the study consists of."""
        if self.folder is None or not self.folder.is_dir():
            return
        names = {f"{self.address(job)[:32]}.safetensors" for job in jobs}
        for path in self.folder.iterdir():
            if path.suffix in (".safetensors", ".unfinished") and path.name not in names:
                path.unlink(missing_ok=True)

    def unfinished(self, *jobs: Job) -> Path | None:
        """Return where trainings that run together are kept while they do."""
        if self.folder is None:
            return None
        name = files.digest([self.address(job) for job in jobs])[:32]
        return self.folder / f"{name}.unfinished"


def _of_task(task: Task) -> dict[str, str]:
    """What a run may look at, by its digests: read once for all runs."""
    seen = task.features
    arrays = {m: digest_array(seen.arrays[m]) + digest_array(seen.present[m]) for m in seen.arrays}
    answers = {"hard": "", "soft": "", "multi_label": "", **{kind: digest_array(a) for kind, a in task.answers.items()}}
    groups = {f"{way} groups": files.digest(names.tolist()) for way, names in task.groups.items()}
    rows = {"labels": digest_array(task.labels), "corpora": files.digest(task.corpora.tolist())}
    return {**arrays, **answers, **groups, **rows, "classes": str(task.classes)}


@functools.cache
def _versions() -> list[str]:
    """The code that trains, and the libraries whose arithmetic it uses."""
    from importlib.metadata import version

    code = [files.digest_file(path) for place in CODE for path in sorted((files.ROOT / place).rglob("*.py"))]
    return [*code, *(version(name) for name in ("torch", "numpy", "scikit-learn"))]
