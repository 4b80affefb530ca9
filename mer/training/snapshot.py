"""Where a training stands, as one file: what a killed process had done is gone on with, bit by bit."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from mer import sealed

SHARE = 0.02
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
        """Return tensors and state of the last saving; None where there is none of this training."""
        from safetensors import SafetensorError, safe_open

        if self.path is None or not self.path.is_file():
            return None
        try:
            sealed.check(self.path, self.path.name)
            with safe_open(self.path, "pt", device=device) as file:
                told = json.loads(file.metadata()["state"])
                if told.get("identity") != self.identity:
                    return None
                # Copied, as tensors of a file are mapped, and the file is going to be replaced.
                return {name: file.get_tensor(name).clone() for name in file.keys()}, told["progress"]  # noqa: SIM118
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            sealed.throw_away(self.path, error, "its training begins anew")
            return None

    def save(self, told: Callable[[], tuple[dict[str, Tensor], dict]]) -> None:
        """Write, where enough time has passed for it to be cheap.

        Args:
            told: returns tensors and state; called only then.
        """
        from safetensors.torch import save_file

        if self.path is None or time.monotonic() < self._next:
            return
        tensors, progress = told()
        begin = time.monotonic()
        plain = {name: value.detach().contiguous() for name, value in tensors.items()}
        state = json.dumps({"seal": sealed.BLANK, "identity": self.identity, "progress": progress})
        with sealed.replacing(self.path, self.path.name) as partial:
            save_file(plain, partial, metadata={"state": state})
        now = time.monotonic()
        self._next = now + (now - begin) / SHARE

    def remove(self) -> None:
        """Delete the file: the training is finished."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
