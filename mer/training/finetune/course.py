"""The weights of a training of encoders, their average and the best ones, the optimiser, and where the training is."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mer.acceleration.flat_weights import flatten_parameters
from mer.params.systems import Training
from mer.training.networks.averaging import AveragedWeights
from mer.training.networks.network_training import OPTIMISERS, DivergedTraining
from mer.training.networks.progress import EpochProgress, from_state

FIRST_SCALE, SCALE_STEPS = 2.0**14, 1000
"""The first factor of the loss in `fp16`, and the number of training steps after which it is doubled."""


@dataclass(frozen=True)
class Group:
    """Parameters with one learning rate and one weight decay.

    Attributes:
        rate: the learning rate as a share of that of the schedule.
        decay: the weight decay.
    """

    parameters: tuple[nn.Parameter, ...]
    rate: float
    decay: float


class Course(AveragedWeights):
    """The course of one training. Each group of parameters is one vector, so that a step is few operations.

    Args:
        steps: the number of training steps of an epoch.
        is_scaled: whether the loss is multiplied by `scale`.

    Attributes:
        step: the number of training steps that this epoch has made.
        loss: the sum over their rows of the loss.
        scale: the factor of the loss in `fp16`; else 1.
        accumulation: the number of parts of a training step, which grows if there is too little memory.
    """

    def __init__(self, groups: Sequence[Group], training: Training, steps: int, is_scaled: bool = False) -> None:
        self.training, self.progress, self.step, self.loss = training, EpochProgress(training, steps), 0, 0.0
        self.parameters = [parameter for group in groups for parameter in group.parameters]
        self.vectors = [flatten_parameters(list(group.parameters)) for group in groups]
        self._rates = [group.rate for group in groups]
        self._gradients = self._make_gradients(groups)
        kind, fixed = OPTIMISERS[training.optimiser]
        parts = [{"params": [v], "weight_decay": g.decay} for v, g in zip(self.vectors, groups, strict=True)]
        self.optimiser = kind(parts, training.learning_rate, fused=True, **fixed)
        self.best = [vector.detach().clone() for vector in self.vectors]
        self.average = [best.clone() for best in self.best] if training.averaging != "none" else None
        self.accumulation = training.encoders.accumulation
        self.is_scaled, self.scale, self._good_steps = is_scaled, FIRST_SCALE if is_scaled else 1.0, 0

    def _make_gradients(self, groups: Sequence[Group]) -> list[Tensor]:
        """The gradients of all parameters, as parts of those of the vectors."""
        views = []
        for vector, group in zip(self.vectors, groups, strict=True):
            vector.grad = torch.zeros_like(vector)
            sizes = [p.numel() for p in group.parameters]
            views += [g.view_as(p) for g, p in zip(vector.grad.split(sizes), group.parameters, strict=True)]
        return views

    def clear_gradient(self) -> None:
        """Set the gradient to zero."""
        for vector in self.vectors:
            vector.grad.zero_()

    def add_gradient(self, loss: Tensor) -> None:
        """Add the gradient of a part of the step's loss."""
        found = torch.autograd.grad(loss * self.scale, self.parameters, allow_unused=True)
        with torch.no_grad():
            for gradient, own in zip(found, self._gradients, strict=True):
                if gradient is not None:
                    own.add_(gradient)

    def update(self) -> None:
        """Make a training step with the gradient, whose norm over all parameters is at most `training.clip_norm`."""
        with torch.no_grad():
            norm = torch.stack([torch.linalg.vector_norm(vector.grad) for vector in self.vectors]).norm() / self.scale
            factor = (self.training.clip_norm / (norm + 1e-6)).clamp(max=1.0) / self.scale
            for vector in self.vectors:
                vector.grad.mul_(factor)
        number, self.step = self.step, self.step + 1
        if self.is_scaled and not self._adapt_scale(bool(torch.isfinite(norm))):
            return
        for part, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            part["lr"] = self.progress.rate(number) * rate
        self.optimiser.step()
        self.follow_step(number)

    def _adapt_scale(self, is_finite: bool) -> bool:
        """Halve the factor of the loss if the gradient has overflowed, and double it now and then."""
        self._good_steps = self._good_steps + 1 if is_finite else 0
        if not is_finite:
            self.scale /= 2
        elif self._good_steps % SCALE_STEPS == 0:
            self.scale *= 2
        return is_finite

    def copy_weights(self) -> list[Tensor]:
        """Return a copy of the weights."""
        return [vector.detach().clone() for vector in self.vectors]

    def end_epoch(self, rows: int, scores: dict[str, float]) -> None:
        """End an epoch, and keep its weights if they are the best so far.

        Args:
            rows: the number of rows of the epoch.
            scores: corpus -> validation UAR.

        Raises:
            DivergedTraining: the loss is not a number.
        """
        loss = self.loss / rows
        if loss != loss or loss in (float("inf"), float("-inf")):
            raise DivergedTraining(f"the loss is {loss} in epoch {self.progress.epoch}: lower "
                                   "training.encoders.learning_rate or training.learning_rate")  # fmt: skip
        if self.progress.end_epoch(loss, scores):
            for best, vector in zip(self.best, self.vectors if self.average is None else self.average, strict=True):
                best.copy_(vector.detach())
        self.step, self.loss = 0, 0.0

    def set_weights(self, weights: Sequence[Tensor]) -> None:
        """Give the networks these weights."""
        with torch.no_grad():
            for vector, values in zip(self.vectors, weights, strict=True):
                vector.copy_(values)

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Return everything that the next training step depends on: tensors, and JSON types."""
        named = {}
        for number, vector in enumerate(self.vectors):
            named |= {f"now/{number}": vector.detach(), f"best/{number}": self.best[number]}
            named |= {f"average/{number}": self.average[number]} if self.average is not None else {}
            moments = self.optimiser.state_dict()["state"].get(number, {})
            named |= {f"optimiser/{number}/{name}": v for name, v in moments.items() if v is not None}
        numbers = {"step": self.step, "loss": self.loss, "scale": self.scale, "good_steps": self._good_steps,
                   "accumulation": self.accumulation}  # fmt: skip
        return named, {"progress": self.progress.state(), **numbers}

    def restore(self, state: tuple[dict[str, Tensor], dict]) -> None:
        """Continue from what `state` returned."""
        tensors, numbers = state
        count = range(len(self.vectors))
        self.set_weights([tensors[f"now/{n}"] for n in count])
        self.best = [tensors[f"best/{n}"] for n in count]
        self.average = None if self.average is None else [tensors[f"average/{n}"] for n in count]
        moments: dict[int, dict[str, Tensor]] = {}
        for path, value in tensors.items():
            kind, number, *name = path.split("/")
            if kind == "optimiser":
                moments.setdefault(int(number), {})[name[0]] = value
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        self.progress = from_state(self.training, numbers["progress"])
        self.step, self.loss, self.scale = numbers["step"], numbers["loss"], numbers["scale"]
        self._good_steps, self.accumulation = numbers["good_steps"], numbers["accumulation"]

    def _update_average(self, share: float) -> None:
        with torch.no_grad():
            for average, vector in zip(self.average, self.vectors, strict=True):
                average.lerp_(vector, share)
