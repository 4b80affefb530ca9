"""Arrays and what is said of them in one file, with a digest by which damage is noticed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mer import files


def write(path: Path, kind: str, arrays: Mapping[str, np.ndarray], told: object) -> None:
    """Write arrays and JSON types, in one step.

    Args:
        kind: names what is told; the file is read as this kind only.
    """
    from safetensors.numpy import save_file

    whole = {name: np.asarray(values, order="C") for name, values in arrays.items()}
    text = json.dumps(told)
    with files.replacing(path) as partial:
        save_file(whole, partial, metadata={kind: text, "sha256": _digest(whole, text)})


def read(path: Path, kind: str) -> tuple[dict[str, np.ndarray], object] | None:
    """Return what was written; None where there is no such file, or one that is damaged or of another kind."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        text = metadata[kind]
        return (arrays, json.loads(text)) if metadata["sha256"] == _digest(arrays, text) else None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None


def _digest(arrays: Mapping[str, np.ndarray], text: str) -> str:
    content = hashlib.sha256(text.encode("utf-8"))
    for name, values in sorted(arrays.items()):
        content.update(f"\0{name}\0{values.dtype.str}{values.shape}\0".encode())
        content.update(values.reshape(-1).view(np.uint8))
    return content.hexdigest()
