"""How trainings are carried out: which engine, on what, and in how many processes."""

from dataclasses import dataclass
from functools import lru_cache

from mer.params.schema import Training
from mer.training.job import Job
from mer.training.task import Task

SMALL = 50_000
"""parameters. In a step of a smaller network a CPU starts operations for longer than it carries them out, and a stack
starts them once for all its runs; of larger ones a batch fills the caches by itself (benchmarks/engines.py)"""
STEP, SPEED, LINEAR = 2e-3, 5e10, 1e-6
"""roughly: seconds of a step besides its arithmetic, operations a second, and seconds of a linear fit for every number
that it reads; fixed, as they decide only how many processes are worth their start"""
WORTH_A_PROCESS = 4.0
"""such seconds: starting one takes about two"""


@dataclass(frozen=True)
class Engine:
    """How and where runs are trained.

    Attributes:
        name: `single`, `stacked`, or `auto`: what suits each run.
        threads: of one run.
        at_once: processes on a CPU; changes how long it takes and nothing else.
    """

    name: str = "single"
    device: str = "cpu"
    threads: int = 1
    at_once: int = 1

    def of(self, task: Task, job: Job) -> str:
        """Return `single` or `stacked` for a run, by what it is and not by its company: it is part of its result."""
        if not job.spec.is_network:
            return "single"
        if self.name != "auto":
            return self.name
        return "stacked" if self.device != "cpu" or parameters(task, job) < SMALL else "single"

    def processes(self, work: float, units: int) -> int:
        """Return among how many processes so many units, of so many `seconds` in all, are worth being spread."""
        if self.device != "cpu":  # a GPU is given to one at a time
            return 1
        return max(1, min(self.at_once, units, int(work / WORTH_A_PROCESS)))


def seconds(task: Task, job: Job) -> float:
    """Return a rough estimate of how long a run takes in one thread, all its epochs."""
    rows = len(job.train)
    if not job.spec.is_network:
        return LINEAR * rows * sum(task.features.widths(job.spec.inputs).values())
    steps = -(-rows // job.training.batch_size)
    return job.training.epochs * (steps * STEP + 6 * parameters(task, job) * rows / SPEED)


def parameters(task: Task, job: Job) -> int:
    """Return how many parameters a run's network has."""
    modalities = job.spec.inputs
    layers = {m: n for m, n in task.features.layers.items() if m in modalities}
    widths = task.features.widths(modalities)
    return _counted(job.spec.model, tuple(widths.items()), task.classes, job.training, tuple(layers.items()))


@lru_cache
def _counted(model: str, widths: tuple, classes: int, training: Training, layers: tuple) -> int:
    import torch

    from mer.training.networks.trained import built

    with torch.device("meta"):  # shapes without numbers
        network = built(model, dict(widths), classes, training, dict(layers))
    return sum(p.numel() for p in network.parameters())
