"""Results of trainings on disk, addressed by all that determines them."""

import ast
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from mer import code_dependencies, files
from mer.training.cache import arrays as kept
from mer.training.cache.address import Given
from mer.training.engines.engine import Engine
from mer.training.job import Job, JobResult
from mer.training.task import Task

CODE = "import mer.training.grid"
"""what trains: the code that this reaches is part of an address, and so are the libraries that it imports"""
EXTRACTION = tuple(f"mer.{n}" for n in ("features.audio", "features.text", "features.pretrained",
                                        "features.video", "media"))  # fmt: skip
"""what made the vectors, whose libraries do not count: the vectors themselves are part of an address"""
_LOADED = code_dependencies.file_states()


class Finished:
    """A folder of finished runs.

    Where files of the package have changed since this process loaded them, nothing is kept nor taken from it: what runs
    here is other code than what the address would name.

    Args:
        folder: None keeps nothing.
        how: the engine of each run, device and threads; `at_once` is no part of a result.
    """

    def __init__(self, folder: Path | None, task: Task, how: Engine) -> None:
        self.folder, self._given = folder, Given(task, how) if folder else None
        code = code_dependencies.CodeDependencies([ast.parse(CODE)]) if folder else None
        self._code = code and files.digest([sys.version_info[:2], code.digests(), code.libraries(EXTRACTION)])
        self._files = [files.to_root(path) for path in code.paths()] if code else []
        self._loaded = code and files.digest([_LOADED.get(files.ROOT / name) for name in self._files])

    def address(self, jobs: Sequence[Job]) -> str:
        """Return the digest of all that determines the results of runs that are trained together."""
        return files.digest([self._code, *map(self._given.told, jobs)])[:32]

    def load(self, jobs: Sequence[Job]) -> list[JobResult] | None:
        """Return what runs that were trained together answered; None where they were not, or the file is damaged."""
        if self.folder is None:
            return None
        if not self._as_loaded():
            warnings.warn("code of mer has changed since it was loaded here: what is trained now is not kept, nor is "
                          "what was trained before taken; begin again with the new code", stacklevel=2)  # fmt: skip
            return None
        if (found := kept.read(self.folder / f"{self.address(jobs)}.safetensors", "runs")) is None:
            return None
        arrays, told = found
        return [JobResult(job, arrays[f"{n}"], arrays[f"{n}.validation"], **told[n]) for n, job in enumerate(jobs)]

    def save(self, done: Sequence[JobResult]) -> None:
        """Keep the results of runs that were trained together: all of them or none."""
        if not self._as_loaded():
            return
        told = [{"history": one.history, "validation_uar": one.validation_uar} for one in done]
        arrays = {f"{n}": one.probabilities for n, one in enumerate(done)}
        arrays |= {f"{n}.validation": one.validation_probabilities for n, one in enumerate(done)}
        path = self.folder / f"{self.address([one.job for one in done])}.safetensors"
        kept.write(path, "runs", arrays, told)

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
        return self.folder / f"{self.address(jobs)}.unfinished" if self._as_loaded() else None

    def _as_loaded(self) -> bool:
        """Whether there is a folder, and the code on disk is what this process, or the one it works for, has loaded."""
        if self._loaded is None:
            return False
        try:
            return self._loaded == files.digest(
                [code_dependencies.file_state(files.ROOT / name) for name in self._files]
            )
        except FileNotFoundError:
            return False
