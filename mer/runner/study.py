"""What is run, and where the files of a step are in the run folder."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from mer.html_pages.banner import titled


class StudyError(ValueError):
    """The reasons why a study cannot be run, one line per problem."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class StepLimits:
    """What one step may use; None is no limit of its own.

    Attributes:
        timeout: the seconds that the step may take.
        memory: the bytes that its processes may use together.
        jobs: the number of its processes.
        device: its device: auto, cpu, cuda or mps.
    """

    timeout: float | None = None
    memory: int | None = None
    jobs: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class Study:
    """A set of notebooks to run with one set of parameters.

    Attributes:
        name: names the study on screen and in the report.
        folder: the run folder.
        params: the resolved parameters in plain JSON types; the keys are the sections.
        text: the same as YAML, written to `folder/params.yaml`.
        notebooks: the folder of `NN_verb_noun.ipynb`.
        steps: the numbers of the steps that the study lists.
        source: what the user typed after `run_all.py`, for the retry command.
        external: data outside the run folder by the name under which steps read it;
            True if the study itself writes it.
        threads: threads per numerical library and step.
        timeout: seconds that one notebook may take.
        banner: the text at the top of every page, for example that the data are synthetic; its first word is in titles.
        source_name: the name of the study, whatever the run folder is called.
        limits: the limits of single steps by number.
        shared: the address of the store of features and trainings that several people share; None without one.
        dask: the address of the dask scheduler that computes the study; None without one.
        days: step -> the day that its pages bear, as YYYY-MM-DD; today for others. A replay has those of the run.
        on_finish: the command that is run after the end of a run, and its arguments; empty for none.
        gpus: the devices that are given to steps with `gpu=True`, each to one step at a time; empty if the study
            computes on the CPU. A device that is listed twice serves two steps at once.
    """

    name: str
    folder: Path
    params: dict
    text: str
    notebooks: Path
    steps: tuple[str, ...]
    source: str
    external: dict[str, tuple[Path, bool]] = field(default_factory=dict)
    threads: int = 1
    timeout: float | None = None
    gpus: tuple[str, ...] = ()
    limits: dict[str, StepLimits] = field(default_factory=dict)
    shared: str | None = None
    dask: str | None = None
    on_finish: tuple[str, ...] = ()
    days: dict[str, str] = field(default_factory=dict)
    source_name: str = ""
    banner: str = ""

    @property
    def title(self) -> str:
        """The study's name as it is shown on pages, with the first word of the banner."""
        return titled(self.name, self.banner)

    def limits_of(self, number: str) -> StepLimits:
        """Return the limits of a step, with the study's own time limit if the step has none."""
        own = self.limits.get(number, StepLimits())
        return replace(own, timeout=self.timeout if own.timeout is None else own.timeout)

    def place(self, step: str, kind: str) -> Path:
        """Return the path of a step's file: `ipynb`, `html`, `failed`, `log`, `notices`, `stamp` or a partial file.

        >>> Study("x", Path("o"), {}, "", Path("n"), (), "").place("01_a", "stamp").as_posix()
        'o/stamps/01_a.json'
        """
        return (
            self.folder
            / {
                "ipynb": f"{step}.ipynb",
                "html": f"{step}.html",
                "failed": f"{step}.failed.ipynb",
                "partial": f"{step}.partial.ipynb",
                "partial_html": f"{step}.partial.html",
                "log": f"logs/{step}.log",
                "notices": f"logs/{step}.notices.json",
                "stamp": f"stamps/{step}.json",
            }[kind]
        )
