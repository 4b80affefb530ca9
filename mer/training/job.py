"""A job, which is a training as data, and its result."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from mer.params.schema import System, Training


@dataclass(frozen=True)
class Job:
    """One training and the rows that are then predicted.

    Attributes:
        system: name of the system, one row of the results.
        cell: cell of the plan that the rows belong to; None outside a plan.
        spec: section `systems.<system>` of the parameters: model and inputs.
        training: training parameters of this system.
        seed: fixes all random numbers of the training.
        train, validation, test: row numbers of the task, int64 of shape (n,) each.
    """

    system: str
    cell: Hashable
    spec: System
    training: Training
    seed: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class JobResult:
    """What a job leads to. Probabilities are calibrated.

    Attributes:
        probabilities: of the test rows, float64 of shape (len(job.test), classes).
        validation_probabilities: of the validation rows, float64 of shape (len(job.validation), classes).
        history: one dict per epoch of a network, or per setting of a linear model.
        validation_uar: corpus -> UAR on the validation rows, of the model that predicted the test rows.
        members: of an ensemble, the results that it combines.
        label_sets: of a network that is trained on several classes at once, the classes that each test row has, and
            those whose predicted probability is at least 1/2; bool of shape (2, len(job.test), classes).
    """

    job: Job
    probabilities: np.ndarray
    validation_probabilities: np.ndarray
    history: list[dict] = field(default_factory=list)
    validation_uar: dict[str, float] = field(default_factory=dict)
    members: tuple["JobResult", ...] = ()
    label_sets: np.ndarray | None = None

    @property
    def depends_on_seed(self) -> bool:
        """Whether another seed would give another result: linear models have one solution."""
        return self.job.spec.is_network or any(member.depends_on_seed for member in self.members)
