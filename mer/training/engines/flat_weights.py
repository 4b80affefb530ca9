"""What changes while a network trains: its weights, their average and best, and the optimiser, as single vectors.

A step does a dozen things to all parameters. Done to a vector that holds them all they are a dozen operations, and
done to each of twenty parameters they would take longer than some networks' arithmetic.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from mer.params.schema import Training
from mer.training.networks.progress import Progress, resumed

RECENT = 3
"""how much more the mean over epochs counts late ones (Shamir and Zhang 2013, polynomial-decay averaging)"""


class Diverged(ArithmeticError):
    """The loss is not a number any more."""


def flattened(parameters: list[nn.Parameter]) -> nn.Parameter:
    """Return a vector of all parameters, which are parts of it from now on."""
    vector = torch.cat([p.detach().reshape(-1) for p in parameters])
    for parameter, part in zip(parameters, vector.split([p.numel() for p in parameters]), strict=True):
        parameter.data = part.view_as(parameter)
    return nn.Parameter(vector)


def learning(network: nn.Module, inputs: dict[str, Tensor], present: dict[str, Tensor] | None) -> list[str]:
    """Return the names of the parameters that such answers depend on: a branch that no row takes stays as it is.

    Args:
        inputs, present: any rows, as training shows them.
    """
    named, mode = dict(network.named_parameters()), network.training
    logits = network.eval()(inputs, present)
    network.train(mode)
    gradients = torch.autograd.grad(logits.sum(), list(named.values()), allow_unused=True)
    return [name for name, gradient in zip(named, gradients, strict=True) if gradient is not None]


def optimiser(vector: nn.Parameter, training: Training) -> torch.optim.Optimizer:
    """Return the optimiser that the parameters name."""
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    more = {"momentum": 0.9, "nesterov": True} if training.optimiser == "sgd" else {}
    return kinds[training.optimiser](
        [vector], training.learning_rate, weight_decay=training.weight_decay, fused=True, **more
    )


class Course:
    """A network in training.

    Args:
        names: of the parameters that learn.
        steps: of an epoch.
    """

    def __init__(self, network: nn.Module, training: Training, names: list[str], steps: int) -> None:
        named = dict(network.named_parameters())
        self.learning = [named[name] for name in names]
        self.training, self.progress = training, Progress(training, steps)
        self.vector = flattened(self.learning)
        self.vector.grad = torch.zeros_like(self.vector)
        self.optimiser = optimiser(self.vector, training)
        self.best = self.vector.detach().clone()
        self.average = self.best.clone() if training.averaging != "none" else None

    def step(self, loss: Tensor, number: int) -> None:
        """Change the weights, and draw the exponential average towards them, which follows faster at first.

        Args:
            number: of the step in this epoch.
        """
        gradients = torch.autograd.grad(loss, self.learning)
        with torch.no_grad():
            torch.cat([gradient.reshape(-1) for gradient in gradients], out=self.vector.grad)
            norm = torch.linalg.vector_norm(self.vector.grad)
            self.vector.grad.mul_((self.training.clip_norm / (norm + 1e-6)).clamp_(max=1.0))
        self.optimiser.param_groups[0]["lr"] = self.progress.rate(number)
        self.optimiser.step()
        if self.training.averaging == "ema":
            done = self.progress.epoch * self.progress.steps + number + 1
            self._draw(1 - min(self.training.ema_decay, (1 + done) / (10 + done)))

    @contextmanager
    def judged(self) -> Iterator[None]:
        """End an epoch's steps: the network has the weights that are validated, for the time being."""
        if self.training.averaging == "epochs":
            self._draw((RECENT + 1) / (self.progress.epoch + 1 + RECENT))
        if self.average is None:
            yield
            return
        now = self.vector.detach().clone()
        self.take(self.average)
        yield
        self.take(now)

    def note(self, loss: float, scores: dict[str, float]) -> None:
        """End an epoch; keep its weights where they are the best."""
        if not np.isfinite(loss):
            raise Diverged(f"the loss is {loss} in epoch {self.progress.epoch}: lower training.learning_rate")
        if self.progress.end_epoch(loss, scores):
            self.best.copy_((self.vector if self.average is None else self.average).detach())

    def take(self, weights: Tensor) -> None:
        """Give the network these weights."""
        with torch.no_grad():
            self.vector.copy_(weights)

    def told(self) -> tuple[dict[str, Tensor], dict]:
        """Return everything that goes on into the next epoch: tensors, and JSON types."""
        named = {"now": self.vector.detach(), "best": self.best}
        named |= {"average": self.average} if self.average is not None else {}
        state = self.optimiser.state_dict()["state"].get(0, {})
        named |= {f"optimiser/{name}": value for name, value in state.items() if value is not None}
        return named, self.progress.state()

    def go_on(self, saved: tuple[dict[str, Tensor], dict] | None) -> None:
        """Take up what was saved."""
        if saved is None:
            return
        tensors, progress = saved
        self.take(tensors["now"])
        self.best = tensors["best"]
        self.average = tensors.get("average")
        state = {name.removeprefix("optimiser/"): v for name, v in tensors.items() if name.startswith("optimiser/")}
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": {0: state}})
        self.progress = resumed(self.training, progress)

    def _draw(self, share: float) -> None:
        with torch.no_grad():
            self.average.lerp_(self.vector, share)
