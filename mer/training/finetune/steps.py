"""The gradient of one training step: its parts, and the rows that each process computes."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mer.features.encoder_items import EncoderItems
from mer.models import random_numbers
from mer.params.systems import Training
from mer.training.finetune import log, selection
from mer.training.finetune.course import Course
from mer.training.finetune.encoders import Encoder
from mer.training.finetune.processes import Processes
from mer.training.networks import losses
from mer.training.networks.batches import DropoutMasks, TrainingData, by_input

CROP_STREAM, ENCODER_STREAM = 2, 3
"""The numbers of an epoch's random streams beside those of mer/training/networks/batches.py: one for what happens to a
recording, one for dropout in encoders."""


@dataclass
class Step:
    """A training step, as `TrainingData.epoch` yields it.

    Attributes:
        epoch, number: the number of the epoch, and of the step in it.
        rows: numbers of training rows, int64 of shape (n,).
        visible: which of their inputs the network gets, shape (n, inputs); None: all.
        targets: targets, class weights and row weights of the rows.
        masks: of the dropout layers of the fusion network.
    """

    epoch: int
    number: int
    rows: Tensor
    visible: Tensor | None
    targets: Sequence[Tensor]
    masks: Sequence[Tensor]


@dataclass
class StepGradient:
    """Computes the gradient of training steps.

    Attributes:
        network: the fusion network.
        encoders: input -> encoder, for inputs whose encoder is trained.
        items: input -> what its encoder reads of each row of the task.
        data: the training rows.
        task_rows: number of each training row in the task, int64 of shape (n,).
        moments: input -> shift and scale of its vectors, on the device.
    """

    network: nn.Module
    encoders: Mapping[str, Encoder]
    items: Mapping[str, EncoderItems]
    data: TrainingData
    task_rows: np.ndarray
    moments: Mapping[str, tuple[Tensor, Tensor]]
    masks: DropoutMasks
    training: Training
    seed: int
    processes: Processes

    def compute(self, course: Course, step: Step) -> float:
        """Write the gradient of a step into the course, and return the step's loss.

        Out of memory, the number of parts is doubled, and the step is computed again.

        Raises:
            torch.OutOfMemoryError: a single row does not fit into memory.
        """
        while True:
            try:
                with warnings.catch_warnings():
                    # as in waves.py, where blocks of WavLM are computed again for gradients
                    warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask and attn_mask")
                    return self._computed(course, step)
            except torch.OutOfMemoryError:
                if course.accumulation >= len(step.rows):
                    raise
                course.accumulation *= 2
                log.write(f"out of memory: training.encoders.accumulation is {course.accumulation} from now on; the "
                          f"gradient is still that of {len(step.rows)} utterances")  # fmt: skip
            torch.cuda.empty_cache()

    def _computed(self, course: Course, step: Step) -> float:
        self._set_modes()
        course.clear_gradient()
        total = torch.zeros((), device=step.rows.device)
        weight = step.targets[2].sum().clamp_min(1e-12)
        for number, part in enumerate(self.parts(step.rows.cpu().numpy(), course.accumulation)):
            if number % self.processes.count == self.processes.rank:
                loss = self._loss(step, torch.as_tensor(part, device=step.rows.device)) / weight
                course.add_gradient(loss)
                total += loss.detach()
        for vector in course.vectors:
            vector.grad.copy_(self.processes.sum(vector.grad))
        return float(self.processes.sum(total))

    def parts(self, rows: np.ndarray, accumulation: int) -> list[np.ndarray]:
        """Return the positions of the rows of each part: rows of similar length together, the longest first.

        Several processes get equally many parts, so that they wait for each other as little as possible.

        Args:
            rows: numbers of training rows of a step.
            accumulation: the number of parts, at least.
        """
        lengths = np.max([self.items[name].lengths(self.task_rows[rows]) for name in self._by_cost()], axis=0)
        order = np.argsort(-lengths, kind="stable")
        count = -(-accumulation // self.processes.count) * self.processes.count
        return [part for part in np.array_split(order, min(count, len(order))) if len(part)]

    def _by_cost(self) -> list[str]:
        """The inputs whose lengths decide: recordings before texts, and both before videos, which have no padding."""
        kinds = {name: self.items[name].section.modality for name in self.encoders}
        first = next(kind for kind in ("audio", "text", "video") if kind in kinds.values())
        return [name for name, kind in kinds.items() if kind == first]

    def _set_modes(self) -> None:
        self.network.train()
        for encoder in self.encoders.values():
            selection.set_modes(encoder.body, encoder.section)

    def _loss(self, step: Step, part: Tensor) -> Tensor:
        """The sum over the rows of a part of the loss, before it is divided by the weight of the whole step.

        Args:
            part: positions in the step.
        """
        rows = step.rows[part]
        visible = None if step.visible is None else step.visible[part]
        self.masks.install([mask[part] for mask in step.masks], len(part))
        key = random_numbers.key(self.seed, step.epoch, ENCODER_STREAM, step.number, int(part[0]))
        with torch.random.fork_rng(devices=self._generators()):
            torch.manual_seed(key)
            with self.processes.autocast():
                logits = self.network(self._inputs(step, rows, visible), by_input(self.data.inputs, visible))
        targets = [values[part] for values in step.targets]
        mean = losses.loss(logits.float() + self.data.shift, *targets, self.data.multi_label)
        return mean * targets[2].sum().clamp_min(1e-12)

    def _generators(self) -> list[str]:
        return [self.processes.device] if self.processes.device.startswith("cuda") else []

    def _inputs(self, step: Step, rows: Tensor, visible: Tensor | None) -> dict[str, Tensor]:
        inputs = {}
        for column, (name, values) in enumerate(self.data.inputs.items()):
            inputs[name] = values.index_select(0, rows)
            if name in self.encoders:
                shown = torch.ones(len(rows), dtype=torch.bool) if visible is None else visible[:, column].cpu()
                inputs[name] = self._encoded(name, step, rows[shown.to(rows.device)], shown, inputs[name])
        return inputs

    def _encoded(self, name: str, step: Step, rows: Tensor, shown: Tensor, frozen: Tensor) -> Tensor:
        """The scaled vectors of an input, zeros where it is not shown; shape (len(shown), width)."""
        vectors = torch.zeros_like(frozen)
        if len(rows):
            numbers = self.task_rows[rows.cpu().numpy()]
            position = self.seed, step.epoch, CROP_STREAM, step.number  # a row may be drawn again in another step
            keys = [random_numbers.key(*position, int(number)) for number in numbers]
            items, names = self.items[name], [self.items[name].keys[number] for number in numbers]
            own = self.encoders[name].forward(items.select(numbers), self.training.encoders, keys, names)
            mean, scale = self.moments[name]
            vectors = vectors.index_put((shown.nonzero().squeeze(1).to(vectors.device),), (own - mean) / scale)
        return vectors
