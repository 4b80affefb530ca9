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
        norm = torch.stack([g.reshape(len(g), -1).square().sum(dim=1) for g in gradients.values()]).sum(dim=0).sqrt()
        clip = (self.clip / (norm + 1e-6)).clamp(max=1.0)
        change = self._sgd if self.kind == "sgd" else self._adam
        for name, value in parameters.items():
            gradient, wide = gradients[name], (-1, *[1] * (value.dim() - 1))
            if self.kind == "adamw":
                value.mul_((1 - rates * self.decay * active).reshape(wide))
                gradient *= clip.reshape(wide)
            else:
                gradient = gradient * clip.reshape(wide) + self.decay.reshape(wide) * value
            change(name, value, gradient, rates * active, active, wide)

    def _sgd(self, name: str, value: Tensor, gradient: Tensor, rates: Tensor, active: Tensor, wide: tuple) -> None:
        first = self.moments["first"][name]
        first.add_((gradient + (MOMENTUM - 1) * first) * active.reshape(wide))
        value.sub_((gradient + MOMENTUM * first) * rates.reshape(wide))

    def _adam(self, name: str, value: Tensor, gradient: Tensor, rates: Tensor, active: Tensor, wide: tuple) -> None:
        """As few passes over the parameters as single operations allow: what is of a run is multiplied beforehand."""
        first, second = (self.moments[part][name] for part in ("first", "second"))
        steps = self.steps.clamp(min=1)
        of_first, of_second = (-torch.expm1(steps * math.log(beta)) for beta in BETAS)  # 1 - beta ** steps, exactly
        unbiased = of_second.sqrt()
        first.lerp_(gradient, ((1 - BETAS[0]) * active).reshape(wide))
        second.mul_((1 - (1 - BETAS[1]) * active).reshape(wide))
        second.addcmul_(gradient.mul_(((1 - BETAS[1]) * active).sqrt().reshape(wide)), gradient)
        sure = second.sqrt().add_((EPSILON * unbiased).reshape(wide))
        value.addcdiv_(first * (rates * unbiased / of_first).reshape(wide), sure, value=-1.0)

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
