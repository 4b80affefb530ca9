"""Results of jobs on disk, addressed by everything that determines them."""

import ast
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from mer import code_dependencies, files, shared
from mer.training.cache import arrays as cached
from mer.training.cache.address import JobIdentity
from mer.training.engines.engine import Engine
from mer.training.job import Comparison, Job, JobResult
from mer.training.task import Task

TRAINING_CODE = "import mer.training.grid"
"""The code that trains: the modules that it reaches and the libraries that they import are part of an address."""
EXTRACTION_MODULES = tuple(f"mer.{n}" for n in ("features.audio", "features.text", "features.pretrained",
                                        "features.video", "media"))  # fmt: skip
"""The modules that extract features. Their libraries do not count because the vectors are part of an address."""
SHARED_FOLDER = "trainings"
"""The folder of results in a shared store."""
_FILE_STATES_AT_IMPORT = code_dependencies.file_states()


def results_are_shared() -> bool:
    """Return whether this process copies results from and to a shared store."""
    return shared.current() is not None


class ResultCache:
    """A folder of results.

    If files of the package have changed since this process loaded them, nothing is stored or read: the address would
    name other code than the code that runs.

    Args:
        folder: None stores nothing.
        engine: engine, device and threads of the jobs.
    """

    def __init__(self, folder: Path | None, task: Task, engine: Engine) -> None:
        self.folder, self._identity = folder, JobIdentity(task, engine) if folder else None
        code = code_dependencies.CodeDependencies([ast.parse(TRAINING_CODE)]) if folder else None
        self._code = code and files.digest([sys.version_info[:2], code.digests(), code.libraries(EXTRACTION_MODULES)])
        self._files = [files.to_root(path) for path in code.paths()] if code else []
        self._loaded = code and files.digest([_FILE_STATES_AT_IMPORT.get(files.ROOT / name) for name in self._files])

    def address(self, jobs: Sequence[Job]) -> str:
        """Return the digest of everything that determines the results of jobs that are trained together."""
        return files.digest([self._code, *map(self._identity.describe, jobs)])[:32]

    def load(self, jobs: Sequence[Job]) -> list[JobResult | Comparison] | None:
        """Return the results of jobs that are trained together; None if there are none, or the file is damaged."""
        if self.folder is None:
            return None
        if not self._code_unchanged():
            warnings.warn("the code of mer has changed since it was loaded: results are neither stored nor read; "
                          "start again with the new code", stacklevel=2)  # fmt: skip
            return None
        if (stored := cached.read_arrays(self._file(jobs), "runs")) is None:
            return None
        arrays, metadata = stored
        if jobs[0].compares:
            return [Comparison(job, metadata[n]["settings"], arrays[f"{n}"]) for n, job in enumerate(jobs)]
        return [JobResult(job, arrays[f"{n}"], arrays[f"{n}.validation"], label_sets=arrays.get(f"{n}.label_sets"),
                          **metadata[n]) for n, job in enumerate(jobs)]  # fmt: skip

    def save(self, results: Sequence[JobResult | Comparison]) -> None:
        """Store the results of jobs that were trained together: all of them or none."""
        if not self._code_unchanged():
            return
        path = self.folder / f"{self.address([one.job for one in results])}.safetensors"
        if results[0].job.compares:
            arrays = {f"{n}": one.logits for n, one in enumerate(results)}
            cached.write_arrays(path, "runs", arrays, [{"settings": one.settings} for one in results])
            self._share(path)
            return
        metadata = [{"history": one.history, "validation_uar": one.validation_uar} for one in results]
        arrays = {f"{n}": one.probabilities for n, one in enumerate(results)}
        arrays |= {f"{n}.validation": one.validation_probabilities for n, one in enumerate(results)}
        arrays |= {f"{n}.label_sets": one.label_sets for n, one in enumerate(results) if one.label_sets is not None}
        cached.write_arrays(path, "runs", arrays, metadata)
        self._share(path)

    def share(self, groups: Iterable[Sequence[Job]]) -> None:
        """Copy into the shared store what this folder has had since before there was one."""
        if (store := shared.current()) is None or not self._code_unchanged():
            return
        present = shared.attempt(store, "names", SHARED_FOLDER, otherwise=None)
        for jobs in groups if present is not None else ():
            path = self.folder / f"{self.address(jobs)}.safetensors"
            if path.name not in present and path.is_file():
                self._share(path)

    def _file(self, jobs: Sequence[Job]) -> Path:
        """Return the file with the results of jobs, from the shared store if only that has it."""
        path = self.folder / f"{self.address(jobs)}.safetensors"
        if not path.exists() and (store := shared.current()) is not None:
            shared.attempt(store, "fetch", f"{SHARED_FOLDER}/{path.name}", path)
        return path

    def _share(self, path: Path) -> None:
        if (store := shared.current()) is not None:
            shared.attempt(store, "put", path, f"{SHARED_FOLDER}/{path.name}")

    def delete_others(self, groups: Iterable[Sequence[Job]]) -> None:
        """Delete files of earlier plans, after this one is finished."""
        if self.folder is None or not self.folder.is_dir():
            return
        names = {f"{self.address(jobs)}.safetensors" for jobs in groups}
        for path in self.folder.iterdir():
            if path.suffix in (".safetensors", ".unfinished") and path.name not in names:
                path.unlink(missing_ok=True)

    def snapshot_path(self, jobs: Sequence[Job]) -> Path | None:
        """Return the file that stores the state of jobs while they are trained together; None stores nothing."""
        return self.folder / f"{self.address(jobs)}.unfinished" if self._code_unchanged() else None

    def _code_unchanged(self) -> bool:
        """Whether there is a folder, and the code on disk is the code that this process or its parent has loaded."""
        if self._loaded is None:
            return False
        try:
            return self._loaded == files.digest(
                [code_dependencies.file_state(files.ROOT / name) for name in self._files]
            )
        except FileNotFoundError:
            return False
