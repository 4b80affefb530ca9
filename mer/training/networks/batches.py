"""Training rows on the device, and an epoch's batches of them with everything that is random in an epoch."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mer.models import random_numbers
from mer.params.schema import Training
from mer.training.job import Job
from mer.training.networks import losses, sampling
from mer.training.networks.trained import Fitted, tensors
from mer.training.scaling import standardise
from mer.training.task import Task

MASKS, HIDING = 0, 1
"""streams of random numbers of an epoch: what dropout zeroes, and which modalities are hidden"""
DRAWN = 2**17
"""random numbers at once, for several steps of a small network; no more, so that they stay in a fast cache"""


@dataclass
class Rows:
    """Training rows.

    Attributes:
        inputs: modality -> shape (n, width).
        present: shape (n, modalities); None where nothing is missing nor will be hidden, which spares every mask.
        goal: as from `losses.goal`.
        shift: what `losses.balance` adds to the logits.
        multi_label: whether classes occur together.
    """

    inputs: dict[str, Tensor]
    present: Tensor | None
    goal: tuple[Tensor, Tensor, Tensor]
    shift: Tensor
    multi_label: bool

    def sample(self) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Return the first row as a network is given it."""
        present = None if self.present is None else self.present[:1]
        return {m: x[:1] for m, x in self.inputs.items()}, by_modality(self.inputs, present)

    def loss(self, network: nn.Module, batch: Tensor, shown: Tensor | None, goal: tuple) -> Tensor:
        """Return the loss of a network on some rows.

        Args:
            batch: which rows, shape (k,).
            shown: which of their modalities it is shown, shape (k, modalities); None: all.
            goal: that of these rows.
        """
        inputs = {m: x.index_select(0, batch) for m, x in self.inputs.items()}
        return losses.loss(network(inputs, by_modality(inputs, shown)) + self.shift, *goal, self.multi_label)

    def epoch(self, order: Tensor, training: Training, seed: int, epoch: int) -> Iterator[tuple]:
        """Yield what `loss` takes after the network, batch by batch."""
        shown = None if self.present is None else self.present[order]
        if hides(training):
            key = torch.from_numpy(random_numbers.keys(seed, epoch, HIDING, count=1)).to(order.device)
            shown = hide(shown, key[0], hides(training))
        parts = [part[order].split(training.batch_size) for part in self.goal]
        seen = [None] * len(parts[0]) if shown is None else shown.split(training.batch_size)
        yield from zip(order.split(training.batch_size), seen, zip(*parts, strict=True), strict=True)


def prepared(fitted: Fitted, task: Task, rows: np.ndarray, training: Training) -> Rows:
    """Return training rows, standardised; the network refuses what it cannot take."""
    device = fitted.device
    inputs, present = tensors(task.features, rows, fitted.standardiser, device)
    fitted.network.check(inputs, present)
    shares = sampling.class_shares(task.labels[rows], task.corpora[rows], task.classes, training.corpus_exponent)
    weights, shift = (torch.as_tensor(v, device=device) for v in losses.balance(shares, training.balance))
    targets = torch.as_tensor(task.targets(rows, training.targets), device=device)
    goal = losses.goal(targets, weights, training.label_smoothing, fitted.multi_label)
    told = hides(training) > 0 or gaps(task.features.present, inputs, rows)
    shown = torch.stack(list(present.values()), dim=1) if told else None
    return Rows(inputs, shown, goal, shift, fitted.multi_label)


class StackedRows:
    """Every row once on the device, and what differs between the runs that are alive: scaling, class weights."""

    def __init__(self, task: Task, jobs: list[Job], device: str) -> None:
        def put(values: list[np.ndarray] | np.ndarray, kind: type = np.float32) -> Tensor:
            return torch.as_tensor(np.array(values, kind), device=device)  # a copy: mapped arrays cannot be written

        training, modalities = jobs[0].training, jobs[0].spec.inputs
        self.multi_label, self.smoothing = training.targets == "multi_label", training.label_smoothing
        self.values = {m: put(task.features.arrays[m]) for m in modalities}
        present = np.stack([task.features.present[m] for m in modalities], axis=1)
        self.present, self.hidden = put(present, bool), hides(training) > 0
        self.gaps = any(gaps(task.features.present, modalities, job.train) for job in jobs)
        scalers = _scalers(task, jobs)
        self.moments = {m: [put([s.moments[m][part] for s in scalers]) for part in (0, 1)] for m in modalities}
        self.targets = put(task.targets(np.arange(len(task.labels)), training.targets))
        parts = [(task.labels[j.train], task.corpora[j.train], j.training) for j in jobs]
        shares = [sampling.class_shares(y, c, task.classes, t.corpus_exponent) for y, c, t in parts]
        balances = [losses.balance(s, t.balance) for s, (_, _, t) in zip(shares, parts, strict=True)]
        self.weights, self.shift = put([w for w, _ in balances]), put([s for _, s in balances])
        self.seen = put([task.occurring(j.train) for j in jobs], bool)

    def sample(self) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """Return the first row as a network is given it."""
        present = self.present[:1] if self.gaps or self.hidden else None
        return {m: x[:1] for m, x in self.values.items()}, by_modality(self.values, present)

    def inputs(self, rows: Tensor) -> dict[str, Tensor]:
        """Return standardised vectors by modality; shapes (runs, n, width). Networks look at none that is not there."""
        moments = {m: (mean[:, None], scale[:, None]) for m, (mean, scale) in self.moments.items()}
        return {m: (x[rows] - moments[m][0]) / moments[m][1] for m, x in self.values.items()}

    def there(self, rows: Tensor) -> dict[str, Tensor]:
        """Return what is present, by modality; bool of the shape of `rows`."""
        return by_modality(self.values, self.present[rows])

    def goal(self, rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what answers are measured by, as `losses.goal` does, for runs of shape (runs, n)."""
        weights = self.weights[:, None] * counts[..., None]
        return losses.goal(self.targets[rows], weights, self.smoothing, self.multi_label)

    def of(self, index: Tensor) -> "StackedRows":
        """Return the same for some runs only."""
        some = copy.copy(self)
        some.moments = {m: [part[index] for part in parts] for m, parts in self.moments.items()}
        some.weights, some.shift, some.seen = (v[index] for v in (self.weights, self.shift, self.seen))
        return some


def _scalers(task: Task, jobs: list[Job]) -> list[standardise.Standardiser]:
    """Return the standardiser of every run's training rows, which many runs share."""
    modalities = jobs[0].spec.inputs
    shared = {job.train.tobytes(): job.train for job in jobs}
    fitted = {told: standardise.fit(task.features, rows, modalities) for told, rows in shared.items()}
    return [fitted[job.train.tobytes()] for job in jobs]


class Masks:
    """The masks of all dropout layers of a network, drawn in one go: many small operations would cost more.

    Args:
        network: its layers drop their own shares, rounded to a multiple of 1/256.
        rows: of a batch.

    Attributes:
        layers: by name, without those that drop nothing.

    Raises:
        ValueError: a layer drops by random numbers of torch, which no other engine and no resumed training would draw.
    """

    def __init__(self, network: nn.Module, rows: int) -> None:
        _refuse_torchs(network)
        every = {n: m for n, m in network.named_modules() if isinstance(m, random_numbers.Dropout)}
        self.layers = {n: m for n, m in every.items() if m.p > 0}
        self._rows, self._sizes = rows, [rows * layer.width for layer in self.layers.values()]
        rates = [layer.p for layer in self.layers.values()]
        self._rate: float | Tensor = rates[0] if len(set(rates)) == 1 else self._of_each(rates)

    def _of_each(self, rates: list[float]) -> Tensor:
        """The share of every number that is drawn."""
        return torch.repeat_interleave(torch.tensor(rates, dtype=torch.float64), torch.tensor(self._sizes, dtype=int))

    def draw(self, keys: Tensor) -> list[Tensor]:
        """Return a mask of every layer by every key; float32 of shapes (..., rows, width)."""
        if not self.layers:
            return []
        if isinstance(self._rate, Tensor):  # once: a GPU that repeats what it was told is sent nothing in between
            self._rate = self._rate.to(keys.device, torch.float32)
        values = random_numbers.multipliers(keys, sum(self._sizes), self._rate)
        return [part.unflatten(-1, (self._rows, -1)) for part in values.split(self._sizes, dim=-1)]

    def steps(self, keys: Tensor) -> Iterator[list[Tensor]]:
        """Yield the masks of one step after the other, by its key, drawn for as many at once as is fast."""
        for some in keys.split(max(1, DRAWN // max(1, sum(self._sizes)))):
            drawn = self.draw(some)
            yield from ([part[number] for part in drawn] for number in range(len(some)))

    def put(self, masks: list[Tensor], rows: int) -> None:
        """Give the layers their masks for a batch of so many rows."""
        for layer, mask in zip(self.layers.values(), masks, strict=True):
            layer.mask = mask[:rows]

    def clear(self) -> None:
        """Leave the layers as they were."""
        for layer in self.layers.values():
            layer.mask = None


def _refuse_torchs(network: nn.Module) -> None:
    """Recurrent layers and torch's attention drop by themselves, by a share that they call `dropout`."""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd):
            own = layer.p
        else:
            own = getattr(layer, "dropout", 0.0) if type(layer).__module__.startswith("torch.") else 0.0
        if isinstance(own, int | float) and own > 0:
            raise ValueError(
                f"{name} of the network is torch's {type(layer).__name__}: take mer.models.random_numbers.Dropout"
            )


def by_modality(modalities: Iterable[str], shown: Tensor | None) -> dict[str, Tensor] | None:
    """Return bool of shape (..., n, modalities) as networks take it: modality -> (..., n); None: all are there."""
    return None if shown is None else dict(zip(modalities, shown.unbind(dim=-1), strict=True))


def gaps(present: dict[str, np.ndarray], modalities: Iterable[str], rows: np.ndarray) -> bool:
    """Return whether one of the rows lacks one of the modalities."""
    return not all(present[m][rows].all() for m in modalities)


def hides(training: Training) -> float:
    """Return how often a modality is hidden in training."""
    return training.modality_dropout if training.missing != "none" else 0.0


def hide(shown: Tensor, keys: Tensor, rate: float) -> Tensor:
    """Hide modalities at random, never the last one of an utterance; bool of the same shape.

    Args:
        shown: bool of shape (..., n, modalities).
        keys: int32 of shape (...).
    """
    kept = shown & random_numbers.keep(keys, shown.shape[-2] * shown.shape[-1], rate).reshape(shown.shape)
    return torch.where(kept.any(dim=-1, keepdim=True), kept, shown)
