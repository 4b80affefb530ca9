"""AdamW, Adam and SGD for a stack of runs, each with its own learning rate, decay and clipping; torch's formulas."""

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
        self.decay, self.clip, self.ema_decay = (
            torch.tensor([getattr(t, name) for t in trainings], device=device)
            for name in ("weight_decay", "clip_norm", "ema_decay")
        )
        kept = ("first",) if self.kind == "sgd" else ("first", "second")
        self.moments = {part: {n: torch.zeros_like(v) for n, v in parameters.items()} for part in kept}

    def step(self, parameters: dict[str, Tensor], gradients: dict[str, Tensor], rates: Tensor, active: Tensor) -> None:
        """Change the parameters of the active runs, in place.

        Args:
            rates: learning rates, shape (runs,).
            active: 1 or 0, shape (runs,); the others stay as they are, moments included.
        """
        self.steps += active
        norm = torch.stack([g.reshape(len(g), -1).square().sum(dim=1) for g in gradients.values()]).sum(dim=0).sqrt()
        clip = (self.clip / (norm + 1e-6)).clamp(max=1.0)
        for name, value in parameters.items():
            wide = (-1, *[1] * (value.dim() - 1))
            gradient, rate, on = gradients[name] * clip.reshape(wide), rates.reshape(wide), active.reshape(wide)
            decay = self.decay.reshape(wide)
            if self.kind == "adamw":
                value.mul_(1 - rate * decay * on)
            else:
                gradient = gradient + decay * value
            value.sub_(self._change(name, gradient, on, wide) * rate * on)

    def _change(self, name: str, gradient: Tensor, on: Tensor, wide: tuple) -> Tensor:
        first = self.moments["first"][name]
        if self.kind == "sgd":
            first.add_((gradient + (MOMENTUM - 1) * first) * on)
            return gradient + MOMENTUM * first
        second, steps = self.moments["second"][name], self.steps.clamp(min=1).reshape(wide)
        first.lerp_(gradient, (1 - BETAS[0]) * on)
        second.lerp_(gradient.square(), (1 - BETAS[1]) * on)
        sure = (second / (1 - BETAS[1] ** steps)).sqrt_().add_(EPSILON)
        return first / (1 - BETAS[0] ** steps) / sure

    def keep(self, index: Tensor) -> None:
        """Keep some runs only."""
        self.steps, self.decay, self.clip, self.ema_decay = (
            v[index] for v in (self.steps, self.decay, self.clip, self.ema_decay)
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
