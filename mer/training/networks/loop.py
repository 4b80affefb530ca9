"""The training of one network."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mer import files
from mer.models import random_numbers
from mer.training.cache.snapshot import Snapshot
from mer.training.checkpoints import tensors
from mer.training.choosing.criterion import validation_scores
from mer.training.job import Job
from mer.training.networks import sampling
from mer.training.networks.batches import DROPOUT_STREAM, DropoutMasks, TrainingData, prepared
from mer.training.networks.network_training import NetworkTraining, trainable_names
from mer.training.networks.trained import Shape, TrainedNetwork, build_network
from mer.training.scaling import standardise
from mer.training.task import Task


def initial_network(task: Task, job: Job) -> nn.Module:
    """Return a network before its first step, on the CPU; the seed or a checkpoint determines its weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        network = build_network(Shape.of(task.features, job.spec.model, job.spec.inputs, task.classes), job.training)
    if job.training.start_from:
        tensors.load_initial_weights(network, files.from_root(job.training.start_from))
    return network


def fit_network(task: Task, job: Job, device: str = "cpu", snapshot: Path | None = None) -> TrainedNetwork:
    """Train a network; the mean of per-corpus validation UAR selects the epoch.

    Args:
        job: no row but its training and validation rows is read.
        snapshot: file that stores the state while the training runs. After an interruption the same call continues
            from it, to the same bits.

    Raises:
        DivergedTraining: the loss is not a number.
    """
    training, seed = job.training, job.seed
    network = initial_network(task, job).to(device)
    model = TrainedNetwork(network, standardise.fit(task.features, job.train, job.spec.inputs),
                           task.classes_in(job.train), device,
                           multi_label=training.targets == "multi_label")  # fmt: skip
    data, masks = prepared(model, task, job.train, training), DropoutMasks(network, training.batch_size)
    names = trainable_names(network, *data.sample())
    steps = -(-len(job.train) // training.batch_size)
    course = NetworkTraining(network, training, names, steps, job.stop_after)
    file = Snapshot(snapshot, f"{seed}")
    course.restore(file.load(device))
    rows, validation = (
        (task.labels[job.train], task.corpora[job.train]),
        list(model.batches(task.features, job.validation)),
    )
    while not course.progress.finished:
        order = sampling.order(*rows, training, seed, course.progress.epoch)
        loss = _epoch(course, network, data, masks, torch.as_tensor(order, device=device), seed)
        with course.use_averaged_weights():
            logits = model.batch_logits(validation)
        course.end_epoch(loss, scores(task, job, logits))
        file.save(course.state)
    course.set_weights(course.best)
    masks.clear()
    file.remove()
    model.history = course.progress.history
    return model


def scores(task: Task, job: Job, logits: np.ndarray) -> dict[str, float]:
    """Return corpus -> score of the validation rows; none if the number of epochs is given."""
    return {} if job.stop_after else validation_scores(task, job, job.validation, logits)


def _epoch(
    course: NetworkTraining, network: nn.Module, data: TrainingData, masks: DropoutMasks, order: Tensor, seed: int
) -> float:
    """Train on every batch of an epoch and return the mean loss of its rows."""
    epoch, total = course.progress.epoch, torch.zeros((), device=order.device)
    keys = random_numbers.keys(seed, epoch, DROPOUT_STREAM, count=course.progress.steps)
    drawn = masks.steps(torch.as_tensor(keys, device=order.device))
    network.train()
    batches = data.epoch(order, course.training, seed, epoch)
    for step, ((batch, *arguments), layer_masks) in enumerate(zip(batches, drawn, strict=True)):
        masks.install(layer_masks, len(batch))
        loss = data.loss(network, batch, *arguments)
        course.step(loss, step)
        total += loss.detach() * len(batch)
    return float(total) / len(order)
