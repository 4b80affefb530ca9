"""AdamW, Adam and SGD for a stack of runs, each with its own learning rate, decay and clipping; torch's formulas."""

import math

import torch
from torch import Tensor

from mer.params.schema import Training

BETAS, EPSILON, MOMENTUM = (0.9, 0.999), 1e-8, 0.9


class StackedOptimiser:
    """Moments of every run.

    Args:
        parameters: name -> shape (runs, …).
        trainings: of each run; the optimiser is that of the first.
    """

    def __init__(self, parameters: dict[str, Tensor], trainings: list[Training]) -> None:
        self.kind = trainings[0].optimiser
        device = next(iter(parameters.values())).device
        self.steps = torch.zeros(len(trainings), device=device)
        self.decay, self.clip, self.ema_share = (
            torch.tensor(values, device=device) for values in
            zip(*((t.weight_decay, t.clip_norm, 1 - t.ema_decay) for t in trainings), strict=True)
        )  # fmt: skip
        kept = ("first",) if self.kind == "sgd" else ("first", "second")
        self.moments = {part: {n: torch.zeros_like(v) for n, v in parameters.items()} for part in kept}

    def step(self, parameters: dict[str, Tensor], gradients: dict[str, Tensor], rates: Tensor, active: Tensor) -> None:
        """Change the parameters of the active runs, in place.

        Args:
            rates: learning rates, shape (runs,).
            gradients: are used up.
            active: 1 or 0, shape (runs,); the others stay as they are, moments included.
        """
        self.steps += active
        scalars = self._scalars(gradients, rates, active)
        change = self._sgd if self.kind == "sgd" else self._adam
        for name, value in parameters.items():
            wide = (-1, *[1] * (value.dim() - 1))
            change(name, value, gradients[name], {of: each.reshape(wide) for of, each in scalars.items()})

    def _scalars(self, gradients: dict[str, Tensor], rates: Tensor, active: Tensor) -> dict[str, Tensor]:
        """Numbers of the runs, each of shape (runs,): once a step, not once a parameter."""
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
        """As few passes over the parameters as single operations allow."""
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
        """Keep some runs only."""
        self.steps, self.decay, self.clip, self.ema_share = (
            v[index] for v in (self.steps, self.decay, self.clip, self.ema_share)
        )
        self.moments = {part: {n: v[index] for n, v in named.items()} for part, named in self.moments.items()}

    def state(self) -> dict[str, Tensor]:
        """Return the moments by name."""
        named = {f"{part}.{n}": v for part, values in self.moments.items() for n, v in values.items()}
        return {"steps": self.steps, **named}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take up what `state` returned; the runs are those that were kept."""
        self.steps = state["steps"]
        for part, values in self.moments.items():
            for name in values:
                values[name] = state[f"{part}.{name}"]
