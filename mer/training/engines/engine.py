"""How jobs are carried out: which engine, on which device, and in how many processes."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mer.params.normalisation import FITTED
from mer.params.schema import Training
from mer.training.job import Job
from mer.training.task import Task

STACKED_BELOW_PARAMETERS = 50_000
"""The number of parameters below which networks are stacked on a CPU. In a step of a smaller network, starting the
operations takes longer than their arithmetic, and a stack starts them once for all jobs (benchmarks/engines.py)."""
STEP_SECONDS, OPERATIONS_PER_SECOND, LINEAR_SECONDS_PER_VALUE = 2e-3, 5e10, 1e-6
"""Rough estimates: the seconds of a step besides its arithmetic, the operations per second, and the seconds of a linear
fit per value that it reads. They are fixed because they decide only the number of processes."""
ENCODER_SECONDS_PER_ROW = 0.1
"""A rough estimate of the seconds in which an encoder is trained on a recording; fixed for the same reason."""
MIN_SECONDS_PER_PROCESS = 4.0
"""The estimated seconds of work for which a process is started. Its start takes about two."""


@dataclass(frozen=True)
class Engine:
    """How and where jobs are carried out.

    Attributes:
        name: `single`, `stacked`, or `auto`, which decides for each job.
        device: `cpu`, `cuda` or `mps`.
        threads: number of threads of a job.
        max_processes: largest number of processes on a CPU; it does not change results.
        log: file to which trainings of encoders append lines; None for the screen.
    """

    name: str = "single"
    device: str = "cpu"
    threads: int = 1
    max_processes: int = 1
    log: Path | None = None

    def name_for(self, task: Task, job: Job) -> str:
        """Return `single` or `stacked` for a job. It depends on this job alone because it is part of its result.

        The jobs of a stack share their features, so a job whose training rows determine them is trained by itself.
        """
        fitted = not set(FITTED).isdisjoint(job.training.stages)
        if not job.spec.is_network or fitted or task.features.trained(job.spec.inputs):
            return "single"
        if self.name != "auto":
            return self.name
        return "stacked" if self.device != "cpu" or parameters(task, job) < STACKED_BELOW_PARAMETERS else "single"

    def processes(self, total_seconds: float, groups: int) -> int:
        """Return the number of processes for so many job groups that take `total_seconds` together."""
        if self.device != "cpu":  # one process at a time uses the GPU
            return 1
        return max(1, min(self.max_processes, groups, int(total_seconds / MIN_SECONDS_PER_PROCESS)))


def seconds(task: Task, job: Job) -> float:
    """Return a rough estimate of the seconds that a job takes in one thread, with all its epochs."""
    rows = len(job.train)
    if not job.spec.is_network:
        return LINEAR_SECONDS_PER_VALUE * rows * sum(task.features.widths(job.spec.inputs).values())
    if task.features.trained(job.spec.inputs):
        return ENCODER_SECONDS_PER_ROW * rows * job.training.epochs
    steps = -(-rows // job.training.batch_size)
    return job.training.epochs * (steps * STEP_SECONDS + 6 * parameters(task, job) * rows / OPERATIONS_PER_SECOND)


def parameters(task: Task, job: Job) -> int:
    """Return the number of parameters of a job's network."""
    widths = task.features.widths(job.spec.inputs)
    own = task.features
    inputs = tuple((n, width, own.modalities[n], own.layers.get(n), own.frames.get(n)) for n, width in widths.items())
    return _count(job.spec.model, inputs, task.classes, job.training)


@lru_cache
def _count(model: str, inputs: tuple, classes: int, training: Training) -> int:
    import torch

    from mer.training.networks.trained import Shape, build_network

    widths, modalities = ({name: values[i] for name, *values in inputs} for i in (0, 1))
    layers, frames = ({name: values[i] for name, *values in inputs if values[i] is not None} for i in (2, 3))
    with torch.device("meta"):  # shapes without values
        network = build_network(Shape(model, widths, modalities, layers, classes, frames), training)
    return sum(p.numel() for p in network.parameters())
