"""How far a training is: learning rate, best epoch, patience. Numbers only, so that it can be saved."""

import math
from dataclasses import asdict, dataclass, field

from mer.params.schema import Training

PLATEAU_EPOCHS = 2
PLATEAU_FACTOR = 0.5


@dataclass
class Progress:
    """The course of one training.

    Attributes:
        epoch: the next one.
        best: the highest mean of per-corpus validation UAR so far, and `best_epoch` that it was reached in.
        factor: what `plateau` has made of the learning rate.
        history: a dict per epoch: epoch, loss, rate, validation UAR per corpus, mean.
    """

    training: Training
    steps: int
    """per epoch"""
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    factor: float = 1.0
    flat: int = 0
    history: list[dict] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether the epochs or the patience are used up."""
        return self.epoch >= self.training.epochs or self.epoch - self.best_epoch > self.training.patience

    def rate(self, step: int) -> float:
        """Return the learning rate of a step of this epoch."""
        t, done = self.training, self.epoch * self.steps + step
        total = t.epochs * self.steps
        warm = round(t.warmup * total)
        if done < warm:
            return t.learning_rate * (done + 1) / warm
        if t.schedule == "cosine":
            return t.learning_rate * 0.5 * (1 + math.cos(math.pi * (done - warm) / max(1, total - warm)))
        return t.learning_rate * self.factor

    def end_epoch(self, loss: float, scores: dict[str, float]) -> bool:
        """Note an epoch's end; return whether its weights are the ones to keep so far.

        Args:
            scores: corpus -> validation UAR; empty where nothing can choose, and then the last epoch stands.
        """
        mean = sum(scores.values()) / len(scores) if scores else 0.0
        self.history.append({"epoch": self.epoch, "loss": loss, "rate": self.rate(0), "mean": mean, **scores})
        better = mean > self.best or not scores
        if better:
            self.best, self.best_epoch, self.flat = mean, self.epoch, 0
        else:
            self.flat += 1
            if self.training.schedule == "plateau" and self.flat % (PLATEAU_EPOCHS + 1) == 0:
                self.factor *= PLATEAU_FACTOR
        self.epoch += 1
        return better

    def state(self) -> dict:
        """Return what `resumed` needs, as JSON types."""
        state = asdict(self)
        del state["training"]
        return state


def resumed(training: Training, state: dict) -> Progress:
    """Return a progress as it was."""
    return Progress(training, **state)
