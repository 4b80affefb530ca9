"""The prediction of a trained model as one torch module: scaling, model, temperature, and the combination of members.

Every step is that of the NumPy code, in the same precision: `Normaliser.apply` without groups, `Standardiser.apply`,
the `predict` of each kind of model, and `mer.training.ensemble.pooled`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mer.training.baselines.classifier import TrainedLinear
from mer.training.baselines.kernel_machine import TrainedKernelMachine
from mer.training.baselines.kernel_ridge import TrainedKernelRidge
from mer.training.calibration import SOFTMAX_SHARE
from mer.training.checkpoints.ensemble import TrainedEnsemble
from mer.training.checkpoints.folder import Checkpoint
from mer.training.model import TrainedModel
from mer.training.networks.trained import TrainedNetwork


class NotExportable(ValueError):
    """The predictions of a model cannot be written as ONNX."""


class Scaling(nn.Module):
    """The vectors of an input as the model reads them; shapes (n, width), (n,) -> (n, width), 0 if it is missing.

    A normalisation by corpus or speaker uses the statistics of the training rows, as `mer.predict` without `--adapt`.
    """

    def __init__(self, model: TrainedModel, name: str) -> None:
        super().__init__()
        normaliser = model.normaliser
        own = normaliser.fitted if name in normaliser.inputs else ()
        self.stages = nn.ModuleList(_Moments(stage.get(name, {})) for stage in own)
        mean, scale = model.standardiser.moments[name]
        self.register_buffer("mean", torch.as_tensor(np.asarray(mean, np.float64)))
        self.register_buffer("scale", torch.as_tensor(np.asarray(scale, np.float64)))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        scaled = (x.double() - self.mean) / self.scale
        return torch.where(present[:, None], scaled, 0.0).float()


class _Moments(nn.Module):
    """One stage of the normalisation, by mean and deviation of the training rows; a constant becomes 0."""

    def __init__(self, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        if "mean" not in fitted:
            raise NotExportable("its normalisation by ranks has no form in ONNX")
        deviation = np.asarray(fitted["deviation"], np.float64)
        self.register_buffer("mean", torch.as_tensor(np.asarray(fitted["mean"], np.float64)))
        self.register_buffer("deviation", torch.as_tensor(np.where(deviation == 0, np.inf, deviation)))

    def forward(self, x: Tensor) -> Tensor:
        return ((x.double() - self.mean) / self.deviation).float()


class _Linear(nn.Module):
    """The decision values of a linear classifier; a class that was not trained has -inf."""

    def __init__(self, model: TrainedLinear) -> None:
        super().__init__()
        self.register_buffer("weights", torch.as_tensor(model.weights.T.astype(np.float64)))
        self.register_buffer("bias", torch.as_tensor(model.bias.astype(np.float64)))

    def forward(self, values: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        return torch.cat(list(values.values()), dim=1).double() @ self.weights + self.bias


class _Kernel(nn.Module):
    """Sums of exp(-γ |x - s|²) over the vectors s of a model, shape (n, sums)."""

    def __init__(self, model: TrainedKernelMachine | TrainedKernelRidge) -> None:
        super().__init__()
        vectors = model.vectors.astype(np.float64)
        arrays = {"vectors": vectors.T, "squares": (vectors**2).sum(axis=1), "duals": model.duals.T, "bias": model.bias}
        for name, values in arrays.items():
            self.register_buffer(name, torch.as_tensor(np.ascontiguousarray(values, np.float64)))
        self.gamma = float(model.gamma)

    def forward(self, values: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        x = torch.cat(list(values.values()), dim=1).double()
        distances = (x * x).sum(dim=1, keepdim=True) + self.squares - 2 * x @ self.vectors
        return torch.exp(-self.gamma * torch.clamp(distances, min=0.0)) @ self.duals + self.bias


class _KernelMachine(nn.Module):
    """The values of `TrainedKernelMachine.logits`."""

    def __init__(self, model: TrainedKernelMachine) -> None:
        super().__init__()
        first, second = np.eye(model.classes)[model.pairs.T]
        untrained = np.zeros(model.classes)
        untrained[np.setdiff1d(np.arange(model.classes), model.pairs)] = -np.inf
        self.kernel = _Kernel(model)
        for name, values in {"first": first, "second": second, "untrained": untrained}.items():
            self.register_buffer(name, torch.as_tensor(np.ascontiguousarray(values, np.float64)))

    def forward(self, values: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        decisions = self.kernel(values, present)  # (n, pairs)
        wins = (decisions >= 0).double()
        sums = decisions @ (self.first - self.second)
        votes = wins @ self.first + (1 - wins) @ self.second
        return votes + sums / (3 * (sums.abs() + 1)) + self.untrained


class _Network(nn.Module):
    """The logits of a fusion network; a class that was not trained has -inf."""

    def __init__(self, model: TrainedNetwork) -> None:
        super().__init__()
        self.network = model.network
        untrained = np.where(model.trained_classes, 0.0, -np.inf)
        self.register_buffer("untrained", torch.as_tensor(untrained))

    def forward(self, values: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        return self.network(values, present).double() + self.untrained


class _Single(nn.Module):
    """The class probabilities of a model that is no ensemble, float64 of shape (n, classes)."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        head = getattr(model, "head", model)  # a network with trained encoders reads their vectors
        kinds = {TrainedLinear: _Linear, TrainedKernelRidge: _Kernel, TrainedKernelMachine: _KernelMachine,
                 TrainedNetwork: _Network}  # fmt: skip
        self.names = tuple(head.standardiser.moments)
        self.scaling = nn.ModuleList(Scaling(head, name) for name in self.names)
        self.head = kinds[type(head)](head)
        self.temperature, self.multi_label = float(model.temperature), getattr(head, "multi_label", False)

    def forward(self, values: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        own = {name: scale(values[name], present[name]) for name, scale in zip(self.names, self.scaling, strict=True)}
        logits = self.head(own, {name: present[name] for name in self.names}) / self.temperature
        if not self.multi_label:
            return torch.softmax(logits, dim=1)
        each = torch.sigmoid(logits) + SOFTMAX_SHARE * torch.softmax(logits, dim=1)
        return each / each.sum(dim=1, keepdim=True)


class _Ensemble(nn.Module):
    """The combined probabilities of an ensemble's members, each row over those that can predict it."""

    def __init__(self, model: TrainedEnsemble) -> None:
        super().__init__()
        self.members = nn.ModuleList(_Single(member.model) for member in model.members)
        self.needs_all = [member.checkpoint.card.needs_all_inputs for member in model.members]
        self.replaces_unknown = model.members_per == "family"
        weights = torch.as_tensor(np.array([member.weight for member in model.members]))
        self.register_buffer("weights", weights)

    def forward(self, values: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        masks = torch.stack([self._predicts(number, present) for number in range(len(self.members))], dim=1).double()
        weighted = masks * self.weights
        total = weighted.sum(dim=1, keepdim=True)
        share = torch.where(
            total > 0, weighted / torch.where(total > 0, total, 1.0), masks / masks.sum(1, keepdim=True)
        )
        parts = [member(values, present) for member in self.members]
        parts = [_with_unknown_classes(part) for part in parts] if self.replaces_unknown else parts
        logs, mean = torch.zeros_like(parts[0]), torch.zeros_like(parts[0])
        for number, part in enumerate(parts):
            weight = share[:, number : number + 1]
            logs = logs + torch.where(weight > 0, weight * torch.log(part), 0.0)
            mean = mean + torch.where(weight > 0, weight * part, 0.0)
        empty = torch.isinf(logs).all(dim=1, keepdim=True)
        return torch.where(empty, mean, torch.softmax(torch.where(empty, 0.0, logs), dim=1))

    def _predicts(self, number: int, present: dict[str, Tensor]) -> Tensor:
        """Which rows a member can predict, bool of shape (n,)."""
        own = torch.stack([present[name] for name in self.members[number].names], dim=1)
        return own.all(dim=1) if self.needs_all[number] else own.any(dim=1)


def _with_unknown_classes(probabilities: Tensor) -> Tensor:
    """As `mer.training.ensemble.with_unknown_classes`."""
    unknown, classes = probabilities == 0, probabilities.shape[1]
    share = unknown.double().sum(dim=1, keepdim=True) / classes
    return torch.where(unknown, 1 / classes, probabilities * (1 - share))


class Graph(nn.Module):
    """A model from feature vectors to class probabilities.

    Attributes:
        names: the inputs, in the order of `forward`.
    """

    def __init__(self, model: TrainedModel | TrainedEnsemble, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.names = tuple(checkpoint.card.inputs)
        self.model = _Ensemble(model) if isinstance(model, TrainedEnsemble) else _Single(model)

    def forward(self, vectors: Sequence[Tensor], present: Sequence[Tensor]) -> Tensor:
        """Return class probabilities, float32 of shape (n, classes).

        Args:
            vectors: of each input, float32 of shape (n, width).
            present: of each input, whether a row has it, bool of shape (n,).
        """
        values = dict(zip(self.names, vectors, strict=True))
        return self.model(values, dict(zip(self.names, present, strict=True))).float()
