"""Training one network: the loop, and what comes out of it."""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mer import files
from mer.models import noise
from mer.params.schema import System, Training
from mer.training import checkpoint, losses, sampling, standardise
from mer.training.fitted import Fitted, built, tensors
from mer.training.progress import Progress, resumed
from mer.training.snapshot import Snapshot
from mer.training.task import Task

HIDING = -1
"""the stream of random numbers that hides modalities; dropout layers have 0, 1, …"""
RECENT = 3
"""how much more the mean over epochs counts late ones (Shamir and Zhang 2013, polynomial-decay averaging)"""


class Diverged(ArithmeticError):
    """The loss is not a number any more."""


@dataclass
class Data:
    """Training rows on the device.

    Attributes:
        inputs, present: modality -> shapes (n, width) and (n,); None where nothing is missing nor will be hidden.
        targets: shares of the classes, or which of them are there; shape (n, classes).
        weights, shift: as from `losses.balance`.
    """

    inputs: dict[str, Tensor]
    present: dict[str, Tensor] | None
    targets: Tensor
    weights: Tensor
    shift: Tensor


def begun(task: Task, system: System, training: Training, seed: int) -> nn.Module:
    """Return a network before its first step, on the CPU; the seed fixes its weights, or a checkpoint has them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = built(system.model, task.features.widths(system.modalities), task.classes, training,
                        {m: n for m, n in task.features.layers.items() if m in system.modalities})  # fmt: skip
    if training.start_from:
        checkpoint.begin_with(network, files.from_root(training.start_from))
    return network


def fit(task: Task, train: np.ndarray, validation: np.ndarray, *, system: System, training: Training, seed: int,
        device: str, snapshot: Path | None = None) -> Fitted:  # fmt: skip
    """Train a network; the epoch is chosen by the mean of per-corpus validation UAR.

    Args:
        train, validation: row numbers; no other row is looked at.
        snapshot: where its course is kept while it runs; after a kill the same call ends with the same bits.

    Raises:
        Diverged: the loss is not a number.
    """
    network = begun(task, system, training, seed).to(device)
    fitted = Fitted(network, standardise.fit(task.features, train, system.modalities), task.occurring(train), device,
                    multi_label=training.targets == "multi_label")  # fmt: skip
    data = _prepare(fitted, task, train, training)
    course = _Course(network, training, -(-len(train) // training.batch_size))
    file = Snapshot(snapshot, f"{seed}")
    course.go_on(file.load(device))
    corpora, held = task.corpora[train], list(fitted.batches(task.features, validation))
    while not course.progress.finished:
        epoch = course.progress.epoch
        order = torch.as_tensor(sampling.order(corpora, training.corpus_exponent, seed, epoch), device=device)
        loss = _epoch(course, data, order, seed)
        fitted.network = course.end_epoch_weights()
        course.note(loss, task.scored(fitted.answers(held).argmax(axis=1), validation))
        file.save(course.tensors(), course.progress.state())
    network.load_state_dict(course.best)
    file.remove()
    fitted.network, fitted.history = network, course.progress.history
    return fitted


def _prepare(fitted: Fitted, task: Task, rows: np.ndarray, training: Training) -> Data:
    device = fitted.device
    inputs, present = tensors(task.features, rows, fitted.standardiser, device)
    fitted.network.check(inputs, present)
    shares = sampling.class_shares(task.labels[rows], task.corpora[rows], task.classes, training.corpus_exponent)
    weights, shift = losses.balance(shares, training.balance)
    if hides(training) == 0 and all(bool(p.all()) for p in present.values()):
        present = None  # spares every mask
    arrays = (task.targets(rows, training.targets), weights, shift)
    return Data(inputs, present, *(torch.as_tensor(a, device=device) for a in arrays))


def optimiser(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    """Return the optimiser that the parameters name."""
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    more = {"momentum": 0.9, "nesterov": True} if training.optimiser == "sgd" else {}
    return kinds[training.optimiser](
        network.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True, **more
    )


def hides(training: Training) -> float:
    """Return how often a modality is hidden in training."""
    return training.modality_dropout if training.missing != "none" else 0.0


def hide(present: dict[str, Tensor], rate: float, key: Tensor) -> dict[str, Tensor]:
    """Hide modalities at random, never the last one of an utterance.

    Args:
        key: of the random numbers.
    """
    shown = torch.stack(list(present.values()), dim=1)  # a row's numbers must not depend on how many rows there are
    kept = shown & noise.keep(key, shown.shape, rate)
    kept = torch.where(kept.any(dim=1, keepdim=True), kept, shown)
    return dict(zip(present, kept.unbind(dim=1), strict=True))


class _Course:
    """What changes while a network trains."""

    def __init__(self, network: nn.Module, training: Training, steps: int) -> None:
        self.network, self.training = network, training
        self.optimiser = optimiser(network, training)
        self.progress = Progress(training, steps)
        self.average = copy.deepcopy(network) if training.averaging != "none" else None
        self.best = copy.deepcopy(network.state_dict())
        self.layers = [module for module in network.modules() if isinstance(module, noise.Dropout)]

    def average_step(self) -> None:
        """Draw the exponential average towards the weights; it follows faster at first."""
        if self.training.averaging == "ema":
            done = self.optimiser.state[next(self.network.parameters())]["step"].item() if self.optimiser.state else 0
            decay = min(self.training.ema_decay, (1 + done) / (10 + done))
            _draw(self.average, self.network, 1 - decay)

    def end_epoch_weights(self) -> nn.Module:
        """Return the network that is validated."""
        if self.training.averaging == "epochs":
            _draw(self.average, self.network, (RECENT + 1) / (self.progress.epoch + 1 + RECENT))
        return self.average or self.network

    def note(self, loss: float, scores: dict[str, float]) -> None:
        """End an epoch; keep its weights where they are the best."""
        if not np.isfinite(loss):
            raise Diverged(f"the loss is {loss} in epoch {self.progress.epoch}: lower training.learning_rate")
        if self.progress.end_epoch(loss, scores):
            self.best = copy.deepcopy((self.average or self.network).state_dict())

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that goes on into the next epoch."""
        named = {"network": self.network.state_dict(), "best": self.best}
        if self.average is not None:
            named["average"] = self.average.state_dict()
        for number, state in self.optimiser.state_dict()["state"].items():
            named[f"optimiser.{number}"] = {k: v for k, v in state.items() if v is not None}
        return {f"{part}/{name}": value for part, values in named.items() for name, value in values.items()}

    def go_on(self, saved: tuple[dict[str, Tensor], dict] | None) -> None:
        """Take up what was saved."""
        if saved is None:
            return
        parts: dict[str, dict[str, Tensor]] = {}
        for name, value in saved[0].items():
            part, _, leaf = name.partition("/")
            parts.setdefault(part, {})[leaf] = value
        self.network.load_state_dict(parts["network"])
        self.best = parts["best"]
        if self.average is not None:
            self.average.load_state_dict(parts["average"])
        states = {int(part.partition(".")[2]): v for part, v in parts.items() if part.startswith("optimiser.")}
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": states})
        self.progress = resumed(self.training, saved[1])


def _draw(average: nn.Module, network: nn.Module, share: float) -> None:
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), share)


def _epoch(course: _Course, data: Data, order: Tensor, seed: int) -> float:
    """Train on every batch of an epoch and return its mean loss."""
    t, progress = course.training, course.progress
    loss_of = losses.binary_cross_entropy if t.targets == "multi_label" else losses.cross_entropy
    course.network.train()
    total = torch.zeros((), device=order.device)
    for step, batch in enumerate(order.split(t.batch_size)):
        present = data.present and {m: p[batch] for m, p in data.present.items()}
        if hides(t):
            hiding = torch.tensor(noise.key(seed, progress.epoch, step, HIDING), device=order.device)
            present = hide(present, hides(t), hiding)
        for number, layer in enumerate(course.layers):
            layer.key.fill_(noise.key(seed, progress.epoch, step, number))
        logits = course.network({m: x[batch] for m, x in data.inputs.items()}, present)
        ones = torch.ones(len(batch), device=order.device)
        loss = loss_of(logits, data.targets[batch], ones, data.weights, data.shift, t.label_smoothing)
        course.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(course.network.parameters(), t.clip_norm)
        for group in course.optimiser.param_groups:
            group["lr"] = progress.rate(step)
        course.optimiser.step()
        course.average_step()
        total += loss.detach() * len(batch)
    return float(total) / len(order)
