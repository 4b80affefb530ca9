"""AdamW, Adam and SGD for stacked jobs, each with its own learning rate, decay and clipping; torch's formulas."""

import math

import torch
from torch import Tensor

from mer.params.schema import Training

BETAS, EPSILON, MOMENTUM = (0.9, 0.999), 1e-8, 0.9
"""The constants of Adam and of SGD with Nesterov's momentum, as in torch."""


MOMENTS = {"adamw": ("first", "second"), "adam": ("first", "second"), "sgd": ("first",)}
"""Name of an optimiser -> the moments of the gradient that it stores."""


class StackedOptimiser:
    """The optimiser of all jobs of a stack.

    Args:
        parameters: name -> shape (jobs, …).
        trainings: parameters of each job; all have the optimiser of the first.
    """

    def __init__(self, parameters: dict[str, Tensor], trainings: list[Training]) -> None:
        self.kind = trainings[0].optimiser
        device = next(iter(parameters.values())).device
        self.steps = torch.zeros(len(trainings), device=device)
        self.decay, self.clip, self.ema_share = (
            torch.tensor(values, device=device) for values in
            zip(*((t.weight_decay, t.clip_norm, 1 - t.ema_decay) for t in trainings), strict=True)
        )  # fmt: skip
        self.moments = {part: {n: torch.zeros_like(v) for n, v in parameters.items()} for part in MOMENTS[self.kind]}

    def step(self, parameters: dict[str, Tensor], gradients: dict[str, Tensor], rates: Tensor, active: Tensor) -> None:
        """Update the parameters of the active jobs, in place.

        Args:
            gradients: name -> shape (jobs, …); they are overwritten.
            rates: learning rates, shape (jobs,).
            active: 1 or 0, shape (jobs,); parameters and moments of inactive jobs stay as they are.
        """
        self.steps += active
        scalars = self._scalars(gradients, rates, active)
        change = self._sgd if self.kind == "sgd" else self._adam
        for name, value in parameters.items():
            wide = (-1, *[1] * (value.dim() - 1))
            change(name, value, gradients[name], {of: each.reshape(wide) for of, each in scalars.items()})

    def _scalars(self, gradients: dict[str, Tensor], rates: Tensor, active: Tensor) -> dict[str, Tensor]:
        """Numbers of the jobs, each of shape (jobs,): once per step, not once per parameter."""
        norm = torch.stack([g.reshape(len(g), -1).square().sum(dim=1) for g in gradients.values()]).sum(dim=0).sqrt()
        common = {"clip": (self.clip / (norm + 1e-6)).clamp(max=1.0), "decay": self.decay, "active": active,
                  "rate": rates * active}  # fmt: skip
        if self.kind == "sgd":
            return common
        steps = self.steps.clamp(min=1)
        of_first, of_second = (-torch.expm1(steps * math.log(beta)) for beta in BETAS)  # 1 - beta ** steps, exactly
        unbiased = of_second.sqrt()
        return common | {"kept": 1 - rates * self.decay * active, "first": (1 - BETAS[0]) * active,
                         "second": ((1 - BETAS[1]) * active).sqrt(), "rest": 1 - (1 - BETAS[1]) * active,
                         "floor": EPSILON * unbiased, "pace": rates * active * unbiased / of_first}  # fmt: skip

    def _sgd(self, name: str, value: Tensor, gradient: Tensor, of: dict[str, Tensor]) -> None:
        first = self.moments["first"][name]
        gradient = gradient * of["clip"] + of["decay"] * value
        first.add_((gradient + (MOMENTUM - 1) * first) * of["active"])
        value.sub_((gradient + MOMENTUM * first) * of["rate"])

    def _adam(self, name: str, value: Tensor, gradient: Tensor, of: dict[str, Tensor]) -> None:
        """AdamW or Adam, with as few passes over the parameters as possible."""
        first, second = (self.moments[part][name] for part in ("first", "second"))
        if self.kind == "adamw":
            value.mul_(of["kept"])
            gradient *= of["clip"]
        else:
            gradient = gradient * of["clip"] + of["decay"] * value
        first.lerp_(gradient, of["first"])
        second.mul_(of["rest"]).addcmul_(gradient.mul_(of["second"]), gradient)
        value.addcdiv_(first * of["pace"], second.sqrt().add_(of["floor"]), value=-1.0)

    def keep(self, index: Tensor) -> None:
        """Remove all jobs but these from the stack."""
        self.steps, self.decay, self.clip, self.ema_share = (
            v[index] for v in (self.steps, self.decay, self.clip, self.ema_share)
        )
        self.moments = {part: {n: v[index] for n, v in named.items()} for part, named in self.moments.items()}

    def state(self) -> dict[str, Tensor]:
        """Return step counts and moments by name."""
        named = {f"{part}.{n}": v for part, values in self.moments.items() for n, v in values.items()}
        return {"steps": self.steps, **named}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state` returned for the same jobs."""
        self.steps = state["steps"]
        for part, values in self.moments.items():
            for name in values:
                values[name] = state[f"{part}.{name}"]
