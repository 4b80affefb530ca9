"""How a study is carried out: limits of steps, a command after the end. Nothing here changes a result by itself."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

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


class Dask(Section):
    """The dask cluster that computes a study. It changes no result (docs/scaling.md)."""

    address: Word | None = None
    """The address of a scheduler that runs, such as `tcp://head:8786` or `tls://head:8786`."""
    cluster: Literal["slurm", "pbs", "ssh", "local"] | None = None
    """The kind of a cluster that is started for the run, and ends with it."""
    workers: int = Field(2, ge=1)
    """The number of worker processes that are started."""
    options: dict[Word, Any] = Field({})
    """Arguments of the cluster's class: `SLURMCluster` and `PBSCluster` of dask-jobqueue, such as `queue`, `memory`
    and `walltime`; `SSHCluster` of distributed, such as `hosts`."""

    @model_validator(mode="before")
    @classmethod
    def _address(cls, value: object) -> object:
        """A text is an address."""
        return {"address": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> "Dask":
        if (self.address is None) == (self.cluster is None):
            raise ValueError("name either the `address` of a scheduler or a `cluster`: slurm, pbs, ssh or local")
        return self
