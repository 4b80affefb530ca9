"""Device, precision and processes of a training, by accelerate: one process, or several of `torchrun`."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor


class Processes:
    """The processes of one training, of which this is one.

    Args:
        device: cpu, cuda or mps.
        precision: `training.encoders.precision`.

    Attributes:
        rank, count: the number of this process, and of all processes.
        device: the device of this process.
        is_scaled: whether small gradients of `fp16` would become 0, so that the loss is multiplied by a large number.
    """

    def __init__(self, device: str, precision: str = "full") -> None:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState

        names = {"full": "no", "bf16": "bf16", "fp16": "fp16"}
        resolved = _resolved(device, precision)
        AcceleratorState._reset_state()  # which would refuse another precision than that of the training before
        self._accelerator = Accelerator(cpu=device == "cpu", mixed_precision=names[resolved])
        self.rank, self.count = self._accelerator.process_index, self._accelerator.num_processes
        self.device, self.is_scaled = str(self._accelerator.device), resolved == "fp16"

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which products are computed in the precision of the training."""
        return self._accelerator.autocast()

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        return values if self.count == 1 else self._accelerator.reduce(values, "sum")

    def wait(self) -> None:
        """Wait for all processes."""
        self._accelerator.wait_for_everyone()


def _resolved(device: str, precision: str) -> str:
    if precision != "auto":
        return precision
    if device != "cuda":
        return "full"
    return "bf16" if torch.cuda.get_device_capability()[0] >= 8 else "fp16"
