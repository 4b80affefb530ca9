"""The training of many networks of one shape at once: their parameters are stacked, and a step updates all of them.

Every job has its own rows, order, learning rate, best epoch and end. It draws the same random numbers as in a single
training (mer/models/random_numbers.py), so that both agree up to the rounding of batched matrix products.
"""

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from mer.acceleration.cuda_graphs import CudaGraphFunction
from mer.acceleration.stacked_optimiser import StackedOptimiser
from mer.models import random_numbers
from mer.training.cache.snapshot import Snapshot
from mer.training.job import Job
from mer.training.networks import loop, losses, sampling
from mer.training.networks.averaging import epoch_share
from mer.training.networks.batches import (
    DROPOUT_STREAM,
    MODALITY_STREAM,
    DropoutMasks,
    StackedTrainingData,
    any_missing,
    by_input,
    drop_modalities,
    modality_dropout_rate,
)
from mer.training.networks.network_training import DivergedTraining, trainable_names
from mer.training.networks.progress import EpochProgress, from_state
from mer.training.task import Task

VALIDATION_BATCH = 1024
"""The number of validation rows of a job that are predicted at a time."""
MIN_ACTIVE_SHARE = 0.75
"""The share of unfinished jobs below which finished ones are removed from the stack."""
PER_RUN_PARAMETERS = {"learning_rate", "weight_decay", "clip_norm", "epochs", "patience", "schedule", "warmup",
                      "balance", "corpus_exponent", "corpus_weights", "class_exponent", "ema_decay"}  # fmt: skip
"""The parameters in which the jobs of a stack may differ."""


def shape(task: Task, job: Job) -> tuple:
    """Return what the jobs of a stack have in common."""
    shared = job.training.model_dump_json(exclude=PER_RUN_PARAMETERS)
    return job.spec.model, job.spec.inputs, shared, any_missing(task.features.present, job.spec.inputs, job.train)


def fit_many(task: Task, jobs: list[Job], device: str, snapshot: Path | None = None) -> "StackedTraining":
    """Train networks of one `shape` together, each as `loop.fit_network` would.

    Args:
        snapshot: file that stores the state of the training; the caller deletes it after storing the results.

    Raises:
        DivergedTraining: the loss of a job is not a number.
    """
    stack = StackedTraining(task, jobs, device)
    file = Snapshot(snapshot, "+".join(str(job.seed) for job in jobs))
    stack.restore(file.load(device))
    while stack.alive:
        stack.end_epoch(stack.epoch())
        file.save(stack.state)
    return stack


class StackedTraining:
    """Jobs of one shape.

    Attributes:
        alive: numbers of the jobs that are still in the tensors.
        best: name -> parameters of every job at its best epoch, shape (jobs, ...).
        histories: of every job, as that of a `TrainedNetwork`.
    """

    def __init__(self, task: Task, jobs: list[Job], device: str) -> None:
        self.task, self.jobs, self.device = task, jobs, device
        self.system, self.training = jobs[0].spec, jobs[0].training
        self.every = self.data = StackedTrainingData(task, jobs, device)
        template, self.best = _initial_networks(task, jobs, device)
        self.base = {mode: copy.deepcopy(template).to(device).train(mode == "train") for mode in ("train", "eval")}
        self._check(np.concatenate([[*job.train, *job.validation] for job in jobs]))
        names = trainable_names(self.base["eval"], *self.data.sample())
        self.parameters = {n: v.clone() for n, v in self.best.items() if n in names}
        self.others = {n: v for n, v in self.best.items() if n not in names}
        self.average = {n: v.clone() for n, v in self.parameters.items()} if self.training.averaging != "none" else None
        self.optimiser = StackedOptimiser(self.parameters, [job.training for job in jobs])
        self.masks = DropoutMasks(template, self.training.batch_size)
        size = self.training.batch_size
        self.progress = [EpochProgress(j.training, -(-len(j.train) // size), stop_after=j.stop_after) for j in jobs]
        self.alive = list(range(len(jobs)))
        self.total = torch.zeros(len(jobs), device=device)
        self.graph = CudaGraphFunction()

    def epoch(self) -> np.ndarray:
        """Train every unfinished job for one epoch; return mean losses of shape (active jobs,), 0 for finished jobs."""
        running = [self.progress[r] for r in self.alive]
        steps, size = max(p.steps for p in running), self.training.batch_size
        rows, counts = self._orders(steps)
        rates = [self._tensor([[p.rate(step) for p in running] for step in range(steps)]),
                self._tensor([[float(step < p.steps and not p.finished) for p in running] for step in range(steps)]),
                self._keys(DROPOUT_STREAM, steps)]  # fmt: skip
        parts = [rows.split(size, dim=1), counts.split(size, dim=1), *rates]
        if (visible := self._visible_modalities(rows)) is not None:
            parts.append(visible.split(size, dim=1))
        self.total.zero_()
        for arguments in zip(*parts, strict=True):
            self.graph(self._step, *arguments)
        return (self.total / counts.sum(dim=1)).cpu().numpy()

    def _step(self, rows: Tensor, counts: Tensor, rates: Tensor, active: Tensor, keys: Tensor,
              visible: Tensor | None = None) -> None:  # fmt: skip
        """One step of every job.

        Args:
            rows: row numbers of the batches, shape (jobs, n).
            counts: 1 for a row of the batch and 0 for padding, shape (jobs, n).
            rates, active, keys: of every job, shape (jobs,).
            visible: which inputs the networks get, shape (jobs, n, inputs).
        """
        present = by_input(self.data.values, visible) or {}  # vmap takes no None
        targets = self.data.weighted_targets(rows, counts)
        inputs, masks = self.data.inputs(rows), self.masks.draw(keys)
        gradients, loss = vmap(grad_and_value(self._loss))(
            self.parameters, masks, inputs, present, targets, self.data.shift
        )
        self.optimiser.step(self.parameters, gradients, rates, active)
        if self.training.averaging == "ema":
            share = torch.maximum(self.optimiser.ema_share, 9 / (10 + self.optimiser.steps))
            self._update_average(share * active)
        self.total += torch.where(active > 0, loss, 0) * counts.sum(dim=1)

    def end_epoch(self, loss: np.ndarray) -> None:
        """Validate, store the best weights, and remove finished jobs if there are enough of them."""
        if self.training.averaging == "epochs":
            epochs = torch.tensor([float(self.progress[r].epoch) for r in self.alive], device=self.device)
            self._update_average(epoch_share(epochs))
        weights = self.average or self.parameters
        better = []
        for place, (number, scores) in enumerate(zip(self.alive, self._validate(weights), strict=True)):
            if self.progress[number].finished:
                continue
            if not np.isfinite(loss[place]):
                raise DivergedTraining(f"the loss of {self.jobs[number].system}, seed {self.jobs[number].seed} is "
                                       f"{loss[place]}: lower training.learning_rate")  # fmt: skip
            if self.progress[number].end_epoch(float(loss[place]), scores):
                better.append((place, number))
        if better:
            places, numbers = (torch.tensor(list(side), device=self.device) for side in zip(*better, strict=True))
            for name, value in weights.items():
                self.best[name][numbers] = value[places]
        unfinished = [place for place, number in enumerate(self.alive) if not self.progress[number].finished]
        if len(unfinished) < len(self.alive) and (
            not unfinished or len(unfinished) < MIN_ACTIVE_SHARE * len(self.alive)
        ):
            self._keep_running(unfinished)

    @property
    def histories(self) -> list[list[dict]]:
        return [progress.history for progress in self.progress]

    def logits(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        """Return the logits of every job at its best epoch, as `TrainedNetwork.logits` does.

        Args:
            rows: row numbers of each job.

        Raises:
            ValueError: a row lacks an input that the networks need.
        """
        self._check(np.concatenate(rows))
        return self._logits(self.best, self.every, rows)

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Return everything that the next epoch depends on: tensors, and JSON types."""
        named = {"now": self.parameters, "best": self.best, "optimiser": self.optimiser.state()}
        named |= {"average": self.average} if self.average else {}
        tensors = {f"{part}/{name}": value for part, values in named.items() for name, value in values.items()}
        return tensors, {"alive": self.alive, "runs": [p.state() for p in self.progress]}

    def restore(self, state: tuple[dict[str, Tensor], dict] | None) -> None:
        """Continue from what `state` returned; None changes nothing."""
        if state is None:
            return
        parts: dict[str, dict[str, Tensor]] = {"average": {}}
        for name, value in state[0].items():
            part, _, leaf = name.partition("/")
            parts.setdefault(part, {})[leaf] = value
        self._keep_running(state[1]["alive"])
        # The order of parameters is that of sums over them, and a file has another order.
        self.parameters = {n: parts["now"][n] for n in self.parameters}
        self.best = {n: parts["best"][n] for n in self.best}
        self.average = {n: parts["average"][n] for n in self.parameters} if self.average else None
        self.optimiser.restore(parts["optimiser"])
        self.progress = [from_state(j.training, s) for j, s in zip(self.jobs, state[1]["runs"], strict=True)]

    def _loss(self, parameters, masks, inputs, present, targets, shift) -> Tensor:
        """The loss of one job on one batch."""
        state = {**parameters, **{f"{n}.mask": mask for n, mask in zip(self.masks.layers, masks, strict=True)}}
        logits = functional_call(self.base["train"], state, (inputs, present or None))
        return losses.loss(logits + shift, *targets, self.data.multi_label)

    def _check(self, rows: np.ndarray) -> None:
        rows = self._tensor(np.unique(rows).astype(np.int64))
        self.base["eval"].check({m: x[rows] for m, x in self.every.values.items()}, self.every.present_in(rows))

    def _tensor(self, values: list | np.ndarray) -> Tensor:
        return torch.as_tensor(values, device=self.device)

    def _keys(self, stream: int, count: int) -> Tensor:
        """Keys of one stream of random numbers for the epoch of every job; shape (count, jobs)."""
        epochs = [(self.jobs[number].seed, self.progress[number].epoch) for number in self.alive]
        return self._tensor(np.stack([random_numbers.keys(*each, stream, count=count) for each in epochs], axis=1))

    def _orders(self, steps: int) -> tuple[Tensor, Tensor]:
        """Rows in the order of this epoch, padded, and 1 for a row or 0 for padding; both (jobs, steps * batch)."""
        width = self.training.batch_size * steps
        rows, counts = np.zeros((len(self.alive), width), np.int64), np.zeros((len(self.alive), width), np.float32)
        for place, number in enumerate(self.alive):
            job = self.jobs[number]
            labels, corpora = self.task.labels[job.train], self.task.corpora[job.train]
            order = sampling.order(labels, corpora, job.training, job.seed, self.progress[number].epoch)
            rows[place, : len(order)], counts[place, : len(order)] = job.train[order], 1.0
            rows[place, len(order) :] = job.train[0]
        return self._tensor(rows), self._tensor(counts)

    def _visible_modalities(self, rows: Tensor) -> Tensor | None:
        """Which inputs of these rows the networks get; shape (jobs, n, inputs). None: all."""
        rate = modality_dropout_rate(self.training)
        if rate:
            return drop_modalities(
                self.data.present[rows], self._keys(MODALITY_STREAM, 1)[0], rate, self.data.dropped_together
            )
        return self.data.present[rows] if self.data.any_missing else None

    def _update_average(self, share: Tensor) -> None:
        for name, value in self.average.items():
            value.lerp_(self.parameters[name], share.reshape(-1, *[1] * (value.dim() - 1)))

    def _validate(self, weights: dict[str, Tensor]) -> list[dict[str, float]]:
        """Corpus -> UAR on the validation rows of each job."""
        validation = [self.jobs[r].validation for r in self.alive]
        logits = self._logits({**self.others, **weights}, self.data, validation)
        return [loop.scores(self.task, self.jobs[r], z) for r, z in zip(self.alive, logits, strict=True)]

    def _logits(
        self, weights: dict[str, Tensor], data: StackedTrainingData, job_rows: list[np.ndarray]
    ) -> list[np.ndarray]:
        width = max(len(rows) for rows in job_rows)
        padded = np.stack([np.pad(rows, (0, width - len(rows))) for rows in job_rows])
        network = vmap(lambda w, inputs, present: functional_call(self.base["eval"], w, (inputs, present)))
        parts = [np.zeros((len(job_rows), 0, data.trained_classes.shape[1]))]
        with torch.inference_mode():
            for first in range(0, width, VALIDATION_BATCH):
                rows = self._tensor(padded[:, first : first + VALIDATION_BATCH])
                logits = network(weights, data.inputs(rows), data.present_in(rows))
                parts.append(torch.where(data.trained_classes[:, None], logits, -torch.inf).cpu().numpy())
        padded_logits = np.concatenate(parts, axis=1)
        return [values[: len(rows)] for values, rows in zip(padded_logits, job_rows, strict=True)]

    def _keep_running(self, places: list[int]) -> None:
        """Remove all jobs but those at these places from the tensors."""
        index = torch.tensor(places, dtype=torch.int64, device=self.device)
        self.alive = [self.alive[place] for place in places]
        self.parameters = {n: v[index] for n, v in self.parameters.items()}
        self.average = {n: v[index] for n, v in self.average.items()} if self.average else None
        self.others = {n: v[index] for n, v in self.others.items()}
        self.total = self.total[index]
        self.optimiser.keep(index)
        self.data = self.data.of(index)
        self.graph = CudaGraphFunction()


def _initial_networks(task: Task, jobs: list[Job], device: str) -> tuple[nn.Module, dict[str, Tensor]]:
    """A network, and the initial parameters of every job; jobs of one seed have the same."""
    initial = {(job.seed, job.training.start_from): job for job in jobs}
    networks = [loop.initial_network(task, job) for job in initial.values()]
    number = {key: n for n, key in enumerate(initial)}
    index = torch.tensor([number[job.seed, job.training.start_from] for job in jobs], device=device)
    stacked = stack_module_state(networks)[0]
    return networks[0], {n: v.detach().to(device)[index] for n, v in stacked.items()}
