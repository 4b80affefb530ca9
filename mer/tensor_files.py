"""Writes arrays and tensors as safetensors files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def write(path: Path, tensors: "Mapping[str, np.ndarray | Tensor]", metadata: Mapping[str, str]) -> None:
    """Write a safetensors file that whoever the umask admits can read.

    `save_file` of safetensors is not used: nobody else may read its files, whatever the umask, and its errors name no
    path.

    Args:
        path: is written directly, so it should be a temporary path that is renamed afterwards.
        tensors: arrays of NumPy, or tensors of torch on the CPU, by name.
        metadata: texts of the file's header.

    Raises:
        OSError: the file cannot be written.
    """
    if any(type(value).__module__.startswith("torch") for value in tensors.values()):
        from safetensors.torch import save
    else:
        from safetensors.numpy import save

        tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    path.write_bytes(save(dict(tensors), dict(metadata)))
