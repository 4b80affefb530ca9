"""Training rows on the device, and the batches of an epoch with everything that is random in it."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mer.models import random_numbers
from mer.models.inputs import MODALITIES
from mer.params.schema import Training
from mer.training.job import Job
from mer.training.networks import losses, sampling
from mer.training.networks.trained import TrainedNetwork, tensors
from mer.training.scaling import standardise
from mer.training.task import Task

DROPOUT_STREAM, MODALITY_STREAM = 0, 1
"""The numbers of an epoch's random streams: one for dropout, one for modality dropout."""
MAX_DRAWN = 2**17
"""The number of random numbers that are drawn at once, for several steps of a small network. More would not fit into a
fast cache."""


@dataclass
class TrainingData:
    """Training rows.

    Attributes:
        inputs: input -> shape (n, width).
        present: shape (n, inputs); None if no input is missing nor will be dropped, which saves all masks.
        dropped_together: as from `dropout_groups`.
        targets: as from `losses.weighted_targets`.
        shift: added to the logits, as from `losses.balance`.
        multi_label: whether classes occur together.
    """

    inputs: dict[str, Tensor]
    present: Tensor | None
    dropped_together: list[int]
    targets: tuple[Tensor, Tensor, Tensor]
    shift: Tensor
    multi_label: bool

    def sample(self) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Return the first row as a network takes it."""
        present = None if self.present is None else self.present[:1]
        return {name: x[:1] for name, x in self.inputs.items()}, by_input(self.inputs, present)

    def loss(self, network: nn.Module, batch: Tensor, visible: Tensor | None, targets: tuple) -> Tensor:
        """Return the loss of a network on some rows.

        Args:
            batch: row numbers, shape (k,).
            visible: which of their inputs the network gets, shape (k, inputs); None: all.
            targets: those of these rows.
        """
        inputs = {name: x.index_select(0, batch) for name, x in self.inputs.items()}
        logits = network(inputs, by_input(inputs, visible))
        return losses.loss(logits + self.shift, *targets, self.multi_label)

    def epoch(self, order: Tensor, training: Training, seed: int, epoch: int) -> Iterator[tuple]:
        """Yield the arguments of `loss` after the network, batch by batch."""
        visible = None if self.present is None else self.present[order]
        if rate := modality_dropout_rate(training):
            key = torch.from_numpy(random_numbers.keys(seed, epoch, MODALITY_STREAM, count=1)).to(order.device)
            visible = drop_modalities(visible, key[0], rate, self.dropped_together)
        size = training.batch_size
        targets = [values[order].split(size) for values in self.targets]
        masks = [None] * len(targets[0]) if visible is None else visible.split(size)
        yield from zip(order.split(size), masks, zip(*targets, strict=True), strict=True)


def prepared(model: TrainedNetwork, task: Task, rows: np.ndarray, training: Training) -> TrainingData:
    """Return standardised training rows.

    Raises:
        ValueError: the network cannot take one of them.
    """
    device = model.device
    inputs, present = tensors(task.features, rows, model.standardiser, device)
    model.network.check(inputs, present)
    shares = sampling.balanced_shares(task.labels[rows], task.corpora[rows], task.classes, training)
    weights, shift = (torch.as_tensor(v, device=device) for v in losses.balance(shares, training.balance))
    matrix = torch.as_tensor(task.target_matrix(rows, training.targets), device=device)
    targets = losses.weighted_targets(matrix, weights, training.label_smoothing, model.multi_label)
    needs_masks = modality_dropout_rate(training) > 0 or any_missing(task.features.present, inputs, rows)
    mask = torch.stack(list(present.values()), dim=1) if needs_masks else None
    groups = dropout_groups([task.features.modalities[name] for name in inputs], training)
    return TrainingData(inputs, mask, groups, targets, shift, model.multi_label)


class StackedTrainingData:
    """Every row once on the device, and what differs between the active jobs: scaling and class weights."""

    def __init__(self, task: Task, jobs: list[Job], device: str) -> None:
        def tensor(values: list[np.ndarray] | np.ndarray, kind: type = np.float32) -> Tensor:
            return torch.as_tensor(np.array(values, kind), device=device)  # a copy: mapped arrays cannot be written

        training, inputs = jobs[0].training, jobs[0].spec.inputs
        self.multi_label, self.smoothing = training.targets == "multi_label", training.label_smoothing
        self.values = {name: tensor(task.features.arrays[name]) for name in inputs}
        self.present = tensor(np.stack([task.features.present[name] for name in inputs], axis=1), bool)
        self.dropped_together = dropout_groups([task.features.modalities[name] for name in inputs], training)
        self.any_missing = any(any_missing(task.features.present, inputs, job.train) for job in jobs)
        self.any_dropped = modality_dropout_rate(training) > 0
        scalers = _scalers(task, jobs)
        self.moments = {name: [tensor([s.moments[name][part] for s in scalers]) for part in (0, 1)] for name in inputs}
        self.targets = tensor(task.target_matrix(np.arange(len(task.labels)), training.targets))
        rows = [(task.labels[j.train], task.corpora[j.train], j.training) for j in jobs]
        shares = [sampling.balanced_shares(y, c, task.classes, t) for y, c, t in rows]
        balances = [losses.balance(s, t.balance) for s, (_, _, t) in zip(shares, rows, strict=True)]
        self.weights, self.shift = tensor([w for w, _ in balances]), tensor([s for _, s in balances])
        self.trained_classes = tensor([task.classes_in(j.train) for j in jobs], bool)

    def sample(self) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Return the first row as a network takes it."""
        present = self.present[:1] if self.any_missing or self.any_dropped else None
        return {name: x[:1] for name, x in self.values.items()}, by_input(self.values, present)

    def inputs(self, rows: Tensor) -> dict[str, Tensor]:
        """Return input -> standardised vectors of shape (jobs, n, width); missing ones hold any values."""
        moments = {name: (mean[:, None], scale[:, None]) for name, (mean, scale) in self.moments.items()}
        return {name: (x[rows] - moments[name][0]) / moments[name][1] for name, x in self.values.items()}

    def present_in(self, rows: Tensor) -> dict[str, Tensor]:
        """Return input -> whether it is present; bool of the shape of `rows`."""
        return by_input(self.values, self.present[rows])

    def weighted_targets(self, rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return `losses.weighted_targets` of rows of shape (jobs, n).

        Args:
            counts: 1 for a row of the batch and 0 for padding, shape (jobs, n).
        """
        weights = self.weights[:, None] * counts[..., None]
        return losses.weighted_targets(self.targets[rows], weights, self.smoothing, self.multi_label)

    def of(self, index: Tensor) -> "StackedTrainingData":
        """Return the same for some of the jobs."""
        some = copy.copy(self)
        some.moments = {name: [part[index] for part in parts] for name, parts in self.moments.items()}
        some.weights, some.shift = self.weights[index], self.shift[index]
        some.trained_classes = self.trained_classes[index]
        return some


def _scalers(task: Task, jobs: list[Job]) -> list[standardise.Standardiser]:
    """The standardiser of every job's training rows, which many jobs share."""
    shared = {job.train.tobytes(): job.train for job in jobs}
    fitted = {key: standardise.fit(task.features, rows, jobs[0].spec.inputs) for key, rows in shared.items()}
    return [fitted[job.train.tobytes()] for job in jobs]


class DropoutMasks:
    """The masks of all dropout layers of a network, drawn together: many small operations would take longer.

    Args:
        network: each layer drops its own share, rounded to a multiple of 1/256.
        rows: number of rows of a batch.

    Attributes:
        layers: name -> layer, without layers whose share is 0.

    Raises:
        ValueError: a layer draws from torch's generator, which would differ between engines and after an interruption.
    """

    def __init__(self, network: nn.Module, rows: int) -> None:
        _refuse_torch_dropout(network)
        every = {n: m for n, m in network.named_modules() if isinstance(m, random_numbers.Dropout)}
        self.layers = {n: m for n, m in every.items() if m.p > 0}
        self._rows, self._sizes = rows, [rows * layer.width for layer in self.layers.values()]
        rates = [layer.p for layer in self.layers.values()]
        self._rate: float | Tensor = rates[0] if len(set(rates)) == 1 else self._layer_masks(rates)

    def _layer_masks(self, rates: list[float]) -> Tensor:
        """The share that each drawn number is compared with."""
        return torch.repeat_interleave(torch.tensor(rates, dtype=torch.float64), torch.tensor(self._sizes, dtype=int))

    def draw(self, keys: Tensor) -> list[Tensor]:
        """Return a mask of every layer for every key; float32 of shapes (..., rows, width)."""
        if not self.layers:
            return []
        if isinstance(self._rate, Tensor):  # once: a CUDA graph cannot copy from the host
            self._rate = self._rate.to(keys.device, torch.float32)
        values = random_numbers.multipliers(keys, sum(self._sizes), self._rate)
        return [part.unflatten(-1, (self._rows, -1)) for part in values.split(self._sizes, dim=-1)]

    def steps(self, keys: Tensor) -> Iterator[list[Tensor]]:
        """Yield the masks of one step after the other, drawn for several steps at once."""
        for some in keys.split(max(1, MAX_DRAWN // max(1, sum(self._sizes)))):
            drawn = self.draw(some)
            yield from ([part[number] for part in drawn] for number in range(len(some)))

    def install(self, masks: list[Tensor], rows: int) -> None:
        """Give the layers their masks for a batch of `rows` rows."""
        for layer, mask in zip(self.layers.values(), masks, strict=True):
            layer.mask = mask[:rows]

    def clear(self) -> None:
        """Remove the masks from the layers."""
        for layer in self.layers.values():
            layer.mask = None


def _refuse_torch_dropout(network: nn.Module) -> None:
    """Recurrent layers and torch's attention have dropout of their own, with the share `dropout`."""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            own = layer.p
        else:
            own = getattr(layer, "dropout", 0.0) if type(layer).__module__.startswith("torch.") else 0.0
        if isinstance(own, int | float) and own > 0:
            raise ValueError(
                f"{name} of the network is torch's {type(layer).__name__}: take mer.models.random_numbers.Dropout"
            )


def by_input(names: Iterable[str], visible: Tensor | None) -> dict[str, Tensor] | None:
    """Return bool of shape (..., n, inputs) as networks take it: input -> (..., n); None: all are present."""
    return None if visible is None else dict(zip(names, visible.unbind(dim=-1), strict=True))


def any_missing(present: dict[str, np.ndarray], inputs: Iterable[str], rows: np.ndarray) -> bool:
    """Return whether an input is missing in one of the rows."""
    return not all(present[name][rows].all() for name in inputs)


def modality_dropout_rate(training: Training) -> float:
    """Return the probability with which a modality is dropped in training."""
    return training.modality_dropout if training.missing != "none" else 0.0


def dropout_groups(modalities: list[str], training: Training) -> list[int]:
    """Return the number of each input's group, whose inputs are dropped together.

    Args:
        modalities: modality of each input.

    >>> dropout_groups(["audio", "audio", "text"], Training())
    [0, 0, 1]
    >>> dropout_groups(["audio", "audio", "text"], Training(modality_dropout_level="input"))
    [0, 1, 2]
    """
    if training.modality_dropout_level == "input":
        return list(range(len(modalities)))
    order = [modality for modality in MODALITIES if modality in modalities]
    return [order.index(modality) for modality in modalities]


def drop_modalities(visible: Tensor, keys: Tensor, rate: float, groups: list[int]) -> Tensor:
    """Drop groups of inputs at random, but never all inputs of an utterance; bool of the same shape.

    Args:
        visible: bool of shape (..., n, inputs).
        keys: int32 of shape (...).
        rate: probability with which a group is dropped.
        groups: as from `dropout_groups`.
    """
    n, count = visible.shape[-2], max(groups) + 1
    drawn = random_numbers.keep(keys, n * count, rate).unflatten(-1, (n, count))
    kept = visible & (drawn if groups == list(range(count)) else drawn[..., groups])
    return torch.where(kept.any(dim=-1, keepdim=True), kept, visible)
