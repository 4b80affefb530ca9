"""One training as data, and its result."""

from dataclasses import dataclass, field

import numpy as np

from mer.params.schema import System, Training


@dataclass(frozen=True)
class Job:
    """One training and what it is then asked.

    Attributes:
        key: names it: the system and the cell of the plan.
        training: the system's own.
        train, validation, test: row numbers of the task.
    """

    key: tuple
    system: System
    training: Training
    seed: int
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Done:
    """What a training has led to.

    Attributes:
        probabilities: of the test rows, shape (len(job.test), classes).
        validation: corpus -> UAR of the validation rows, of the model that answered the test.
    """

    job: Job
    probabilities: np.ndarray
    history: list[dict]
    validation: dict[str, float] = field(default_factory=dict)
