"""Training one network: the loop, and what comes out of it."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mer import files
from mer.models import random_numbers
from mer.params.schema import System, Training
from mer.training.cache.snapshot import Snapshot
from mer.training.checkpoints import tensors
from mer.training.networks import sampling
from mer.training.networks.batches import MASKS, Masks, Rows, prepared
from mer.training.networks.network_training import NetworkTraining, trainable_names
from mer.training.networks.trained import Fitted, built
from mer.training.scaling import standardise
from mer.training.task import Task


def begun(task: Task, system: System, training: Training, seed: int) -> nn.Module:
    """Return a network before its first step, on the CPU; the seed fixes its weights, or a checkpoint has them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = built(system.model, task.features.widths(system.inputs), task.classes, training,
                        {m: n for m, n in task.features.layers.items() if m in system.inputs})  # fmt: skip
    if training.start_from:
        tensors.begin_with(network, files.from_root(training.start_from))
    return network


def fit(task: Task, train: np.ndarray, validation: np.ndarray, *, system: System, training: Training, seed: int,
        device: str, snapshot: Path | None = None) -> Fitted:  # fmt: skip
    """Train a network; the epoch is chosen by the mean of per-corpus validation UAR.

    Args:
        train, validation: row numbers; no other row is looked at.
        snapshot: where its course is kept while it runs; after a kill the same call ends with the same bits.

    Raises:
        DivergedTraining: the loss is not a number.
    """
    network = begun(task, system, training, seed).to(device)
    fitted = Fitted(network, standardise.fit(task.features, train, system.inputs), task.occurring(train), device,
                    multi_label=training.targets == "multi_label")  # fmt: skip
    rows, masks = prepared(fitted, task, train, training), Masks(network, training.batch_size)
    names = trainable_names(network, *rows.sample())
    course = NetworkTraining(network, training, names, steps=-(-len(train) // training.batch_size))
    file = Snapshot(snapshot, f"{seed}")
    course.restore(file.load(device))
    corpora, held = task.corpora[train], list(fitted.batches(task.features, validation))
    while not course.progress.finished:
        order = sampling.order(corpora, training.corpus_exponent, seed, course.progress.epoch)
        loss = _epoch(course, network, rows, masks, torch.as_tensor(order, device=device), seed)
        with course.use_averaged_weights():
            answers = fitted.answers(held).argmax(axis=1)
        course.end_epoch(loss, task.scored(answers, validation))
        file.save(course.state)
    course.set_weights(course.best)
    masks.clear()
    file.remove()
    fitted.history = course.progress.history
    return fitted


def _epoch(course: NetworkTraining, network: nn.Module, rows: Rows, masks: Masks, order: Tensor, seed: int) -> float:
    """Train on every batch of an epoch and return the mean loss of its rows."""
    epoch, total = course.progress.epoch, torch.zeros((), device=order.device)
    keys = torch.as_tensor(random_numbers.keys(seed, epoch, MASKS, count=course.progress.steps), device=order.device)
    batches = zip(rows.epoch(order, course.training, seed, epoch), masks.steps(keys), strict=True)
    network.train()
    for step, ((batch, *told), drawn) in enumerate(batches):
        masks.put(drawn, len(batch))
        loss = rows.loss(network, batch, *told)
        course.step(loss, step)
        total += loss.detach() * len(batch)
    return float(total) / len(order)
