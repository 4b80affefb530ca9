"""Where the units and steps of a run stand."""

from dataclasses import dataclass, field

from mer.runner.execution.execute import Outcome
from mer.runner.steps.notebook import Step
from mer.runner.steps.units import Unit

FINISHED = ("done", "unchanged")
LOST = ("failed", "interrupted", "skipped")


@dataclass
class Record:
    """Where a unit stands in this run."""

    unit: Unit
    state: str = "waiting"
    """waiting, running, done, unchanged, failed, interrupted or skipped"""
    reason: str = ""
    seconds: float | None = None
    peak: int = 0
    """bytes"""
    digest: str | None = None
    before: dict = field(default_factory=dict)
    """the parts of its digest when it was looked at"""
    last: float | None = None
    """seconds that it took the last time"""
    outcome: Outcome | None = None


@dataclass
class StepRecord:
    """Where a step stands: its units, once they are known."""

    step: Step
    units: list[Record] | None = None
    lost: str = ""
    """failed or skipped, where its units never came to be known"""
    reason: str = ""

    @property
    def state(self) -> str:
        """The state of the step as a whole."""
        if self.lost:
            return self.lost
        states = {record.state for record in self.units or ()}
        for state in ("running", "failed", "interrupted"):
            if state in states:
                return state
        if not states or "waiting" in states:
            return "running" if states & {"done"} else "waiting"
        return next(state for state in ("skipped", "done", "unchanged") if state in states)

    @property
    def settled(self) -> bool:
        """Whether nothing of it will still be run."""
        return bool(self.lost) or (
            self.units is not None and all(record.state not in ("waiting", "running") for record in self.units)
        )

    @property
    def finished(self) -> bool:
        """Whether what it writes is there and up to date."""
        return not self.lost and self.units is not None and all(record.state in FINISHED for record in self.units)

    def count(self, *states: str) -> int:
        """How many units are in one of these states."""
        return sum(record.state in states for record in self.units or ())
