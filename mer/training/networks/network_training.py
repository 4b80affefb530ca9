"""A network in training: its weights, their average, the best ones so far, and the optimiser."""

import numpy as np
import torch
from torch import Tensor, nn

from mer.acceleration.flat_weights import flatten_parameters, set_clipped_gradient
from mer.params.schema import Training
from mer.training.networks.averaging import AveragedWeights
from mer.training.networks.progress import EpochProgress, from_state

OPTIMISERS = {
    "adamw": (torch.optim.AdamW, {}),
    "adam": (torch.optim.Adam, {}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
}
"""Name of an optimiser -> its class and the parameters that a study does not set."""


class DivergedTraining(ArithmeticError):
    """The loss is not a number any more."""


def trainable_names(network: nn.Module, inputs: dict[str, Tensor], present: dict[str, Tensor] | None) -> list[str]:
    """Return the names of the parameters on which logits of such rows depend; a branch that no row takes is left out.

    Args:
        inputs, present: any rows with the inputs that training uses.
    """
    named, mode = dict(network.named_parameters()), network.training
    logits = network.eval()(inputs, present)
    network.train(mode)
    gradients = torch.autograd.grad(logits.sum(), list(named.values()), allow_unused=True)
    return [name for name, gradient in zip(named, gradients, strict=True) if gradient is not None]


def optimiser(vector: nn.Parameter, training: Training) -> torch.optim.Optimizer:
    """Return the optimiser `training.optimiser` for a vector of parameters."""
    kind, fixed = OPTIMISERS[training.optimiser]
    return kind([vector], training.learning_rate, weight_decay=training.weight_decay, fused=True, **fixed)


class NetworkTraining(AveragedWeights):
    """The training of one network.

    Args:
        names: names of the parameters that are trained.
        steps: number of steps of an epoch.
        stop_after: number of epochs after which the training ends; None if validation scores decide.
    """

    def __init__(
        self, network: nn.Module, training: Training, names: list[str], steps: int, stop_after: int | None = None
    ) -> None:
        named = dict(network.named_parameters())
        self.trained = [named[name] for name in names]
        self.training, self.progress = training, EpochProgress(training, steps, stop_after=stop_after)
        self.vector = flatten_parameters(self.trained)
        self.vector.grad = torch.zeros_like(self.vector)
        self.optimiser = optimiser(self.vector, training)
        self.best = self.vector.detach().clone()
        self.average = self.best.clone() if training.averaging != "none" else None

    def step(self, loss: Tensor, number: int) -> None:
        """Update the weights and their exponential average.

        Args:
            number: number of the step in this epoch, from 0.
        """
        gradients = torch.autograd.grad(loss, self.trained)
        set_clipped_gradient(self.vector, gradients, self.training.clip_norm)
        self.optimiser.param_groups[0]["lr"] = self.progress.rate(number)
        self.optimiser.step()
        self.follow_step(number)

    def copy_weights(self) -> Tensor:
        """Return a copy of the weights."""
        return self.vector.detach().clone()

    def end_epoch(self, loss: float, scores: dict[str, float]) -> None:
        """End an epoch, and store its weights if they are the best so far.

        Args:
            loss: mean loss of the epoch.
            scores: corpus -> validation UAR.

        Raises:
            DivergedTraining: the loss is not a number.
        """
        if not np.isfinite(loss):
            raise DivergedTraining(f"the loss is {loss} in epoch {self.progress.epoch}: lower training.learning_rate")
        if self.progress.end_epoch(loss, scores):
            self.best.copy_((self.vector if self.average is None else self.average).detach())

    def set_weights(self, weights: Tensor) -> None:
        """Give the network these weights."""
        with torch.no_grad():
            self.vector.copy_(weights)

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Return everything that the next epoch depends on: tensors, and JSON types."""
        named = {"now": self.vector.detach(), "best": self.best}
        named |= {"average": self.average} if self.average is not None else {}
        state = self.optimiser.state_dict()["state"].get(0, {})
        named |= {f"optimiser/{name}": value for name, value in state.items() if value is not None}
        return named, self.progress.state()

    def restore(self, state: tuple[dict[str, Tensor], dict] | None) -> None:
        """Continue from what `state` returned; None changes nothing."""
        if state is None:
            return
        tensors, progress = state
        self.set_weights(tensors["now"])
        self.best = tensors["best"]
        self.average = tensors.get("average")
        moments = {name.removeprefix("optimiser/"): v for name, v in tensors.items() if name.startswith("optimiser/")}
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": {0: moments}})
        self.progress = from_state(self.training, progress)

    def _update_average(self, share: float) -> None:
        with torch.no_grad():
            self.average.lerp_(self.vector, share)
