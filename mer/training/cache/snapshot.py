"""Snapshot of an unfinished training, in one file. A killed training resumes from it and gives the same bits."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mer.training.cache import arrays as cached

MAX_TIME_SHARE = 0.02
"""The largest share of a training's time that is spent on writing snapshots."""


class Snapshot:
    """A file that is written at the end of some epochs.

    Args:
        path: path of the file; None saves nothing.
        identity: identifies the training; the snapshot of another training is not used.
    """

    def __init__(self, path: Path | None, identity: str) -> None:
        self.path, self.identity = path, identity
        self._next = 0.0

    def load(self, device: str) -> tuple[dict[str, Tensor], dict] | None:
        """Return tensors and state of the last snapshot; None if this training has none, or it is damaged."""
        if self.path is None or (stored := cached.read_arrays(self.path, "state")) is None:
            return None
        arrays, metadata = stored
        if metadata["identity"] != self.identity:
            return None
        return {name: torch.tensor(values, device=device) for name, values in arrays.items()}, metadata["progress"]

    def save(self, get_state: Callable[[], tuple[dict[str, Tensor], dict]]) -> None:
        """Write the file, unless that would exceed `MAX_TIME_SHARE`.

        Args:
            get_state: returns tensors and state; it is called only if the file is written.
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
        """Delete the file, after the training is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
