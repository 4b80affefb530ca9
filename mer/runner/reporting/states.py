"""The states of the steps in one run."""

import re
from dataclasses import dataclass, field

from mer.runner.steps.notebook import Step

FINISHED = ("done", "unchanged")
"""The states of a step whose results are up to date."""
LOST = ("failed", "interrupted", "skipped")
"""The states of a step whose results this run will not bring up to date."""


MEMORY_ERRORS = re.compile(
    r"(\w+\.)*(MemoryError|_ArrayMemoryError|OutOfMemoryError)\b"
    r"|RuntimeError: .*(not enough memory|can't allocate memory|out of memory)",
    re.DOTALL,
)
"""The beginning of an error message that says that memory ran out. Of a killed process of a pool (mer/pools) there
is none, because the pool has tried again itself."""


@dataclass(frozen=True)
class Outcome:
    """How the execution of a step ended.

    Attributes:
        kind: done, error, died, memory, timeout or interrupted.
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

    @property
    def lacks_memory(self) -> bool:
        """Whether memory ran out, or a process was killed, most likely because of that."""
        return self.kind in ("died", "memory") or MEMORY_ERRORS.match(self.message) is not None


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
    attempt: int = 0
    """How often the step has run out of memory, or lost a process, in this run."""

    @property
    def settled(self) -> bool:
        """Whether the step will not run any more."""
        return self.state in (*FINISHED, *LOST)

    @property
    def finished(self) -> bool:
        """Whether what the step writes is there and up to date."""
        return self.state in FINISHED
