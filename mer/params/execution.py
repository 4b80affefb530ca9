"""How a study is carried out: limits of steps, a command after the end. Nothing here changes a result by itself."""

from typing import Annotated, Literal

from pydantic import Field

from mer.params.section import Section

StepNumber = Annotated[str, Field(pattern=r"^\d\d$")]
"""The number of a step, in two digits."""
Word = Annotated[str, Field(min_length=1)]
"""A text that is not empty."""


class StepResources(Section):
    """What one step may use. Only `device` can change the last bits of a result, and then the step runs again."""

    timeout_minutes: float | None = Field(None, gt=0)
    """The longest run of this step, in minutes; None for the study's `timeout_minutes`."""
    memory_gb: float | None = Field(None, gt=0)
    """The most memory that the step's processes may use together, in gigabytes. A step that uses more is ended and, as
    after any lack of memory, tried again twice with fewer processes and smaller batches."""
    jobs: int | None = Field(None, ge=1)
    """The largest number of processes of this step; None for `--jobs`."""
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None
    """The device of this step; None for `compute.device`."""


Command = tuple[Word, ...]
"""A program and its arguments. No shell reads them."""
