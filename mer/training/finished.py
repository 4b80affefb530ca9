"""Results of trainings on disk, addressed by all that determines them."""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from mer import files
from mer.features.vectors import digest_array
from mer.training import kept
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

    def address(self, jobs: Sequence[Job]) -> str:
        """Return the digest of all that determines the results of runs that are trained together."""
        return files.digest([*map(self._told, jobs), _versions()])[:32]

    def load(self, jobs: Sequence[Job]) -> list[Done] | None:
        """Return what runs that were trained together answered; None where they were not, or the file is damaged."""
        if self.folder is None:
            return None
        if (found := kept.read(self.folder / f"{self.address(jobs)}.safetensors", "runs")) is None:
            return None
        arrays, told = found
        return [Done(job, arrays[f"{n}"], **told[n]) for n, job in enumerate(jobs)]

    def save(self, done: Sequence[Done]) -> None:
        """Keep the results of runs that were trained together: all of them or none."""
        if self.folder is None:
            return
        told = [{"history": one.history, "validation": one.validation} for one in done]
        path = self.folder / f"{self.address([one.job for one in done])}.safetensors"
        kept.write(path, "runs", {f"{n}": one.probabilities for n, one in enumerate(done)}, told)

    def forget_others(self, units: Iterable[Sequence[Job]]) -> None:
        """Delete what earlier plans have left, once this one is through: the folder is what the study consists of."""
        if self.folder is None or not self.folder.is_dir():
            return
        names = {f"{self.address(jobs)}.safetensors" for jobs in units}
        for path in self.folder.iterdir():
            if path.suffix in (".safetensors", ".unfinished") and path.name not in names:
                path.unlink(missing_ok=True)

    def unfinished(self, jobs: Sequence[Job]) -> Path | None:
        """Return where trainings that run together are kept while they do."""
        return self.folder and self.folder / f"{self.address(jobs)}.unfinished"

    def _told(self, job: Job) -> list:
        """Everything that determines one run, but the code: data, rows, system, training."""
        rows = [digest_array(part) for part in (job.train, job.validation, job.test)]
        looks_at = (*job.system.modalities, "labels", "corpora", "classes", job.training.targets)
        if job.training.normalisation != "training":
            looks_at += ("speaker groups", "corpus groups")
        data = {name: self._data[name] for name in looks_at}
        how = (self._how.of(self._outline, job), self._how.device, self._how.threads)
        begun = job.training.start_from and files.digest_file(files.from_root(job.training.start_from) / "model.json")
        system = (job.system.model, job.system.modalities, job.training.model_dump(mode="json"), job.seed)
        return [how, system, begun, rows, data]


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
