"""The training of encoders and of the fusion network that reads them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mer import files
from mer.acceleration import freed_memory
from mer.models import random_numbers
from mer.training.cache.snapshot import Snapshot
from mer.training.checkpoints import checkpoint, encoder_folders
from mer.training.finetune import log, selection
from mer.training.finetune.course import Course, Group
from mer.training.finetune.encoders import Encoder, open_encoder, trained_parameters
from mer.training.finetune.model import FinetunedNetwork
from mer.training.finetune.processes import Processes
from mer.training.finetune.steps import Step, StepGradient
from mer.training.job import Job
from mer.training.networks import loop as network_loop
from mer.training.networks import sampling
from mer.training.networks.batches import DROPOUT_STREAM, DropoutMasks, TrainingData, prepared
from mer.training.networks.network_training import trainable_names
from mer.training.networks.trained import TrainedNetwork
from mer.training.scaling import standardise
from mer.training.scaling.standardise import Standardiser
from mer.training.task import Task

STEPS_BETWEEN_TRIMS = 8
"""The number of training steps after which freed memory is given back."""


def fit(task: Task, job: Job, device: str = "cpu", snapshot: Path | None = None) -> FinetunedNetwork:
    """Train encoders and a fusion network; the mean of per-corpus validation UAR selects the epoch.

    Args:
        job: no row but its training and validation rows is read.
        snapshot: file that stores the state while the training runs. After an interruption the same call continues
            from it, to the same bits on one device.

    Raises:
        DivergedTraining: the loss is not a number.
        MissingPackage: `train: lora` needs peft.
    """
    finetuning = Finetuning(task, job, device)
    file = Snapshot(snapshot, f"{job.seed}")
    stored = file.load(finetuning.processes.device)
    if stored is None:
        finetuning.train_head()
    else:
        finetuning.course.restore(stored)
        log.write(f"{finetuning.name}: goes on in epoch {finetuning.course.progress.epoch + 1}, "
                  f"step {finetuning.course.step + 1}")  # fmt: skip
    file = file if finetuning.processes.rank == 0 else Snapshot(None, "")
    while not finetuning.course.progress.finished:
        finetuning.train_epoch(file)
    file.remove()
    return finetuning.finished()


class Finetuning:
    """One training, ready for its first step.

    Attributes:
        name: names the training in the log.
        model: the fusion network with its encoders.
        course: weights, optimiser and progress.
        gradient: computes the gradient of a step.
    """

    def __init__(self, task: Task, job: Job, device: str) -> None:
        job = _with_corpora_left_out(task, job)
        self.task, self.job, self.training = task, job, job.training
        self.name = f"{job.system}, seed {job.seed}{_cell_phrase(job.cell)}"
        self.processes = Processes(device, job.training.encoders.precision)
        encoders = _encoders(task, job, self.processes.device)
        self.model = FinetunedNetwork(self._head(encoders), lambda: encoders)
        data = prepared(self.model.head, task, job.train, job.training)
        masks = DropoutMasks(self.model.network, job.training.batch_size)
        self._groups = self._trained_groups(encoders, data)
        self.course = self._new_course()
        items = {name: task.features.items[name] for name in encoders}
        for name, encoder in encoders.items():
            encoder.store_frozen(items[name], job.train[task.features.present[name][job.train]], job.training.encoders)
        self.gradient = StepGradient(
            self.model.network, encoders, items, data, job.train, self._moments(encoders), masks, job.training,
            job.seed, self.processes,
        )  # fmt: skip

    @property
    def steps(self) -> int:
        """The number of training steps of an epoch."""
        return -(-len(self.job.train) // self.training.batch_size)

    def _new_course(self) -> Course:
        return Course(self._groups, self.training, self.steps, self.processes.is_scaled)

    def _head(self, encoders: Mapping[str, Encoder]) -> TrainedNetwork:
        """The fusion network before its first step."""
        device, job = self.processes.device, self.job
        network = network_loop.initial_network(self.task, job).to(device)
        return TrainedNetwork(network, self._standardiser(encoders), self.task.classes_in(job.train), device,
                              multi_label=job.training.targets == "multi_label")  # fmt: skip

    def _standardiser(self, encoders: Mapping[str, Encoder]) -> Standardiser:
        """Shift and scale, fitted on the vectors of training rows, or for trained inputs of an initial checkpoint."""
        fitted = standardise.fit(self.task.features, self.job.train, self.job.spec.inputs)
        if self.training.start_from is None:
            return fitted
        start = encoder_folders.moments(files.from_root(self.training.start_from), encoders)
        return Standardiser({**fitted.moments, **start})

    def _moments(self, encoders: Mapping[str, Encoder]) -> dict[str, tuple[Tensor, Tensor]]:
        moments, device = self.model.standardiser.moments, self.processes.device
        return {name: tuple(torch.as_tensor(part, dtype=torch.float32, device=device) for part in moments[name])
                for name in encoders}  # fmt: skip

    def _trained_groups(self, encoders: Mapping[str, Encoder], data: TrainingData) -> list[Group]:
        """Groups of parameters with one learning rate and weight decay: of the network, then of layers of encoders."""
        named, training = dict(self.model.network.named_parameters()), self.training
        own = [(named[name], 1.0, named[name].ndim > 1) for name in trainable_names(self.model.network, *data.sample())]
        for number, (name, encoder) in enumerate(encoders.items()):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(random_numbers.key(self.job.seed, number))
                chosen = trained_parameters(encoder, self._any_item(name), training.encoders)
            ratio, decay = training.encoders.learning_rate / training.learning_rate, training.encoders.layer_decay
            own += [(one.parameter, ratio * decay**one.below_top, one.decays) for one in chosen]
            log.write(f"{self.name}: {name} trains {sum(one.parameter.numel() for one in chosen):,} of "
                      f"{sum(p.numel() for p in encoder.body.parameters()):,} parameters")  # fmt: skip
        kinds = dict.fromkeys((rate, decays) for _, rate, decays in own)
        return [Group(tuple(p for p, *kind in own if tuple(kind) == (rate, decays)), rate,
                      training.weight_decay if decays else 0.0) for rate, decays in kinds]  # fmt: skip

    def _any_item(self, name: str) -> object:
        rows = self.job.train[self.task.features.present[name][self.job.train]]
        return self.task.features.items[name].select(rows[:1])[0]

    def train_head(self) -> None:
        """Train the fusion network on the vectors of the frozen encoders, if the parameters say so.

        Vectors are computed once. They are those of the feature store, or of the initial checkpoint.
        """
        own = self.training.encoders
        if not own.head_epochs:
            return
        update = {"epochs": own.head_epochs, "learning_rate": own.head_learning_rate, "patience": own.head_patience}
        job = replace(self.job, training=self.training.model_copy(update=update))
        task = self.task
        if self.training.start_from is not None:
            rows = np.concatenate([job.train, job.validation])
            features = checkpoint.spread(self.model.encoded(task.features, rows), rows, len(task.labels))
            task = replace(task, features=features)
        head = network_loop.fit_network(task, job, self.processes.device)
        self.model.network.load_state_dict(head.network.state_dict())  # into the vectors of the course
        self.course = self._new_course()
        best = max((epoch["mean"] for epoch in head.history if "mean" in epoch), default=float("nan"))
        log.write(f"{self.name}: {len(head.history)} epochs of the fusion network alone, validation UAR {best:.3f}")

    def train_epoch(self, file: Snapshot) -> None:
        """Train on every step of an epoch that is left, and validate.

        Args:
            file: stores the state between steps.
        """
        begin, first = time.monotonic(), self.course.step
        for step in self.epoch_steps():
            if step.number >= self.course.step:
                loss = self.gradient.compute(self.course, step)
                self.course.update()
                self.course.loss += loss * len(step.rows)
                file.save(self.course.state)
                if step.number % STEPS_BETWEEN_TRIMS == 0:
                    freed_memory.give_back()
        trained = time.monotonic() - begin
        with self.course.use_averaged_weights():
            scores = self.validation_scores()
        self.course.end_epoch(len(self.job.train), scores)
        freed_memory.give_back()
        file.save(self.course.state)
        rows = len(self.job.train) - first * self.training.batch_size
        self._log_epoch(rows / max(trained, 1e-9))

    def epoch_steps(self) -> Iterator[Step]:
        """Yield the steps of this epoch."""
        task, job, epoch, data = self.task, self.job, self.course.progress.epoch, self.gradient.data
        order = sampling.order(task.labels[job.train], task.corpora[job.train], self.training, job.seed, epoch)
        order = torch.as_tensor(order, device=self.processes.device)
        keys = random_numbers.keys(job.seed, epoch, DROPOUT_STREAM, count=self.steps)
        drawn = self.gradient.masks.steps(torch.as_tensor(keys, device=order.device))
        for number, ((rows, visible, targets), masks) in enumerate(
            zip(data.epoch(order, self.training, job.seed, epoch), drawn, strict=True)
        ):
            yield Step(epoch, number, rows, visible, targets, masks)

    def validation_scores(self) -> dict[str, float]:
        """Return corpus -> UAR of the validation rows. Each process predicts some of them."""
        rows, processes = self.job.validation, self.processes
        logits = np.zeros((len(rows), self.task.classes))
        mine = np.arange(processes.rank, len(rows), processes.count)
        if len(mine):
            logits[mine] = np.maximum(self.model.logits(self.task.features, rows[mine]), -1e30)
        logits = processes.sum(torch.as_tensor(logits, dtype=torch.float32, device=processes.device)).cpu().numpy()
        return self.task.score_predictions(logits.argmax(axis=1), rows) if len(rows) else {}

    def _log_epoch(self, rate: float) -> None:
        last = self.course.progress.history[-1]
        padded = sum(e.padded for e in self.model.encoders.values())
        computed = sum(e.computed for e in self.model.encoders.values())
        log.write(f"{self.name}: epoch {last['epoch']}, loss {last['loss']:.3f}, validation UAR "
                  f"{last.get('mean', float('nan')):.3f}, {rate:.1f} utterances/s, padding "
                  f"{padded / max(1, computed):.1%}")  # fmt: skip

    def finished(self) -> FinetunedNetwork:
        """Return the model with its best weights."""
        self.course.set_weights(self.course.best)
        self.gradient.masks.clear()
        for encoder in self.model.encoders.values():
            selection.merge_lora(encoder.body)
            encoder.model.eval()
        self.model.head.history = self.course.progress.history
        return self.model


def _encoders(task: Task, job: Job, device: str) -> dict[str, Encoder]:
    """Input -> encoder before its first step: of the parameters, or of the initial checkpoint if that has it."""
    start = job.training.start_from
    folders = encoder_folders.folders(files.from_root(start)) if start else {}
    names = [name for name in job.spec.inputs if name in task.features.items]
    return {name: open_encoder(task.features.items[name].section, folders.get(name), device) for name in names}


def _with_corpora_left_out(task: Task, job: Job) -> Job:
    """The job without the training rows of `stop_on`, whose rows validate; unchanged if the cell has none of them."""
    recordings = np.setdiff1d(job.train, task.augmented.rows)
    rows = np.concatenate([recordings, job.validation])  # no augmented row is validated
    chosen = np.isin(task.corpora, list(job.training.encoders.stop_on))
    train, validation = job.train[~chosen[job.train]], rows[chosen[rows]]
    if not len(validation) or len(set(task.labels[train])) < 2:
        return job
    return replace(job, train=train, validation=validation)


def _cell_phrase(cell: object) -> str:
    """The cell of a job, for the log."""
    if not hasattr(cell, "protocol"):
        return ""
    left_out = f" without {cell.held_out}" if cell.held_out else f" of {'+'.join(cell.train_corpora)}"
    return f", {cell.protocol}{left_out}{f', fold {cell.fold}' if cell.fold else ''}"
