"""What the runner is given: a study, and where its pieces lie in the run folder."""

from dataclasses import dataclass, field
from pathlib import Path


class StudyError(ValueError):
    """What keeps a study from being run, one line per problem."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Study:
    """A set of notebooks to run with one set of parameters.

    Attributes:
        name: names the study on screen and in the report.
        folder: the run folder.
        params: the resolved parameters in plain JSON types; the keys are the sections.
        text: the same as YAML, written to `folder/params.yaml`.
        notebooks: the folder of `NN_verb_noun.ipynb`.
        steps: the numbers that the study lists.
        source: what the user typed after `run_all.py`, for the retry command.
        external: data outside the run folder by the name that steps read it under;
            True where the study itself writes it.
        threads: per numerical library and step.
        timeout: seconds that one notebook may take.
        banner: what stands on top of every page, such as that all of it is made up; a short form is in the titles.
        of: the study that this is a run of, whatever the run folder is called.
        gpus: the devices that steps with `gpu=True` are given, each to one at a time; none where the study
            computes on the processor. A name may stand here twice: that device then serves two at once.
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
    of: str = ""
    banner: str = ""

    @property
    def title(self) -> str:
        """The study's name as pages bear it, with the first word of the banner."""
        return f"{self.name} ({self.banner.split()[0].rstrip(':').lower()})" if self.banner else self.name

    def place(self, unit: str, kind: str) -> Path:
        """Return where a file of a unit lies: `ipynb`, `html`, `failed`, `log`, `notices`, `stamp`, or half-written.

        >>> Study("x", Path("o"), {}, "", Path("n"), (), "").place("01_a", "stamp").as_posix()
        'o/stamps/01_a.json'
        """
        return (
            self.folder
            / {
                "ipynb": f"{unit}.ipynb",
                "html": f"{unit}.html",
                "failed": f"{unit}.failed.ipynb",
                "partial": f"{unit}.partial.ipynb",
                "partial_html": f"{unit}.partial.html",
                "log": f"logs/{unit}.log",
                "notices": f"logs/{unit}.notices.json",
                "stamp": f"stamps/{unit}.json",
            }[kind]
        )
