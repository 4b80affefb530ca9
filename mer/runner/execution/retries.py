"""Another attempt at a step that ran out of memory or lost a process, with less at once."""

from mer import pools
from mer.runner.reporting.states import Outcome, StepState
from mer.runner.steps.notebook import Step
from mer.runner.study import Study


def processes(study: Study, step: Step, jobs: int) -> int:
    """Return the number of processes that a step may use at its first attempt."""
    limit = study.limits_of(step.number).jobs
    return jobs if limit is None else min(jobs, limit)


def line(study: Study, state: StepState, outcome: Outcome, jobs: int) -> str:
    """Return the line that announces another attempt.

    Args:
        state: the state of the step, in which the attempt is counted already.
        outcome: how the last attempt ended.
        jobs: the number of processes of the run.
    """
    first = processes(study, state.step, jobs)
    before, now = (pools.fewer(first, attempt) for attempt in (state.attempt - 1, state.attempt))
    fewer = f"with {now} instead of {before} processes and " if now < before else "with "
    reason = outcome.message.splitlines()[0] if outcome.message else outcome.kind
    return (
        f"  {state.step.name}: {reason}; it is run again {fewer}batches of encoders of half the size "
        f"(attempt {state.attempt + 1} of {pools.MAX_RETRIES + 1})"
    )
