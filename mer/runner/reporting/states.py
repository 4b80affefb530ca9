"""The states of the steps in one run."""

from dataclasses import dataclass, field

from mer.runner.steps.notebook import Step

FINISHED = ("done", "unchanged")
"""The states of a step whose results are up to date."""
LOST = ("failed", "interrupted", "skipped")
"""The states of a step whose results this run will not bring up to date."""


@dataclass(frozen=True)
class Outcome:
    """How the execution of a step ended.

    Attributes:
        kind: done, error, died, timeout or interrupted.
        seconds: the wall-clock time of the execution.
        message: `ename: evalue` or a sentence.
        code_cell: the number of the code cell, counted from 1.
        heading: the heading above the code cell.
    """

    kind: str
    seconds: float
    message: str = ""
    code_cell: int | None = None
    heading: str = ""


@dataclass
class StepState:
    """The state of a step in one run."""

    step: Step
    state: str = "unchecked"
    """One of unchecked, waiting, running, done, unchanged, failed, interrupted and skipped.

    A step is unchecked until the steps that it depends on have finished. It is waiting if it has to run.
    """
    reason: str = ""
    seconds: float | None = None
    peak: int = 0
    """The most memory that the step's processes used at once, in bytes."""
    digest: str | None = None
    started_with: dict = field(default_factory=dict)
    """What the step depended on when it was checked."""
    last_duration: float | None = None
    """The seconds of the last run of the step that ended well."""
    outcome: Outcome | None = None

    @property
    def settled(self) -> bool:
        """Whether the step will not run any more."""
        return self.state in (*FINISHED, *LOST)

    @property
    def finished(self) -> bool:
        """Whether what the step writes is there and up to date."""
        return self.state in FINISHED
