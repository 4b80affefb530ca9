"""What a notebook holds on to: its parameters and its place in the run folder.

The call in a notebook's setup cell is also the step's declaration: the runner reads `uses`, `reads`
and `writes` from the source, and `Run` refuses what was not declared. One statement, so the two
cannot drift apart.
"""

import os
from pathlib import Path
from typing import Any

from mer import files
from mer.params import fan_out as fan_out_
from mer.params import output_check
from mer.params.load import load
from mer.params.schema import Params

RUN_FOLDER = "MER_RUN_FOLDER"
"""Set by the runner in a step's kernel; without it a notebook is somebody's exploration."""
NOTICES = "MER_NOTICES"
"""The file from which the runner takes a step's notices."""


class MissingInput(FileNotFoundError):
    """A file that another step writes is not there."""


class Undeclared(AttributeError):
    """A step touches a parameter or file that its setup cell does not declare."""


class Slice:
    """The sections of the parameters that a step declared."""

    def __init__(self, params: Params, uses: tuple[str, ...]) -> None:
        self._sections = {name: getattr(params, name) for name in uses}

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_sections", {}):
            return self._sections[name]
        raise Undeclared(f"this step does not declare the parameters {name!r}: add it to uses=(…) in its setup cell")


class Run:
    """One step's view of a study.

    Attributes:
        name: the study.
        params: the declared sections, for example `run.params.training.epochs`.
        folder: where this step writes; `outputs/<study>/`, or its `interactive/` when run by hand.
        jobs: how many processes the step may use at once (never changes a result).
        item: the values of the fan-out that this run of the notebook is for.
    """

    def __init__(self, params: Params, source: str, uses: tuple[str, ...], reads: tuple[str, ...],
                 writes: tuple[str, ...], fan_out: dict[str, str], item: dict) -> None:  # fmt: skip
        self.name = params.name
        self._source, self._reads, self._writes = source, reads, writes
        home = os.environ.get(RUN_FOLDER)
        self._home = Path(home) if home else files.ROOT / "outputs" / params.name
        self.interactive = home is None
        self.folder = self._home / "interactive" if self.interactive else self._home
        self.jobs = int(os.environ.get("MER_JOBS", "1"))
        self._notices: list[str] = []
        self.item = {key: self._value(params, key, fan_out, item) for key in fan_out}
        self.params = Slice(_narrowed(params, fan_out, self.item), uses)

    def read(self, name: str) -> Path:
        """Return the path of an input; by hand, what was made by hand comes first.

        Raises:
            MissingInput: with the command that makes it.
            Altered: it is not what the step wrote that made it.
        """
        self._declared(name, self._reads, "reads")
        for folder in (self.folder, self._home):
            if (folder / name).exists():
                output_check.check(folder, name)
                return folder / name
        raise MissingInput(
            f"{files.to_root(self._home / name)} is not there. Make it with:  python run_all.py {self._source}"
        )

    def has(self, name: str) -> bool:
        """Whether an input is there."""
        self._declared(name, self._reads, "reads")
        return any((folder / name).exists() for folder in (self.folder, self._home))

    def write(self, name: str) -> Path:
        """Return the path of an output, its folder made."""
        self._declared(name, self._writes, "writes")
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def notice(self, text: str) -> None:
        """Print a sentence that the runner also shows below the step's line and on the study's front page."""
        print(text)
        self._notices.append(text)
        if place := os.environ.get(NOTICES):
            files.write_json(Path(place), self._notices)

    def _declared(self, name: str, declared: tuple[str, ...], kind: str) -> None:
        places = [fan_out_.filled(place, self.item) for place in declared]
        outside = ".." in Path(name).parts
        if outside or not any(name == place or name.startswith(place.rstrip("/") + "/") for place in places):
            raise Undeclared(f"this step does not declare {name!r}: add it to {kind}=(…) in its setup cell")

    def _value(self, params: Params, key: str, sources: dict[str, str], item: dict) -> fan_out_.Value:
        """The value that was given, or by hand the first one."""
        folder = next((f for f in (self.folder, self._home) if (f / sources[key]).exists()), self._home)
        known = fan_out_.values(sources[key], params.model_dump(mode="json"), folder)
        value = item.get(key)
        if value is None:
            return known[0]
        if value not in known:
            raise fan_out_.NoValues(f"{key} = {value!r} is not among those of {sources[key]}: {known}")
        return value


def open_run(
    params_file: str,
    *,
    uses: tuple[str, ...],
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    fan_out: dict[str, str] | None = None,
    gpu: bool = False,
    **item: fan_out_.Value | None,
) -> Run:
    """Open a study for one notebook.

    Args:
        params_file: a study under `params/`, or the `params.yaml` of a run folder.
        uses: the sections of the parameters that this step reads.
        reads: files of the run folder that it reads; `"raw"` stands for the corpora themselves.
        writes: files or folders of the run folder that it writes.
        fan_out: runs the notebook once per value, as in `{"seed": "evaluation.seeds"}` (mer/params/fan_out.py).
            `seed` is then assigned in the cell tagged `parameters` and handed on here; `None` is the first
            value. Names in `writes` must hold `{seed}`.
        gpu: whether it computes on the study's device, which the runner gives to one notebook at a time.
        item: the values of the fan-out, by name.

    Raises:
        ParamsError: the parameters are wrong.
        NoValues: the fan-out has no values, or not this one.
        TypeError: a name that is neither of these nor in `fan_out`.
    """
    if unknown := sorted(set(item) - set(fan_out or {})):
        raise TypeError(f"open_run: {', '.join(unknown)} is not in fan_out=…")
    return Run(load(params_file), params_file, uses, reads, writes, fan_out or {}, item)


def _narrowed(params: Params, sources: dict[str, str], item: dict) -> Params:
    """The parameters as the runner counts them for this value: its list has no other."""
    if not sources:
        return params
    plain = params.model_dump(mode="json")
    for key, source in sources.items():
        plain = fan_out_.narrowed(plain, source, item[key])
    return Params.model_validate(plain)
