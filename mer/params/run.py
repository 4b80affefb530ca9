"""A notebook's view of its study: the parameters and files that it declares.

The call of `open_run` in a notebook's setup cell is also the declaration of the step: the runner reads `uses`, `reads`
and `writes` from the source, and `Run` refuses access to anything else. The two cannot differ because they are one
statement.
"""

import datetime
import os
import warnings
from pathlib import Path
from typing import Any

from mer import files, processors
from mer.params import finished_results, output_check
from mer.params.load import load
from mer.params.schema import Params

RUN_FOLDER = "MER_RUN_FOLDER"
"""The environment variable with the run folder. The runner sets it in a step's kernel; in JupyterLab it is absent."""
DAY = "MER_DAY"
"""The environment variable with the day that the pages of a step bear. A replay sets that of the replayed run."""
NOTICES = "MER_NOTICES"
"""The environment variable with the path of the file from which the runner reads a step's notices."""


class MissingInput(FileNotFoundError):
    """A file that another step writes is missing."""


class UndeclaredAccess(AttributeError):
    """A step uses a parameter or file that its setup cell does not declare."""


class DeclaredParams:
    """The sections of the parameters that a step declares."""

    def __init__(self, params: Params, uses: tuple[str, ...]) -> None:
        self._sections = {name: getattr(params, name) for name in uses}

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_sections", {}):
            return self._sections[name]
        raise UndeclaredAccess(
            f"this step does not declare the parameters {name!r}: add it to uses=(…) in its setup cell"
        )


class Run:
    """One step's view of a study.

    Args:
        params: all parameters of the study.
        source: the file that they were read from, for commands in messages.
        uses: the sections that the step declares.
        reads: the files that it declares as inputs.
        writes: the files that it declares as outputs.

    Attributes:
        name: the study.
        params: the declared sections, for example `run.params.training.epochs`.
        interactive: whether the notebook is run in JupyterLab and not by the runner.
        folder: the folder that this step writes to: `outputs/<study>/`, or `interactive/` in it.
        jobs: the number of processes that the step may use at once, which never changes a result.
        day: the day that pages which the step writes bear, as YYYY-MM-DD: today, or that of the run that is replayed.
    """

    def __init__(
        self, params: Params, source: str, uses: tuple[str, ...], reads: tuple[str, ...], writes: tuple[str, ...]
    ) -> None:
        self.name = params.name
        self.params = DeclaredParams(params, uses)
        self._source, self._reads, self._writes = source, reads, writes
        run_folder = os.environ.get(RUN_FOLDER)
        self._run_folder = Path(run_folder) if run_folder else files.ROOT / "outputs" / params.name
        self.interactive = run_folder is None
        self.folder = self._run_folder / "interactive" if self.interactive else self._run_folder
        self.jobs = int(os.environ.get("MER_JOBS") or processors.count())
        self.day = os.environ.get(DAY) or datetime.date.today().isoformat()
        self._notices: list[str] = []

    @property
    def all_runs(self) -> Path:
        """The folder of the folders of all runs."""
        return self._run_folder.parent

    def read(self, name: str) -> Path:
        """Return the path of an input; in JupyterLab, files that were written there come first.

        Raises:
            MissingInput: with the command that writes it.
            OutputChanged: the file differs from what its step wrote.
        """
        self._check_declared(name, self._reads, "reads")
        for folder in (self.folder, self._run_folder):
            if (folder / name).exists():
                output_check.check(folder, name)
                return folder / name
        raise MissingInput(
            f"{files.to_root(self._run_folder / name)} is missing. Write it with:  python run_all.py {self._source}"
        )

    def has(self, name: str) -> bool:
        """Return whether an input exists.

        Raises:
            OutputChanged: a step wrote it, and it was removed.
        """
        self._check_declared(name, self._reads, "reads")
        if any((folder / name).exists() for folder in (self.folder, self._run_folder)):
            return True
        output_check.refuse_removed(self._run_folder, name)
        return False

    def write(self, name: str) -> Path:
        """Return the path of an output; its folder is created."""
        self._check_declared(name, self._writes, "writes")
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def cache(self, name: str) -> Path:
        """Return the path of an output folder of results whose names or contents state all that determines them.

        In JupyterLab it has those that the run has, so that they are not computed again. The run does not change.
        """
        path = self.write(name)
        if self.interactive:
            finished_results.add(self._run_folder / name, path)
        return path

    def notice(self, text: str) -> None:
        """Print a sentence that the runner also shows below the step's line and on the study's front page."""
        print(text)
        self._notices.append(text)
        if path := os.environ.get(NOTICES):
            files.write_json(Path(path), self._notices)

    def _check_declared(self, name: str, declared: tuple[str, ...], kind: str) -> None:
        outside = ".." in Path(name).parts
        if outside or not any(name == entry or name.startswith(entry.rstrip("/") + "/") for entry in declared):
            raise UndeclaredAccess(f"this step does not declare {name!r}: add it to {kind}=(…) in its setup cell")


def open_run(
    params_file: str,
    *,
    uses: tuple[str, ...],
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    gpu: bool = False,
) -> Run:
    """Open a study for one notebook.

    Args:
        params_file: a study under `params/`, or the `params.yaml` of a run folder.
        uses: the sections of the parameters that this step reads.
        reads: files of the run folder that it reads; `"raw"` stands for the files of the corpora.
        writes: files or folders of the run folder that it writes.
        gpu: whether it computes on the study's device, which the runner gives to one notebook at a time.

    Raises:
        ParamsError: the parameters are wrong.
    """
    if RUN_FOLDER not in os.environ and (other := files.other_clone(Path.cwd())):
        warnings.warn(other, stacklevel=2)
    selected = _as_run(load(params_file))
    run = Run(selected, params_file, uses, reads, writes)
    if run.interactive:
        processors.limit_threads(selected.compute.threads)
    return run


def _as_run(params: Params) -> Params:
    """Return a study that names no systems with those of its run folder, which `run_all.py` chose by its corpora."""
    stored = files.ROOT / "outputs" / params.name / "params.yaml"
    if not params.has_default_systems or params.has_inputs or not stored.is_file():
        return params
    run = load(stored)
    return Params.model_validate({**params.model_dump(), "features": run.features, "systems": run.systems})
