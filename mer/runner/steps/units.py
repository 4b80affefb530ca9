"""What is run and stamped by itself: a notebook, or a notebook for one value of its fan-out."""

import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from mer import files
from mer.params import fan_out
from mer.runner.steps.notebook import Step
from mer.runner.study import Study, StudyError

RETIRED = "retired"
"""the folder for results of values that a fan-out no longer has"""


@dataclass(frozen=True)
class Unit:
    """One execution of a step.

    Attributes:
        name: `05_ablate`, or `05_ablate/seed=0` for one value.
        item: the values of the fan-out's parameters; empty without one.
        params: the declared sections as this unit sees them.
    """

    step: Step
    name: str
    item: dict[str, fan_out.Value] = field(default_factory=dict)
    params: dict = field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """The declared inputs, with this unit's values in their names."""
        return self._filled(self.step.reads)

    @property
    def writes(self) -> tuple[str, ...]:
        """The declared outputs, with this unit's values in their names."""
        return self._filled(self.step.writes)

    @property
    def subject(self) -> str:
        """The values of the fan-out as people read them: `seed 0`."""
        return ", ".join(f"{key} {value}" for key, value in self.item.items())

    @property
    def home(self) -> str:
        """The run's front page, as seen from this unit's."""
        return "../index.html" if self.item else "index.html"

    def _filled(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(fan_out.filled(name, self.item) for name in names)


def expand(study: Study, step: Step) -> list[Unit]:
    """Return the units of a step.

    Raises:
        StudyError: its fan-out names no usable list.
    """
    sections = {name: study.params.get(name) for name in step.uses}
    if not step.fan_out:
        return [Unit(step, step.name, {}, sections)]
    try:
        lists = [fan_out.values(source, study.params, study.folder) for source in step.fan_out.values()]
    except fan_out.NoValues as error:
        raise StudyError([f"{files.to_root(step.path)}: fan_out: {error}"]) from error
    units = []
    for values in itertools.product(*lists):
        item = dict(zip(step.fan_out, values, strict=True))
        seen = sections
        for key, source in step.fan_out.items():
            seen = fan_out.narrowed(seen, source, item[key])
        name = ",".join(f"{key}={value}" for key, value in item.items())
        units.append(Unit(step, f"{step.name}/{name}", item, seen))
    return units


def retire(study: Study, step: Step, units: list[Unit]) -> None:
    """Put away what belongs to values that the fan-out no longer has, and take back what it has again.

    A table of a seed that is no longer listed would otherwise be read as if it were.
    """
    current = {unit.name for unit in units}
    here, away = study.folder, study.folder / RETIRED
    for name in _stamped(here, step) - current:
        _move(study, name, here, away)
    for name in _stamped(away, step) & current - _stamped(here, step):
        _move(study, name, away, here)


def _stamped(folder: Path, step: Step) -> set[str]:
    """The units of a step that have a stamp; a step that has become a fan-out, or was one, counts too."""
    found = {f"{step.name}/{path.stem}" for path in (folder / "stamps" / step.name).glob("*.json")}
    return found | ({step.name} if (folder / "stamps" / f"{step.name}.json").is_file() else set())


def _move(study: Study, name: str, source: Path, target: Path) -> None:
    stamp = source / study.place(name, "stamp").relative_to(study.folder)
    try:
        outputs = files.read_json(stamp).get("outputs", {})
    except (OSError, ValueError, AttributeError):
        outputs = {}
    inside = [output for output in outputs if ".." not in Path(output).parts and not Path(output).is_absolute()]
    pages = [study.place(name, kind).relative_to(study.folder) for kind in ("ipynb", "html", "failed", "log", "stamp")]
    for path in [*map(Path, inside), *pages]:  # the stamp last: what was moved half-way is moved again
        if (source / path).exists():
            _replace(source / path, target / path)


def _replace(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
