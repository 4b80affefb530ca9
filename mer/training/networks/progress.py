"""The progress of a training: learning rate, best epoch, patience. Only numbers, so that it can be stored."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from mer.params.schema import Training

PLATEAU_EPOCHS = 2
"""The number of epochs without improvement that `plateau` accepts before it lowers the learning rate."""
PLATEAU_FACTOR = 0.5
"""The factor by which `plateau` lowers the learning rate."""

SCHEDULES: dict[str, Callable[[int, int, float], float]] = {
    "constant": lambda done, total, rate_factor: 1.0,
    "cosine": lambda done, total, rate_factor: 0.5 * (1 + math.cos(math.pi * done / total)),
    "plateau": lambda done, total, rate_factor: rate_factor,
}
"""Name of a schedule -> the factor of the learning rate after the warm-up, from the number of steps since then, the
number of all steps after the warm-up, and `EpochProgress.rate_factor`."""


@dataclass
class EpochProgress:
    """The progress of one training.

    Attributes:
        steps: number of steps of an epoch.
        epoch: number of the next epoch, from 0.
        best: highest mean of per-corpus validation UAR so far, reached in `best_epoch`.
        rate_factor: factor by which `plateau` has changed the learning rate.
        epochs_since_best: number of epochs since the best one.
        history: one dict per epoch: epoch, loss, rate, validation UAR per corpus, mean.
        stop_after: number of epochs after which the training ends, whatever the scores; None if they decide.
    """

    training: Training
    steps: int
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    rate_factor: float = 1.0
    epochs_since_best: int = 0
    history: list[dict] = field(default_factory=list)
    stop_after: int | None = None

    @property
    def finished(self) -> bool:
        """Whether the epochs or the patience are used up."""
        if self.stop_after is not None:
            return self.epoch >= self.stop_after
        return self.epoch >= self.training.epochs or self.epoch - self.best_epoch > self.training.patience

    def rate(self, step: int) -> float:
        """Return the learning rate of a step of this epoch."""
        t, n_steps = self.training, self.epoch * self.steps + step
        total = t.epochs * self.steps
        warm = round(t.warmup * total)
        if n_steps < warm:
            return t.learning_rate * (n_steps + 1) / warm
        return t.learning_rate * SCHEDULES[t.schedule](n_steps - warm, max(1, total - warm), self.rate_factor)

    def end_epoch(self, loss: float, scores: dict[str, float]) -> bool:
        """End an epoch; return whether its weights are the best so far.

        Args:
            loss: mean loss of the epoch.
            scores: corpus -> validation UAR. If there are none, every epoch is the best so far, and `plateau` never
                lowers the learning rate.
        """
        mean = sum(scores.values()) / len(scores) if scores else 0.0
        self.history.append({"epoch": self.epoch, "loss": loss, "rate": self.rate(0), "mean": mean, **scores})
        better = mean > self.best or not scores
        if better:
            self.best, self.best_epoch, self.epochs_since_best = mean, self.epoch, 0
        else:
            self.epochs_since_best += 1
            if self.training.schedule == "plateau" and self.epochs_since_best % (PLATEAU_EPOCHS + 1) == 0:
                self.rate_factor *= PLATEAU_FACTOR
        self.epoch += 1
        return better

    def state(self) -> dict:
        """Return the arguments of `from_state`, as JSON types."""
        state = asdict(self)
        del state["training"]
        return state


def from_state(training: Training, state: dict) -> EpochProgress:
    """Return a progress as it was when `state` was called."""
    return EpochProgress(training, **state)
