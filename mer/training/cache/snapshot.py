"""Where a training stands, as one file: what a killed process had done is gone on with, bit by bit."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mer.training.cache import arrays as cached

MAX_TIME_SHARE = 0.02
"""of a training's time that may be spent on saving"""


class Snapshot:
    """A file that is written at ends of epochs, now and then.

    Args:
        path: None saves nothing.
        identity: what the training is; a file of another one is not gone on with.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        self.path, self.identity = path, identity
        self._next = 0.0

    def load(self, device: str) -> tuple[dict[str, Tensor], dict] | None:
        """Return tensors and state of the last saving; None where there is none of this training, or a damaged one."""
        if self.path is None or (found := cached.read_arrays(self.path, "state")) is None:
            return None
        arrays, told = found
        if told["identity"] != self.identity:
            return None
        return {name: torch.tensor(values, device=device) for name, values in arrays.items()}, told["progress"]

    def save(self, get_state: Callable[[], tuple[dict[str, Tensor], dict]]) -> None:
        """Write, where enough time has passed for it to be cheap.

        Args:
            get_state: returns tensors and state; called only then.
        """
        if self.path is None or time.monotonic() < self._next:
            return
        tensors, progress = get_state()
        begin = time.monotonic()
        arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
        cached.write_arrays(self.path, "state", arrays, {"identity": self.identity, "progress": progress})
        now = time.monotonic()
        self._next = now + (now - begin) / MAX_TIME_SHARE

    def remove(self) -> None:
        """Delete the file: the training is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
