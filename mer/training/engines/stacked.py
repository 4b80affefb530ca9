"""Training many networks of one shape at once: their parameters are stacked, and each step is one step of all.

Every run has its own rows, order, learning rate, best epoch and end; it draws the random numbers that it would draw
alone (mer/models/random_numbers.py). So it agrees with its single training up to the rounding of batched matrix
products.
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
from mer.training.networks.batches import HIDING, MASKS, Masks, StackedRows, by_modality, gaps, hide, hides
from mer.training.networks.network_training import AVERAGING_POWER, DivergedTraining, trainable_names
from mer.training.networks.progress import EpochProgress, from_state
from mer.training.task import Task

ROWS = 1024
"""of validation, answered at once"""
THINNED = 0.75
"""share of the runs that are still going on, below which the others are taken out of the stack"""
OF_A_RUN = {"learning_rate", "weight_decay", "clip_norm", "epochs", "patience", "schedule", "warmup", "balance",
            "corpus_exponent", "ema_decay"}  # fmt: skip
"""parameters in which the runs of a stack may differ"""


def shape(task: Task, job: Job) -> tuple:
    """Return what the runs of a stack have in common."""
    told = job.training.model_dump_json(exclude=OF_A_RUN)
    return job.spec.model, job.spec.inputs, told, gaps(task.features.present, job.spec.inputs, job.train)


def fit_many(task: Task, jobs: list[Job], device: str, snapshot: Path | None = None) -> "Stack":
    """Train networks of one `shape` side by side, each as `network.fit` would.

    Args:
        snapshot: where their course is kept; who has saved the results deletes it.

    Raises:
        DivergedTraining: the loss of one is not a number.
    """
    stack = Stack(task, jobs, device)
    file = Snapshot(snapshot, "+".join(str(job.seed) for job in jobs))
    stack.go_on(file.load(device))
    while stack.alive:
        stack.end_epoch(stack.epoch())
        file.save(stack.told)
    return stack


class Stack:
    """Runs of one shape.

    Attributes:
        alive: the runs that are still in the tensors, by their number.
        best: name -> parameters of every run at its best epoch, shape (runs, ...).
        histories: of every run, as that of a `Fitted`.
    """

    def __init__(self, task: Task, jobs: list[Job], device: str) -> None:
        self.task, self.jobs, self.device = task, jobs, device
        self.system, self.training = jobs[0].spec, jobs[0].training
        self.every = self.data = StackedRows(task, jobs, device)
        template, self.best = _begun(task, jobs, device)
        self.base = {mode: copy.deepcopy(template).to(device).train(mode == "train") for mode in ("train", "eval")}
        self._check(np.concatenate([[*job.train, *job.validation] for job in jobs]))
        names = trainable_names(self.base["eval"], *self.data.sample())
        self.parameters = {n: v.clone() for n, v in self.best.items() if n in names}
        self.others = {n: v for n, v in self.best.items() if n not in names}
        self.average = {n: v.clone() for n, v in self.parameters.items()} if self.training.averaging != "none" else None
        self.optimiser = StackedOptimiser(self.parameters, [job.training for job in jobs])
        self.masks = Masks(template, self.training.batch_size)
        self.progress = [EpochProgress(j.training, -(-len(j.train) // j.training.batch_size)) for j in jobs]
        self.alive = list(range(len(jobs)))
        self.total = torch.zeros(len(jobs), device=device)
        self.replayed = CudaGraphFunction()

    def epoch(self) -> np.ndarray:
        """Train every run that is not finished for one of its epochs; return mean losses, 0 of a finished one."""
        running = [self.progress[r] for r in self.alive]
        steps, size = max(p.steps for p in running), self.training.batch_size
        rows, counts = self._orders(steps)
        told = [self._put([[p.rate(step) for p in running] for step in range(steps)]),
                self._put([[float(step < p.steps and not p.finished) for p in running] for step in range(steps)]),
                self._keys(MASKS, steps)]  # fmt: skip
        parts = [rows.split(size, dim=1), counts.split(size, dim=1), *told]
        if (shown := self._shown(rows)) is not None:
            parts.append(shown.split(size, dim=1))
        self.total.zero_()
        for given in zip(*parts, strict=True):
            self.replayed(self._step, *given)
        return (self.total / counts.sum(dim=1)).cpu().numpy()

    def _step(self, rows: Tensor, counts: Tensor, rates: Tensor, active: Tensor, keys: Tensor,
              shown: Tensor | None = None) -> None:  # fmt: skip
        """One step of every run.

        Args:
            rows: of the batches, shape (runs, n), and `counts`: 1 where a row counts, 0 where it fills a batch.
            rates, active, keys: of every run, shape (runs,).
            shown: which modalities are, shape (runs, n, modalities).
        """
        present = by_modality(self.data.values, shown) or {}  # vmap takes no None
        goal = self.data.goal(rows, counts)
        gradients, loss = vmap(grad_and_value(self._loss))(
            self.parameters, self.masks.draw(keys), self.data.inputs(rows), present, goal, self.data.shift)  # fmt: skip
        self.optimiser.step(self.parameters, gradients, rates, active)
        if self.training.averaging == "ema":
            share = torch.maximum(self.optimiser.ema_share, 9 / (10 + self.optimiser.steps))
            self._draw(share * active)
        self.total += torch.where(active > 0, loss, 0) * counts.sum(dim=1)

    def end_epoch(self, loss: np.ndarray) -> None:
        """Validate, keep what is best, and take out who has finished."""
        if self.training.averaging == "epochs":
            epochs = torch.tensor([float(self.progress[r].epoch) for r in self.alive], device=self.device)
            self._draw((AVERAGING_POWER + 1) / (epochs + 1 + AVERAGING_POWER))
        weights = self.average or self.parameters
        better = []
        for number, (run, scores) in enumerate(zip(self.alive, self._validate(weights), strict=True)):
            if self.progress[run].finished:
                continue
            if not np.isfinite(loss[number]):
                raise DivergedTraining(f"the loss of {self.jobs[run].system}, seed {self.jobs[run].seed} is "
                                       f"{loss[number]}: lower training.learning_rate")  # fmt: skip
            if self.progress[run].end_epoch(float(loss[number]), scores):
                better.append((number, run))
        if better:
            here, there = (torch.tensor(list(side), device=self.device) for side in zip(*better, strict=True))
            for name, value in weights.items():
                self.best[name][there] = value[here]
        going = [number for number, run in enumerate(self.alive) if not self.progress[run].finished]
        if len(going) < len(self.alive) and (not going or len(going) < THINNED * len(self.alive)):
            self._keep(going)

    @property
    def histories(self) -> list[list[dict]]:
        return [progress.history for progress in self.progress]

    def logits(self, wanted: list[np.ndarray]) -> list[np.ndarray]:
        """Return every run's answers to rows of its own, at its best epoch, as `Fitted.logits` does.

        Raises:
            ValueError: a row lacks what the networks cannot do without.
        """
        self._check(np.concatenate(wanted))
        return self._answers(self.best, self.every, wanted)

    def told(self) -> tuple[dict[str, Tensor], dict]:
        """Return everything that goes on into the next epoch: tensors, and JSON types."""
        named = {"now": self.parameters, "best": self.best, "optimiser": self.optimiser.state()}
        named |= {"average": self.average} if self.average else {}
        tensors = {f"{part}/{name}": value for part, values in named.items() for name, value in values.items()}
        return tensors, {"alive": self.alive, "runs": [p.state() for p in self.progress]}

    def go_on(self, saved: tuple[dict[str, Tensor], dict] | None) -> None:
        """Take up what was saved."""
        if saved is None:
            return
        parts: dict[str, dict[str, Tensor]] = {"average": {}}
        for name, value in saved[0].items():
            part, _, leaf = name.partition("/")
            parts.setdefault(part, {})[leaf] = value
        self._keep(saved[1]["alive"])
        # Sums over parameters go in their order, and a file has another one.
        self.parameters = {n: parts["now"][n] for n in self.parameters}
        self.best = {n: parts["best"][n] for n in self.best}
        self.average = {n: parts["average"][n] for n in self.parameters} if self.average else None
        self.optimiser.restore(parts["optimiser"])
        self.progress = [from_state(j.training, s) for j, s in zip(self.jobs, saved[1]["runs"], strict=True)]

    def _loss(self, parameters, masks, inputs, present, goal, shift) -> Tensor:
        """One run's loss on one batch."""
        state = {**parameters, **{f"{n}.mask": mask for n, mask in zip(self.masks.layers, masks, strict=True)}}
        logits = functional_call(self.base["train"], state, (inputs, present or None))
        return losses.loss(logits + shift, *goal, self.data.multi_label)

    def _check(self, rows: np.ndarray) -> None:
        rows = self._put(np.unique(rows).astype(np.int64))
        self.base["eval"].check({m: x[rows] for m, x in self.every.values.items()}, self.every.there(rows))

    def _put(self, values: list | np.ndarray) -> Tensor:
        return torch.as_tensor(values, device=self.device)

    def _keys(self, stream: int, count: int) -> Tensor:
        """Keys of one stream of random numbers of every run's epoch; shape (count, runs)."""
        runs = [(self.jobs[r].seed, self.progress[r].epoch) for r in self.alive]
        return self._put(np.stack([random_numbers.keys(*run, stream, count=count) for run in runs], axis=1))

    def _orders(self, steps: int) -> tuple[Tensor, Tensor]:
        """Rows in the order of this epoch, and 1 where a row counts; the rest fills the batches."""
        width = self.training.batch_size * steps
        rows, counts = np.zeros((len(self.alive), width), np.int64), np.zeros((len(self.alive), width), np.float32)
        for number, run in enumerate(self.alive):
            job = self.jobs[run]
            order = sampling.order(self.task.corpora[job.train], job.training.corpus_exponent, job.seed,
                                   self.progress[run].epoch)  # fmt: skip
            rows[number, : len(order)], counts[number, : len(order)] = job.train[order], 1.0
            rows[number, len(order) :] = job.train[0]
        return self._put(rows), self._put(counts)

    def _shown(self, rows: Tensor) -> Tensor | None:
        """Which modalities of these rows are shown; shape (runs, n, modalities). None: all."""
        rate = hides(self.training)
        if rate:
            return hide(self.data.present[rows], self._keys(HIDING, 1)[0], rate)
        return self.data.present[rows] if self.data.gaps else None

    def _draw(self, share: Tensor) -> None:
        for name, value in self.average.items():
            value.lerp_(self.parameters[name], share.reshape(-1, *[1] * (value.dim() - 1)))

    def _validate(self, weights: dict[str, Tensor]) -> list[dict[str, float]]:
        """Corpus -> UAR on each run's own validation rows."""
        wanted = [self.jobs[r].validation for r in self.alive]
        answers = self._answers({**self.others, **weights}, self.data, wanted)
        return [self.task.scored(a.argmax(axis=1), rows) for a, rows in zip(answers, wanted, strict=True)]

    def _answers(self, weights: dict[str, Tensor], data: StackedRows, wanted: list[np.ndarray]) -> list[np.ndarray]:
        width = max(len(rows) for rows in wanted)
        padded = np.stack([np.pad(rows, (0, width - len(rows))) for rows in wanted])
        answer = vmap(lambda w, inputs, present: functional_call(self.base["eval"], w, (inputs, present)))
        parts = [np.zeros((len(wanted), 0, data.seen.shape[1]))]
        with torch.inference_mode():
            for first in range(0, width, ROWS):
                rows = self._put(padded[:, first : first + ROWS])
                logits = answer(weights, data.inputs(rows), data.there(rows))
                parts.append(torch.where(data.seen[:, None], logits, -torch.inf).cpu().numpy())
        answers = np.concatenate(parts, axis=1)
        return [found[: len(rows)] for found, rows in zip(answers, wanted, strict=True)]

    def _keep(self, numbers: list[int]) -> None:
        """Take the other runs out of the tensors."""
        index = torch.tensor(numbers, dtype=torch.int64, device=self.device)
        self.alive = [self.alive[number] for number in numbers]
        self.parameters = {n: v[index] for n, v in self.parameters.items()}
        self.average = {n: v[index] for n, v in self.average.items()} if self.average else None
        self.others = {n: v[index] for n, v in self.others.items()}
        self.total = self.total[index]
        self.optimiser.keep(index)
        self.data = self.data.of(index)
        self.replayed = CudaGraphFunction()


def _begun(task: Task, jobs: list[Job], device: str) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return a network, and what every run's parameters are before its first step; runs of one seed begin alike."""
    beginnings = {(job.seed, job.training.start_from): job for job in jobs}
    networks = [loop.begun(task, job.spec, job.training, job.seed) for job in beginnings.values()]
    number = {told: n for n, told in enumerate(beginnings)}
    index = torch.tensor([number[job.seed, job.training.start_from] for job in jobs], device=device)
    stacked = stack_module_state(networks)[0]
    return networks[0], {n: v.detach().to(device)[index] for n, v in stacked.items()}
